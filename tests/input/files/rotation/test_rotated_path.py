"""A path is opened from its checkpoints, or not at all."""

import gzip
from pathlib import Path

import pytest

from shuttle.core.fingerprint import Fingerprint
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.recognizer import Recognizer
from shuttle.input.files.rotation.directories import Directories
from shuttle.input.files.rotation.rotated_path import RotatedPath
from shuttle.input.files.trust import Trust, open_named
from shuttle.store.checkpoint_table import Checkpoint
from tests.helpers.catalogues import make_catalogue
from tests.helpers.descriptors import list_descriptors
from tests.helpers.fingerprints import fingerprint_file
from tests.helpers.following import append, compress, number_lines, rotate
from tests.helpers.virtual import Journal

MIB = 1024 * 1024
UNREADABLE = Path("/proc/self/mem")  # a regular file that opens, and fails to be read at 0


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def catalogue() -> Catalogue:
    return make_catalogue()


@pytest.fixture
def journal() -> Journal:
    return Journal()


def open_path(
    log: Path, catalogue: Catalogue, journal: Journal, *fingerprints: Fingerprint, at_end: bool = False
) -> RotatedPath:
    """Open `log` from checkpoints with these fingerprints, numbered from 11 on."""
    known = [Checkpoint(number, str(log), one) for number, one in enumerate(fingerprints, 11)]
    missed = MissedLines(lambda lines, stretches=0: None, journal)  # they are not counted here
    return RotatedPath.open(
        log,
        known,
        catalogue=catalogue,
        recognizer=Recognizer(catalogue, {}, open_named),
        missed=missed,
        clock=lambda: 0.0,
        at_end=at_end,
        trust=Trust([str(log)]),
        directories=Directories(),
    )


def read_all(path: RotatedPath) -> bytes:
    data = b""
    while piece := path.read(1000):
        data += piece[1]
    return data


def test_a_path_that_leads_nowhere_has_no_files(log: Path, catalogue: Catalogue, journal: Journal) -> None:
    path = open_path(log, catalogue, journal)
    assert (list(path.files), path.left, path.is_tidy) == ([], [], True)


@pytest.mark.parametrize(("at_end", "read"), [(False, b"one\n"), (True, b"")])
def test_a_new_file_is_read_from_either_end(
    log: Path, catalogue: Catalogue, journal: Journal, at_end: bool, read: bytes
) -> None:
    append(log, b"one")
    path = open_path(log, catalogue, journal, at_end=at_end)
    assert read_all(path) == read
    path.close()


def test_a_checkpoint_counts_more_than_the_end(log: Path, catalogue: Catalogue, journal: Journal) -> None:
    append(log, b"one", b"two")
    path = open_path(log, catalogue, journal, fingerprint_file(log, 4), at_end=True)
    assert read_all(path) == b"two\n"
    assert [file.number for file in path.files] == [11]
    path.close()


def test_what_was_rotated_away_is_read_first(log: Path, catalogue: Catalogue, journal: Journal) -> None:
    append(log, *number_lines(0, 10))
    first = fingerprint_file(log, log.stat().st_size // 2)
    for start in (10, 20):
        rotate(log)
        append(log, *number_lines(start, start + 10))
    compress(log.with_name("app.log.2"))
    path = open_path(log, catalogue, journal, first)
    assert read_all(path) == b"".join(line + b"\n" for line in number_lines(0, 30))[first.offset :]
    assert [file.number for file in path.files] == [11, 1, 2]
    path.close()


def test_a_file_that_expands_beyond_measure_keeps_no_other_waiting(
    log: Path, catalogue: Catalogue, journal: Journal
) -> None:
    """Somebody has put it beside the log, as if it were older."""
    append(log, b"one")
    known = fingerprint_file(log, 4)
    log.write_bytes(b"honest\n")
    bomb = b"one\n" + b"\n" * (100 * MIB) + b"last\n"
    log.with_name("app.log.1.gz").write_bytes(gzip.compress(bomb, 1))
    path = open_path(log, catalogue, journal, known)
    pieces: list[bytes] = []
    while piece := path.read(MIB):
        pieces.append(piece[1])
    place = pieces.index(b"honest\n")
    assert sum(map(len, pieces[:place])) < 70 * MIB
    assert sum(map(len, pieces[place + 1 :])) > 25 * MIB, "the rest is read when there is nothing else"
    assert pieces[-1].endswith(b"last\n")
    path.close()


def test_a_lost_file_is_logged_and_its_number_left(log: Path, catalogue: Catalogue, journal: Journal) -> None:
    append(log, b"one")
    gone = fingerprint_file(log, 4)
    log.write_bytes(b"another\n")
    path = open_path(log, catalogue, journal, gone)
    assert read_all(path) == b"another\n"
    assert path.left == [11]
    assert len(journal.named("file.missed")) == 1
    path.close()


@pytest.mark.skipif(not UNREADABLE.is_file(), reason="there is no file here that cannot be read")
def test_an_unreadable_file_leaves_nothing_open(log: Path, catalogue: Catalogue, journal: Journal) -> None:
    """What was rotated away can be read, what the path leads to cannot."""
    append(log, b"one", b"two")
    before = fingerprint_file(log, 4)
    rotate(log, create=False)
    log.symlink_to(UNREADABLE)
    descriptors = list_descriptors()
    with pytest.raises(OSError, match="Input/output error"):
        open_path(log, catalogue, journal, before)
    assert list_descriptors() == descriptors
    assert len(catalogue) == 0


def test_closing_leaves_nothing_open(log: Path, catalogue: Catalogue, journal: Journal) -> None:
    append(log, b"one")
    rotate(log)
    descriptors = list_descriptors()
    path = open_path(log, catalogue, journal, fingerprint_file(log.with_name("app.log.1"), 0))
    assert len(path.files) == 2
    path.close()
    assert list_descriptors() == descriptors
    assert list(path.files) == []


def test_closing_counts_what_a_deleted_file_still_had(log: Path, catalogue: Catalogue, journal: Journal) -> None:
    """The line of which the beginning was read is not among them: its source, which is returned, has that."""
    append(log, *number_lines(0, 10))
    path = open_path(log, catalogue, journal)
    path.read(3)
    (file,) = path.files
    log.unlink()
    assert path.close() == [file.source]
    assert [told["lines"] for told in journal.named("file.missed")] == [9]
