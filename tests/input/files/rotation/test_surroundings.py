"""What rotation has moved away is found by its content, and caught up with in order, compressed or not."""

import contextlib
import gzip
import itertools
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.fingerprint import HEAD, Fingerprint, is_same_content
from shuttle.input.files.content import open_content
from shuttle.input.files.rotation.directories import Directories
from shuttle.input.files.rotation.generations import Sighting, sort_by_age
from shuttle.input.files.rotation.surroundings import LOOKS, Surroundings
from shuttle.input.files.trust import Trust
from tests.helpers.fingerprints import fingerprint_file

OLDEST, OLD, NEW, NEWEST = (random.Random(seed).randbytes(5000) for seed in range(4))
OFFSET = 3000
BANNER = b"app 1.0 starts\n"
UNREADABLE = Path("/proc/self/mem")  # a regular file that opens, and fails to be read at 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


with_each_decompressor = pytest.mark.usefixtures("_decompressor")


def make_files(directory: Path, names: list[str]) -> None:
    """Make files of these names, each changed a second after the one before."""
    for second, name in enumerate(names):
        (directory / name).write_bytes(name.encode("utf-8", "surrogateescape"))
        os.utime(directory / name, (second, second))


def is_unknown(_: Sighting) -> bool:
    return False


def find_rest(path: Path, fingerprint: Fingerprint) -> list[tuple[Path, int]] | None:
    """Return what was never read, the file that holds what was read first; None if it is not found."""
    found, rest, _ = Surroundings(path, Directories(), Trust([str(path)])).find_rest([fingerprint], is_unknown)
    return [(one.path, offset) for one, offset in rest] if found else None


def list_siblings(path: Path) -> list[Path]:
    """Return what rotation may have made of the path, the oldest first."""
    return [one.path for one in sort_by_age(Surroundings(path, Directories(), Trust([str(path)])).list_siblings())]


def list_names(path: Path) -> list[str]:
    return [sibling.name for sibling in list_siblings(path)]


def read_so_far(path: Path, offset: int = OFFSET) -> Fingerprint:
    return fingerprint_file(path, offset)


def rotate(path: Path, *, pack: bool = False) -> None:
    """Rotate as logrotate does with numbers, and compress all but the last one if `pack`."""
    for number in range(8, 0, -1):
        for end in ("", ".gz"):
            old = path.with_name(f"{path.name}.{number}{end}")
            if old.exists():
                old.rename(path.with_name(f"{path.name}.{number + 1}{end}"))
    path.rename(path.with_name(f"{path.name}.1"))
    if pack and (second := path.with_name(f"{path.name}.2")).exists():
        compress(second)


def compress(path: Path) -> Path:
    """Compress as gzip does: a new file with the old one's time, which is deleted then."""
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    status = path.stat()
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()
    return packed


def read_rest(rest: list[tuple[Path, int]] | None) -> list[bytes] | None:
    """Read what was found, as far as it goes."""
    if rest is None:
        return None
    contents = []
    for path, offset in rest:
        with open_content(path) as content:
            contents.append(content.read(offset, 1_000_000))
    return contents


# --- names and order ---


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["app.log.1"], id="one"),
        pytest.param(["app.log-20251231.gz", "app.log-20260101", "app.log-20261125"], id="dates"),
        pytest.param(["app.log.20261125", "app.log.20261126"], id="dates behind a dot"),
        pytest.param(["app.log-2026112509", "app.log-2026112510"], id="hours"),
        pytest.param(["app.log.2026-11-25", "app.log.2026-11-26"], id="dates with dashes"),
        pytest.param(["app.log.2026-11-25_09-59-59", "app.log.2026-11-25_10-00-00"], id="seconds"),
        pytest.param(["app.log-2026-11-25T09", "app.log-2026-11-25T10:30Z"], id="ISO 8601"),
        pytest.param(["app.log-202611", "app.log-202612"], id="months"),
        pytest.param(["app.log.2026-11", "app.log.2026-12"], id="months with dashes"),
        pytest.param(["app.log-20261125", "app.log-2026112510", "app.log-20261126"], id="a date and an hour"),
        pytest.param(["app.log.2026-11-25.2", "app.log.2026-11-25.10"], id="dates and numbers that grow"),
        pytest.param(["app.log-20261125-1795600000", "app.log-20261125-1795600001"], id="dates and seconds since 1970"),
        pytest.param(["app.log.20261125-101010.gz", "app.log.20261125-111010"], id="as Kubernetes rotates"),
        pytest.param(["app-20261125.log.gz", "app-20261126.log"], id="dates before the extension"),
        pytest.param(
            ["app-2026-11-25T10-00-00.000.log.gz", "app-2026-11-25T10-00-00.001.log"], id="as lumberjack does"
        ),
        pytest.param(["app.2026-11-25.log", "app.2026-11-26.log"], id="dates between dots"),
    ],
)
def test_dates_give_the_order_whatever_the_times(path: Path, names: list[str]) -> None:
    for order in (names, names[::-1]):
        make_files(path.parent, [*order, path.name])
        assert list_names(path) == names


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["app.log.10", "app.log.9", "app.log.2", "app.log.1"], id="numbers"),
        pytest.param(["app.log.3.gz", "app.log.2.gz", "app.log.1"], id="numbers, compressed later"),
        pytest.param(["app.log.2", "app.log.1", "app.log.0"], id="numbers from nought"),
        pytest.param(["app.log.010", "app.log.009"], id="numbers with noughts before them"),
        pytest.param(["app.log-2", "app.log-1"], id="numbers behind a dash"),
        pytest.param(["app.2.log.gz", "app.1.log"], id="numbers before the extension"),
        pytest.param(["app.log.1", "app.log-20261125"], id="numbers and dates"),
        pytest.param(["app.log-20261125", "app.log.7"], id="dates and numbers"),
        pytest.param(["app.log-24-12-2026", "app.log-01-01-2027"], id="days before months"),
        pytest.param(["app.log.20261125", "app.log.1795600000"], id="dates and seconds since 1970"),
    ],
)
def test_times_give_the_order_of_others_whatever_the_names(path: Path, names: list[str]) -> None:
    """Numbers may grow or shrink with age; some dates begin with the day."""
    for order in (names, names[::-1]):
        make_files(path.parent, order)
        assert list_names(path) == order


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["app.log.10", "app.log.9", "app.log.2", "app.log.1"], id="numbers"),
        pytest.param(["app.log.3.gz", "app.log.2.gz", "app.log.1"], id="numbers, compressed later"),
        pytest.param(["app.log.2", "app.log.1", "app.log.0"], id="numbers from nought"),
        pytest.param(["app.log.010", "app.log.009"], id="numbers with noughts before them"),
        pytest.param(["app.log-2", "app.log-1"], id="numbers behind a dash"),
        pytest.param(["app.2.log.gz", "app.1.log"], id="numbers before the extension"),
        pytest.param(["app.log.1795600000", "app.log.1795600001"], id="seconds since 1970"),
    ],
)
def test_names_break_ties(path: Path, names: list[str]) -> None:
    make_files(path.parent, names)
    for name in names:
        os.utime(path.with_name(name), (1, 1))
    assert list_names(path) == names


@pytest.mark.parametrize(
    "name",
    [
        "app.log",
        "app.log.",
        "app.log-",
        "app.log1",
        "app.log.x",
        "app.log.1x",
        "app.log.1\n",
        "app.log.old",
        "app.log.gz",
        "app.log.1.2",
        "app.log..1",
        "app.log.\N{SUPERSCRIPT ONE}",
        "app.log.\N{ARABIC-INDIC DIGIT ONE}",
        "app.log.swp",
        ".app.log.1",
        "xapp.log.1",
        "app.1",
        "app-20261125",
        "app-1.log",  # of a second process
        "app-1.2.log",  # of a version
        "app.1.2.log",
        "app2.log",
        "app-web.log",
        "app.logs.1",
        "app.log.1.log",
        "other.log.1",
        "APP.LOG.1",
    ],
)
def test_other_files_are_no_siblings(path: Path, name: str) -> None:
    make_files(path.parent, [path.name, name])
    assert list_names(path) == []


@pytest.mark.parametrize(
    "name", ["app", ".app", "app.log.txt", "syslog", "a b [x]*?.log", "-", "1", "app-20261125.log"]
)
def test_any_file_name_can_have_siblings(tmp_path: Path, name: str) -> None:
    make_files(tmp_path, [f"{name}.2.gz", f"{name}.1", name])
    assert list_names(tmp_path / name) == [f"{name}.2.gz", f"{name}.1"]


def test_a_name_that_is_not_utf_8_can_have_siblings(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9 \xff\n.log")
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    rotate(path)
    compress(path.with_name(path.name + ".1"))
    packed = path.with_name(path.name + ".1.gz")
    assert os.fsencode(packed.name) == b"caf\xe9 \xff\n.log.1.gz"
    assert find_rest(path, fingerprint) == [(packed, OFFSET)]


def test_siblings_are_relative_if_the_path_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(path.parent, ["app.log.1"])
    monkeypatch.chdir(path.parent)
    assert list_siblings(Path("app.log")) == [Path("app.log.1")]
    assert list_siblings(path) == [path.parent / "app.log.1"]


def test_a_file_and_its_gz_count_once_while_gzip_runs(path: Path) -> None:
    make_files(path.parent, ["app.log.1.gz", "app.log.1", "app.log.2", "app.log.2.gz", "app.log.3.gz"])
    assert sorted(list_names(path)) == ["app.log.1", "app.log.2", "app.log.3.gz"]


def test_only_a_regular_file_is_a_sibling(path: Path) -> None:
    make_files(path.parent, ["app.log.1"])
    path.with_name("app.log.2").mkdir()
    os.mkfifo(path.with_name("app.log.3"))
    path.with_name("app.log.4").symlink_to(path.parent)
    path.with_name("app.log.5").symlink_to("nothing")
    path.with_name("app.log.6").symlink_to("app.log.6")
    assert list_names(path) == ["app.log.1"]


def test_a_directory_does_not_hide_the_gz_beside_it(path: Path) -> None:
    path.with_name("app.log.1").mkdir()
    make_files(path.parent, ["app.log.1.gz"])
    assert list_names(path) == ["app.log.1.gz"]


def test_a_link_to_a_regular_file_elsewhere_is_a_sibling(path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("archive") / "old"
    elsewhere.write_bytes(OLD)
    path.with_name("app.log.1").symlink_to(elsewhere)
    assert list_names(path) == ["app.log.1"]


def test_a_file_under_two_names_counts_once(path: Path) -> None:
    make_files(path.parent, ["app.log-20261125", "app.log-20261126", path.name])
    path.with_name("app.log.1").symlink_to("app.log-20261126")
    assert list_names(path) == ["app.log-20261125", "app.log-20261126"]


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_to_the_file_itself_is_no_sibling(path: Path, link: Callable[[Path, Path], None]) -> None:
    """The name of today's file may be a link to one with a date; a rotation by hard link begins with two names."""
    make_files(path.parent, ["app.log-20261125", "app.log-20261126"])
    link(path.with_name("app.log-20261126"), path)
    assert list_names(path) == ["app.log-20261125"]


def test_a_missing_directory_has_no_siblings(path: Path) -> None:
    assert list_siblings(path.parent / "gone" / "app.log") == []
    assert list_siblings(path / "x.log") == []


# --- what was never read ---


def test_a_renamed_file_is_found(path: Path) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    rotate(path)
    path.write_bytes(NEW)
    assert find_rest(path, fingerprint) == [(path.with_name("app.log.1"), OFFSET)]


@with_each_decompressor
@pytest.mark.parametrize("pack", [False, True])
def test_after_two_rotations_the_newer_file_follows(path: Path, pack: bool) -> None:
    path.write_bytes(OLDEST)
    rotate(path, pack=pack)
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    for data in (NEW, NEWEST):
        rotate(path, pack=pack)
        path.write_bytes(data)
    rest = find_rest(path, fingerprint)
    assert rest == [(path.with_name(f"app.log.2{'.gz' * pack}"), OFFSET), (path.with_name("app.log.1"), 0)]
    assert read_rest(rest) == [OLD[OFFSET:], NEW]


@with_each_decompressor
def test_after_many_rotations_only_newer_files_follow(path: Path) -> None:
    path.write_bytes(OLDEST)
    rotate(path)
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    contents = [b"file %d\n" % number for number in range(6)]
    for data in contents:
        rotate(path, pack=True)
        path.write_bytes(data)
    assert read_rest(find_rest(path, fingerprint)) == [OLD[OFFSET:], *contents[:-1]]


@with_each_decompressor
@pytest.mark.parametrize("pack", [False, True])
def test_a_copy_is_found_by_its_content(path: Path, pack: bool) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    copy = path.with_name("app.log-20261125")
    shutil.copyfile(path, copy)
    if pack:
        copy = compress(copy)
    for data in (b"", OLD[:HEAD], NEW):
        path.write_bytes(data)  # the same inode
        assert find_rest(path, fingerprint) == [(copy, OFFSET)]


@with_each_decompressor
@pytest.mark.parametrize("pack", [False, True])
def test_a_file_read_to_its_end_precedes_the_newer_ones(path: Path, pack: bool) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path, len(OLD))
    rotate(path, pack=pack)
    path.write_bytes(NEW)
    rotate(path, pack=pack)
    rest = find_rest(path, fingerprint)
    assert rest == [(path.with_name(f"app.log.2{'.gz' * pack}"), len(OLD)), (path.with_name("app.log.1"), 0)]
    assert read_rest(rest) == [b"", NEW]


@pytest.mark.parametrize("content", [b"another", OLD[: OFFSET - 1], OLD[:HEAD] + NEW, NEW, b""])
def test_the_same_inode_with_other_content_is_no_match(path: Path, content: bytes) -> None:
    """The inode was used again, or the file truncated, replaced or restored from an older copy."""
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    path.write_bytes(content)
    rotate(path)
    assert find_rest(path, fingerprint) is None


def test_a_reused_inode_does_not_hide_the_content(path: Path) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    rotate(path)
    path.write_bytes(NEW)
    rotate(path)
    used_again = replace(fingerprint, inode=path.with_name("app.log.1").stat().st_ino)
    assert read_rest(find_rest(path, used_again)) == [OLD[OFFSET:], NEW]


def test_another_device_number_does_not_hide_the_content(path: Path) -> None:
    path.write_bytes(OLD)
    fingerprint = replace(read_so_far(path), device=0)
    rotate(path)
    assert find_rest(path, fingerprint) == [(path.with_name("app.log.1"), OFFSET)]


def test_a_backup_put_back_is_found(path: Path) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    rotate(path)
    sibling = path.with_name("app.log.1")
    sibling.unlink()
    sibling.write_bytes(OLD)
    assert find_rest(path, fingerprint) == [(sibling, OFFSET)]


def test_without_siblings_nothing_is_found(path: Path) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    assert find_rest(path, fingerprint) is None
    path.unlink()
    assert find_rest(path, fingerprint) is None


def test_among_equal_files_the_inode_decides_then_the_age(path: Path) -> None:
    for _ in range(3):
        path.write_bytes(BANNER + b"more")
        fingerprint = read_so_far(path, len(BANNER))
        rotate(path)
    first, last = path.with_name("app.log.3"), path.with_name("app.log.1")
    assert find_rest(path, fingerprint) == [(last, len(BANNER))]
    found = find_rest(path, replace(fingerprint, inode=0))
    assert found is not None
    assert found[0] == (first, len(BANNER))


def test_an_unread_file_is_found_by_its_inode_alone(path: Path) -> None:
    path.write_bytes(OLDEST)
    rotate(path)
    path.write_bytes(b"")
    fingerprint = read_so_far(path, 0)
    path.write_bytes(OLD)
    rotate(path)
    path.write_bytes(NEW)
    rotate(path)
    assert read_rest(find_rest(path, fingerprint)) == [OLD, NEW]
    assert find_rest(path, replace(fingerprint, inode=0)) is None


@with_each_decompressor
@pytest.mark.parametrize("offset", [0, OFFSET])
def test_the_inode_of_a_compressed_file_means_nothing(path: Path, offset: int) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path, offset)
    rotate(path)
    inode = compress(path.with_name("app.log.1")).stat().st_ino
    path.write_bytes(NEW)
    found = find_rest(path, replace(fingerprint, inode=inode))
    assert found == ([(path.with_name("app.log.1.gz"), OFFSET)] if offset else None)


@with_each_decompressor
@pytest.mark.parametrize("kept", [0.1, 0.7, 0.99])
def test_a_broken_gz_matches_if_it_holds_what_was_read(path: Path, kept: float) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    rotate(path)
    packed = compress(path.with_name("app.log.1"))
    data = packed.read_bytes()
    packed.write_bytes(data[: int(len(data) * kept)])
    rest = find_rest(path, fingerprint)
    if kept < OFFSET / len(OLD):
        assert rest is None
    else:
        assert rest == [(packed, OFFSET)]
        assert OLD[OFFSET:].startswith((read_rest(rest) or [])[0])


@pytest.mark.skipif(not UNREADABLE.is_file(), reason="there is no file here that cannot be read")
def test_a_sibling_that_cannot_be_read_is_passed_over(path: Path) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    rotate(path)
    path.with_name("app.log.2").symlink_to(UNREADABLE)
    status = UNREADABLE.stat()
    for inode in (fingerprint.inode, 0, status.st_ino):
        device = status.st_dev if inode == status.st_ino else fingerprint.device
        known = replace(fingerprint, device=device, inode=inode)
        assert find_rest(path, known) == [(path.with_name("app.log.1"), OFFSET)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_sibling_without_read_permission_is_passed_over(path: Path) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    rotate(path)
    make_files(path.parent, ["app.log.2"])
    path.with_name("app.log.2").chmod(0)
    assert find_rest(path, replace(fingerprint, inode=0)) == [(path.with_name("app.log.1"), OFFSET)]


# --- rotation while the siblings are looked at ---


class Meanwhile:
    """Does something just before a file of a certain name is opened, some times."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object], *, times: int = 1
    ) -> None:
        self.left = times
        really_open = os.open

        def open_file(path: Path | str, flags: int, *mode: int) -> int:
            if self.left and Path(path).name == name:
                self.left -= 1
                act()
            return really_open(path, flags, *mode)

        monkeypatch.setattr(os, "open", open_file)


def test_a_sibling_that_vanishes_is_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(OLD)
    fingerprint = replace(read_so_far(path), inode=0)
    rotate(path)
    make_files(path.parent, ["app.log.2"])
    meanwhile = Meanwhile(monkeypatch, "app.log.2", path.with_name("app.log.2").unlink)
    assert find_rest(path, fingerprint) == [(path.with_name("app.log.1"), OFFSET)]
    assert not meanwhile.left


def test_the_matching_sibling_may_vanish(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    rotate(path)
    meanwhile = Meanwhile(monkeypatch, "app.log.1", path.with_name("app.log.1").unlink)
    assert find_rest(path, fingerprint) is None
    assert not meanwhile.left


@with_each_decompressor
def test_a_file_just_compressed_is_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    rotate(path)
    sibling = path.with_name("app.log.1")
    meanwhile = Meanwhile(monkeypatch, sibling.name, lambda: compress(sibling))
    assert find_rest(path, fingerprint) == [(path.with_name("app.log.1.gz"), OFFSET)]
    assert not meanwhile.left


@pytest.mark.parametrize("rotations", [1, 2])
def test_a_rotation_during_the_search_repeats_it(path: Path, monkeypatch: pytest.MonkeyPatch, rotations: int) -> None:
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    rotate(path)
    path.write_bytes(NEW)

    def go_on() -> None:
        rotate(path)
        path.write_bytes(NEWEST)

    meanwhile = Meanwhile(monkeypatch, f"app.log.{rotations}", go_on)
    for _ in range(rotations - 1):
        go_on()
    rest = find_rest(path, fingerprint)
    assert not meanwhile.left
    assert rest is not None
    assert [sibling.name for sibling, _ in rest] == [f"app.log.{number}" for number in range(rotations + 1, 0, -1)]
    assert read_rest(rest) == [OLD[OFFSET:], NEW, *[NEWEST] * (rotations - 1)]


def test_a_search_in_a_restless_directory_ends(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(path.parent, ["app.log.1"])
    path.write_bytes(OLD)
    fingerprint = read_so_far(path)
    names = (f"app.log.{number}" for number in range(2, 100))
    meanwhile = Meanwhile(monkeypatch, "app.log.1", lambda: make_files(path.parent, [next(names)]), times=90)
    assert find_rest(path, fingerprint) is None
    assert meanwhile.left == 90 - LOOKS


# --- all of it ---


class Log:
    """A log of numbered lines that rotates, and is read now and then."""

    def __init__(self, path: Path, style: str) -> None:
        self.path = path
        self._style = style
        self._rotated: list[str] = []  # names without .gz, oldest first
        self._numbers = itertools.count()
        self._written = 0  # bytes, of all files together
        self._before = 0  # of them, in files before that of today
        self.write()
        self.read(1000)

    def write(self) -> None:
        with self.path.open("ab") as file:
            self._written += file.write(b"".join(b"%012d\n" % next(self._numbers) for _ in range(50)))

    def read(self, offset: int) -> None:
        if self._written > self._before:
            self.fingerprint = read_so_far(self.path, min(offset, self._written - self._before))
            self._read = self._before + self.fingerprint.offset

    def rename(self) -> None:
        self.path.rename(self._make_room())
        self.write()

    def copy(self) -> None:
        shutil.copyfile(self.path, self._make_room())
        self.path.write_bytes(b"")

    def pack(self) -> None:
        if self._rotated and (last := self.path.with_name(self._rotated[-1])).exists():
            compress(last)

    def _make_room(self) -> Path:
        """Return where the file of today goes to; what was there has moved on."""
        self._before = self._written
        age = len(self._rotated)
        if "{number}" in self._style:
            for place, name in enumerate(self._rotated):
                self._rotated[place] = self._style.format(number=age + 1 - place)
                for end in ("", ".gz"):
                    with contextlib.suppress(FileNotFoundError):
                        self.path.with_name(name + end).rename(self.path.with_name(self._rotated[place] + end))
        self._rotated.append(self._style.format(number=1, day=age + 1))
        return self.path.with_name(self._rotated[-1])

    @property
    def unread(self) -> bytes:
        return b"".join(b"%012d\n" % number for number in range(self._written // 13))[self._read :]


@given(
    st.lists(st.sampled_from([Log.write, Log.rename, Log.copy, Log.pack, Log.read]), max_size=25),
    st.integers(len("000000000000\n"), 2000),
    st.sampled_from(["app.log.{number}", "app.{number}.log", "app.log-202612{day:02}", "app-2026-12-{day:02}.log"]),
)
def test_any_rotations_leave_what_is_unread_found_once(
    steps: list[Callable[..., None]], offset: int, style: str
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        log = Log(Path(directory, "app.log"), style)
        for step in steps:
            step(log, offset) if step is Log.read else step(log)
        with open_content(log.path) as content:
            if is_same_content(log.fingerprint, content.read):
                found = [content.read(log.fingerprint.offset, 1_000_000)]
            else:
                found = [*(read_rest(find_rest(log.path, log.fingerprint)) or []), content.read(0, 1_000_000)]
        assert b"".join(found) == log.unread
