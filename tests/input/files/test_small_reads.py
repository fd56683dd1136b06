"""What was read of a compressed file is known as long as it does not change."""

from pathlib import Path

import pytest

from shuttle.input.files.small_reads import SmallReads


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that was changed last a while ago."""
    path = tmp_path / "app.log.gz"
    path.write_bytes(b"content")
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, path: Path) -> SmallReads:
    now = path.stat().st_ctime_ns + 1_000_000_000
    monkeypatch.setattr("time.time_ns", lambda: now)
    return SmallReads()


def test_what_was_read_is_known(reads: SmallReads, path: Path) -> None:
    status = path.stat()
    assert reads.find(status, 0, 7) is None
    reads.note(status, 0, 7, b"content")
    assert reads.find(status, 0, 7) == b"content"
    assert reads.find(status, 0, 6) is None
    assert reads.find(status, 1, 7) is None


def test_nothing_is_known_of_a_file_that_has_changed(reads: SmallReads, path: Path) -> None:
    reads.note(path.stat(), 0, 7, b"content")
    with path.open("ab") as file:
        file.write(b".")
    assert reads.find(path.stat(), 0, 7) is None


def test_a_file_that_may_be_changing_is_read_again(
    reads: SmallReads, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = path.stat()
    monkeypatch.setattr("time.time_ns", lambda: status.st_ctime_ns + 1)
    reads.note(status, 0, 7, b"content")
    assert reads.find(status, 0, 7) is None


def test_what_was_asked_for_long_ago_is_forgotten(reads: SmallReads, path: Path) -> None:
    status = path.stat()
    for offset in range(5000):
        reads.note(status, offset, 1, b"x")
        assert reads.find(status, 0, 1) == b"x"
    assert reads.find(status, 1, 1) is None
    assert reads.find(status, 4999, 1) == b"x"
