"""The catalogue gives each file its number and its source, and finds it by its numbers."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shuttle.core.fingerprint import HEAD
from shuttle.input.files.catalogue import Catalogue, ChangedError
from shuttle.input.files.open_file import OpenFile, open_live
from shuttle.store.checkpoint_table import Checkpoint
from tests.helpers.catalogues import make_catalogue
from tests.helpers.fingerprints import fingerprint_file

LINES = b"".join(b"line %d\n" % number for number in range(500))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_bytes(LINES)
    return path


@pytest.fixture
def opened(path: Path) -> Iterator[OpenFile]:
    opened = open_live(path)
    assert opened
    with closing(opened):
        yield opened


@pytest.fixture
def catalogue() -> Catalogue:
    return make_catalogue()


def test_numbers_ascend(catalogue: Catalogue, path: Path, opened: OpenFile) -> None:
    files = [catalogue.begin(path, opened) for _ in range(3)]
    assert [file.number for file in files] == [1, 2, 3]
    assert [catalogue.get(number) for number in (1, 2, 3)] == files
    assert len(catalogue) == 3


@pytest.mark.parametrize("anew", [False, True])
def test_a_file_is_resumed_where_its_checkpoint_says(
    catalogue: Catalogue, path: Path, opened: OpenFile, anew: bool
) -> None:
    one = Checkpoint(7, str(path), fingerprint_file(path, 2000))
    assert catalogue.resume(path, opened, one, anew=anew).number == (1 if anew else 7)
    file = catalogue.resume(path, opened, one)
    assert (file.number, file.offset, file.begun, file.taken, file.partial) == (7, 2000, 2000, 2000, 0)
    assert file.fingerprint(2000) == fingerprint_file(path, 2000)
    assert file.read(100) == LINES[2000:2100]


@pytest.mark.parametrize("content", [b"", LINES[:1500], LINES[:1500] + LINES[:500]])
def test_a_file_that_is_not_what_its_checkpoint_tells_of_is_not_resumed(
    catalogue: Catalogue, path: Path, opened: OpenFile, content: bytes
) -> None:
    one = Checkpoint(7, str(path), fingerprint_file(path, 2000))
    path.write_bytes(content)
    with pytest.raises(ChangedError):
        catalogue.resume(path, opened, one)
    assert catalogue.get(7) is None


def test_a_file_shorter_than_its_offset_is_a_new_one(catalogue: Catalogue, path: Path, opened: OpenFile) -> None:
    path.write_bytes(b"one\n")
    assert catalogue.begin(path, opened, offset=HEAD).offset == 0


def test_a_source_has_the_header_of_its_path(catalogue: Catalogue, path: Path, opened: OpenFile) -> None:
    framer = catalogue.begin(path, opened).source.framer
    assert framer
    assert b" app.log - - one\n" in framer.frame([b"one"], "now").body


def test_a_file_begun_again_has_a_new_number(catalogue: Catalogue, path: Path, opened: OpenFile) -> None:
    file = catalogue.begin(path, opened, offset=2000)
    before = file.source
    catalogue.begin_again(file)
    assert file.source is not before
    assert (file.number, file.offset, file.taken) == (2, 0, 0)
    assert catalogue.get(1) is catalogue.get(2) is file


def test_a_moved_file_reads_on_under_its_number(catalogue: Catalogue, path: Path, opened: OpenFile) -> None:
    file = catalogue.begin(path, opened)
    file.read(2003)
    before = (file.number, file.source, file.fingerprint(2003))
    catalogue.move(file, opened)
    assert catalogue.get(file.number) is file
    assert (file.number, file.source, file.fingerprint(2003)) == before
    assert (file.offset, file.unread) == (2003, LINES[2003:].count(b"\n"))


def test_a_discarded_file_is_found_by_no_number(catalogue: Catalogue, path: Path, opened: OpenFile) -> None:
    file, other = catalogue.begin(path, opened), catalogue.begin(path, opened)
    catalogue.add(9, file)
    catalogue.discard(file)
    assert [catalogue.get(number) for number in (1, 2, 9)] == [None, other, None]
