"""A path that was found is trusted less than one that was named."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import combinations
from pathlib import Path

import pytest

from shuttle.input.files.trust import Trust
from tests.helpers.disks import reachable
from tests.helpers.planted import AS_ROOT, OTHER, THIRD, link, make


def distrusts(path: Path, pattern: Path | str, *, follow_links: bool = False) -> str:
    return Trust([str(pattern)], follow_links=follow_links).find_distrust(path)


def test_a_file_and_a_fifo_are_trusted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "b.log")
    assert not distrusts(make(tmp_path / "a.log"), tmp_path / "*.log")
    assert not distrusts(tmp_path / "b.log", tmp_path / "*.log")


@pytest.mark.parametrize("follow_links", [False, True])
def test_devices_and_sockets_are_never_read(tmp_path: Path, follow_links: bool) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "a.log"))
        for path in (tmp_path / "a.log", link(tmp_path / "b.log", "/dev/zero"), link(tmp_path / "c.log", "/dev/null")):
            assert "device" in distrusts(path, tmp_path / "*.log", follow_links=follow_links)


@AS_ROOT
def test_a_link_of_another_user_is_refused(tmp_path: Path) -> None:
    path = link(tmp_path / "logs" / "a.log", make(tmp_path / "secret"), OTHER)
    assert "link of another user" in distrusts(path, tmp_path / "logs" / "*.log")
    assert not distrusts(path, tmp_path / "logs" / "*.log", follow_links=True)


@AS_ROOT
def test_a_link_to_ones_own_file_is_followed(tmp_path: Path) -> None:
    path = link(tmp_path / "logs" / "a.log", make(tmp_path / "app.log", OTHER), OTHER)
    assert not distrusts(path, tmp_path / "logs" / "*.log")


@AS_ROOT
def test_a_link_of_root_is_followed(tmp_path: Path) -> None:
    path = link(tmp_path / "logs" / "a.log", make(tmp_path / "app.log", OTHER), 0)
    assert not distrusts(path, tmp_path / "logs" / "*.log")


@AS_ROOT
@pytest.mark.parametrize("place", range(3))
def test_every_link_of_a_chain_counts(tmp_path: Path, place: int) -> None:
    owners = [OTHER if each == place else 0 for each in range(3)]
    file = make(tmp_path / "real" / "0.log", THIRD)
    link(tmp_path / "docker", tmp_path / "real", owners[2])
    link(tmp_path / "pods" / "0.log", "../docker/0.log", owners[1])
    path = link(tmp_path / "containers" / "x.log", tmp_path / "pods" / "0.log", owners[0])
    assert "link of another user" in distrusts(path, tmp_path / "containers" / "*.log")
    for each in (tmp_path / "docker", tmp_path / "pods" / "0.log", path):
        os.lchown(each, 0, 0)
    assert not distrusts(path, tmp_path / "containers" / "*.log")
    assert path.resolve() == file


@AS_ROOT
def test_links_in_what_was_named_do_not_count(tmp_path: Path) -> None:
    make(tmp_path / "real" / "a.log")
    link(tmp_path / "logs", tmp_path / "real", OTHER)
    assert not distrusts(tmp_path / "logs" / "a.log", tmp_path / "logs" / "*.log")
    assert "another user" in distrusts(tmp_path / "logs" / "a.log", tmp_path / "*" / "a.log")


def test_links_that_lead_to_each_other_are_no_files(tmp_path: Path) -> None:
    link(tmp_path / "a.log", tmp_path / "b.log")
    link(tmp_path / "b.log", tmp_path / "a.log")
    assert "link" in distrusts(tmp_path / "a.log", tmp_path / "*.log")


def read(trust: Trust, path: Path) -> bytes:
    fd, _ = trust.open(path)
    with os.fdopen(fd, "rb") as file:
        return file.read()


@AS_ROOT
@pytest.mark.parametrize("below", ["app.log", "a/app.log"])
def test_what_was_found_is_not_opened_by_a_link_of_another_user(tmp_path: Path, below: str) -> None:
    path = link(tmp_path / "logs" / below, make(tmp_path / "secret"), OTHER)
    with pytest.raises(PermissionError, match="a link of another user"):
        Trust([f"{tmp_path}/logs/**/*.log"]).open(path)
    assert read(Trust([str(path)]), path) == b"line\n"
    assert read(Trust([f"{tmp_path}/logs/**/*.log"], follow_links=True), path) == b"line\n"
    os.lchown(path, 0, 0)
    assert read(Trust([f"{tmp_path}/logs/**/*.log"]), path) == b"line\n"


@AS_ROOT
@pytest.mark.parametrize("pattern", ["app.log", "*.log"])
def test_what_stands_beside_a_path_is_found_and_not_named(tmp_path: Path, pattern: str) -> None:
    secret = make(tmp_path / "secret")
    path = link(tmp_path / "logs" / "app.log.1", secret, OTHER)
    with pytest.raises(PermissionError, match="a link of another user"):
        Trust([str(path.with_name(pattern))]).open(path)
    os.chown(secret, OTHER, OTHER)
    assert read(Trust([str(path.with_name(pattern))]), path) == b"line\n"


@AS_ROOT
def test_a_linked_directory_counts_where_nobody_has_named_it(tmp_path: Path) -> None:
    make(tmp_path / "real" / "app.log.1")
    logs = link(tmp_path / "logs", tmp_path / "real", OTHER)
    assert read(Trust([f"{logs}/app.log"]), logs / "app.log.1") == b"line\n"
    with pytest.raises(PermissionError, match="a link of another user"):
        Trust(["/elsewhere/app.log"]).open(logs / "app.log.1")


def test_links_of_this_user_lead_up_and_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make(tmp_path / "a" / "b" / "app.log")
    make(tmp_path / "logs" / "other.log")
    link(tmp_path / "up", "logs/../a/./b/")
    link(tmp_path / "logs" / "x.log", "../up/app.log")
    link(tmp_path / "logs" / "y.log", tmp_path / "up" / "app.log")
    for name in ("x.log", "y.log"):
        assert Trust([f"{tmp_path}/logs/*.log"]).open(tmp_path / "logs" / name)[1].st_ino == file.stat().st_ino
    monkeypatch.chdir(tmp_path)
    assert read(Trust(["*/x.log"]), Path("logs/x.log")) == b"line\n"


def test_what_leads_nowhere_or_in_circles_is_not_opened(tmp_path: Path) -> None:
    trust = Trust([f"{tmp_path}/*.log"])
    link(tmp_path / "a.log", tmp_path / "b.log")
    link(tmp_path / "b.log", tmp_path / "a.log")
    with pytest.raises(OSError, match="symbolic link"):
        trust.open(tmp_path / "a.log")
    with pytest.raises(FileNotFoundError):
        trust.open(link(tmp_path / "c.log", "nothing"))
    with pytest.raises(FileNotFoundError):
        trust.open(tmp_path / "d.log")
    with pytest.raises(IsADirectoryError):
        trust.open(link(tmp_path / "e.log", tmp_path))
    with pytest.raises(PermissionError, match="device"):
        trust.open(link(tmp_path / "f.log", "/dev/zero"))
    assert trust.open(make(tmp_path / "g.log"))[1].st_size == len("line\n")


class Swapper:
    """Puts `spare` in the place of `path` and back, before those calls of the system whose numbers are in `moments`."""

    def __init__(self, path: Path, spare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._path = path
        self._spare = spare
        self._count = 0
        self._moments: tuple[int, ...] = ()
        for name in ("open", "stat", "fstat", "readlink"):
            monkeypatch.setattr(os, name, partial(self._call, getattr(os, name)))

    @contextmanager
    def swapping(self, *moments: int) -> Iterator[None]:
        self._count, self._moments = 0, moments
        yield
        swapped = sum(moment < self._count for moment in moments)
        self._moments = ()
        if swapped % 2:
            self._swap()

    def _call(self, call: Callable[..., object], *args: object, **options: object) -> object:
        if self._count in self._moments:
            self._swap()
        self._count += 1
        return call(*args, **options)

    def _swap(self) -> None:
        third = self._path.with_name("third")
        self._path.rename(third)
        self._spare.rename(self._path)
        third.rename(self._spare)


@AS_ROOT
@pytest.mark.parametrize("honest", ["file", "link"])
@pytest.mark.parametrize("pattern", ["logs/*.log", "*/*.log"])
def test_a_link_that_takes_a_place_for_a_moment_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, honest: str
) -> None:
    """Whoever owns the directory swaps them between any two calls of the system, and swaps them back."""
    trust = Trust([f"{tmp_path}/{pattern}"])
    path = tmp_path / "logs" / "app.log"
    if honest == "file":
        make(path, OTHER)
    else:
        link(path, make(tmp_path / "real", OTHER), OTHER)
    spare = link(tmp_path / "logs" / "spare", make(tmp_path / "secret"), OTHER)
    swapper = Swapper(path, spare, monkeypatch)
    owners = []
    for moments in combinations(range(16), 2):
        with swapper.swapping(*moments):
            try:
                fd, status = trust.open(path)
            except OSError:
                continue
            os.close(fd)
            owners.append(status.st_uid)
    assert set(owners) == {OTHER}
    assert len(owners) < len(list(combinations(range(16), 2))), "some are refused"


LOOKER = """
import sys
from pathlib import Path
from shuttle.input.files.trust import Trust
print(Trust([sys.argv[1] + "/*.log"]).find_distrust(Path(sys.argv[2])))
"""


@AS_ROOT
@pytest.mark.parametrize("owners", [(OTHER, THIRD), (OTHER, OTHER), (0, THIRD)])
def test_users_that_a_namespace_does_not_know_are_not_taken_for_one(owners: tuple[int, int]) -> None:
    """A container, and PrivateUsers= of systemd, show all of them as one user."""
    with reachable() as place:
        for name in ("shop", "other"):
            (place / name).mkdir()
            (place / name).chmod(0o755)
        secret = place / "other" / "secret"
        secret.write_bytes(b"secret\n")
        os.chown(secret, owners[1], owners[1])
        link = place / "shop" / "evil.log"
        link.symlink_to(secret)
        os.chown(link, owners[0], owners[0], follow_symlinks=False)
        look = [sys.executable, "-c", LOOKER, str(link.parent), str(link)]
        found = subprocess.run(
            ["unshare", "--user", "--map-root-user", *look], capture_output=True, text=True, check=False
        )
    if "unshare" in found.stderr:
        pytest.skip(f"no user namespaces here: {found.stderr.strip()}")
    assert found.stderr == ""
    assert bool(found.stdout.strip()) is (owners[0] != 0)
