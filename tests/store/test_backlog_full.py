"""A spool on a disk that it can fill by itself: its log is bounded, and what is settled does not stay there."""

from pathlib import Path

import pytest

from shuttle.store.backlog import NAME, Backlog, DiskFault
from tests.helpers.batches import make_batch
from tests.helpers.disks import mounted
from tests.helpers.virtual import Journal
from tests.store.test_backlog import write

MEBIBYTE = 1 << 20
LOG = f"{NAME}.sqlite-wal"


def open_backlog(directory: Path, log: Journal | None = None, *, most_bytes: int = MEBIBYTE) -> Backlog:
    return Backlog.open(directory, most_bytes=most_bytes, log=log or Journal(), wall=lambda: 1000.0, clock=lambda: 0.0)


def fill(backlog: Backlog) -> list[int]:
    """Write batches until the disk takes none; return their keys."""
    keys: list[int] = []
    while isinstance(new := write(backlog, [make_batch(1, 90_000)], []), list):
        keys += new
    return keys


def fill_disk(disk: Path) -> None:
    with (disk / "other").open("wb", buffering=0) as out:
        try:
            while out.write(bytes(4096)):
                pass
        except OSError:
            pass


@pytest.mark.parametrize("mebibytes", [1, 4])
def test_the_log_is_smaller_than_the_spool(tmp_path: Path, mebibytes: int) -> None:
    backlog = open_backlog(tmp_path, most_bytes=mebibytes * MEBIBYTE)
    keys: list[int] = []
    for number in range(200):
        new = write(backlog, [make_batch(number, 50_000)], keys)
        assert isinstance(new, list)
        keys = new
    assert (tmp_path / LOG).stat().st_size < mebibytes * MEBIBYTE / 2
    backlog.close()


def test_a_small_spool_does_not_fill_a_small_disk(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=3m") as disk:
        backlog = open_backlog(disk / "spool")
        keys: list[int] = []
        for number in range(200):
            new = write(backlog, [make_batch(number, 50_000)], keys[:-5])
            assert isinstance(new, list)
            keys = keys[-5:] + new
        backlog.close()


def test_what_is_settled_leaves_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    """The file is deleted then: nothing in it counts."""
    with mounted(tmp_path / "disk", "size=3m") as disk:
        backlog = open_backlog(disk / "spool", most_bytes=1 << 30)
        keys = fill(backlog)
        (disk / "spool" / "spool.reserve").unlink(missing_ok=True)
        fill_disk(disk)
        assert write(backlog, [], keys) is DiskFault.FAILED
        assert backlog.shrink(keys, nothing_else=True) == keys
        assert (backlog.batches, backlog.lines, backlog.bytes, backlog.oldest) == (0, 0, 0, None)
        assert backlog.check() is None
        (disk / "other").unlink()
        assert isinstance(new := write(backlog, [make_batch(7)], []), list)
        assert new[0] > keys[-1]
        backlog.close()
        journal = Journal()
        backlog = open_backlog(disk / "spool", journal)
        assert (backlog.batches, backlog.missing) == (1, 0)
        assert journal.events == []
        backlog.close()


def test_what_is_settled_does_not_come_back_from_a_disk_that_stays_full(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=3m") as disk:
        backlog = open_backlog(disk / "spool", most_bytes=1 << 30)
        keys = fill(backlog)
        (disk / "spool" / "spool.reserve").unlink(missing_ok=True)
        fill_disk(disk)
        backlog.shrink(keys, nothing_else=True)
        backlog.close()
        backlog = open_backlog(disk / "spool")
        assert (backlog.batches, backlog.missing) == (0, 0)
        backlog.close()


def test_what_else_there_is_stays_on_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=3m") as disk:
        backlog = open_backlog(disk / "spool", most_bytes=1 << 30)
        keys = fill(backlog)
        (disk / "spool" / "spool.reserve").unlink(missing_ok=True)
        fill_disk(disk)
        removed = backlog.shrink(keys[1:], nothing_else=False)
        assert backlog.batches == len(keys) - len(removed)
        backlog.close()
        backlog = open_backlog(disk / "spool")
        assert backlog.batches == len(keys) - len(removed)
        stored = backlog.read(0, 1)
        assert isinstance(stored, list)
        assert stored[0].key == keys[0]
        backlog.close()
