"""A backlog whose file is deleted, moved or replaced under it; and a start that fails."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shuttle.errors import ConfigError
from shuttle.store import batch_table
from shuttle.store.access import measure_file
from shuttle.store.backlog import NAME, SCHEMA, Backlog, DiskFault
from shuttle.store.batch_table import StoredBatch
from shuttle.store.sqlite import Database
from tests.helpers.batches import make_batch
from tests.helpers.descriptors import list_descriptors
from tests.helpers.disks import mounted, reachable, remount, without_rights
from tests.helpers.limits import files_of_at_most
from tests.helpers.virtual import Journal
from tests.store.test_backlog import read_all, write
from tests.store.test_backlog_faults import open_backlog

FILE = f"{NAME}.sqlite"
OPERATIONS: dict[str, Callable[[Backlog], object]] = {
    "check": lambda backlog: backlog.check(),
    "write": lambda backlog: write(backlog, [make_batch(9)], []),
    "remove": lambda backlog: write(backlog, [], [1]),
    "read": lambda backlog: backlog.read(0, 1),
}


def fill(directory: Path, journal: Journal | None = None) -> Backlog:
    backlog = open_backlog(directory, journal)
    assert write(backlog, [make_batch(key, lines=key) for key in range(1, 6)], []) == [1, 2, 3, 4, 5]
    return backlog


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_notices_that_the_file_is_gone(operation: str, tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    backlog = fill(directory)
    shutil.rmtree(directory)
    assert OPERATIONS[operation](backlog) is DiskFault.GONE
    backlog.close()


def test_a_large_file_that_is_moved_as_it_is_opened_is_read_on(tmp_path: Path) -> None:
    """Its size cannot be looked up by its name any more."""
    directory = tmp_path / "spool"
    backlog = open_backlog(directory)
    batches = [make_batch(number, 10) for number in range(1, 60_001)]
    assert isinstance(write(backlog, batches, []), list)
    backlog.close()
    database = Database.open(directory, SCHEMA, Journal())
    database.connect()
    directory.rename(tmp_path / "moved")
    with database.examine(thoroughly=False) as connection:
        totals, _ = batch_table.count(connection, file_bytes=measure_file(connection))
    assert totals.batches == 60_000
    database.release()


@pytest.mark.parametrize("moved", [False, True])
def test_a_new_file_has_all_that_was_in_one_that_is_gone(tmp_path: Path, *, moved: bool) -> None:
    directory = tmp_path / "spool"
    journal = Journal()
    backlog = fill(directory, journal)
    if moved:
        directory.rename(tmp_path / "moved")
    else:
        shutil.rmtree(directory)
    assert write(backlog, [make_batch(6)], [1]) is DiskFault.GONE
    assert backlog.rescue([StoredBatch(2, make_batch(2, lines=2))], [1], 14)
    assert (backlog.batches, backlog.lines) == (4, 2 + 3 + 4 + 5)
    assert write(backlog, [make_batch(6)], []) == [7]
    assert [event for event, _ in journal.events] == ["spool.gone", "spool.salvaged"]
    with pytest.raises(ConfigError, match="in use by another log-shuttle"):
        open_backlog(directory)
    backlog.close()
    backlog = open_backlog(directory)
    assert list(read_all(backlog)) == [2, 3, 4, 5, 7]
    backlog.close()


def test_what_is_aside_for_the_next_process_is_not_forgotten(tmp_path: Path) -> None:
    backlog = open_backlog(tmp_path)
    batches = [make_batch(key, 20_000) for key in range(1, 21)]
    assert isinstance(write(backlog, batches, []), list)
    backlog.condemn("it is said to be")
    with files_of_at_most(100_000):
        assert backlog.rescue((), (), len(batches))
    assert backlog.batches < len(batches)
    (tmp_path / FILE).unlink()
    assert backlog.check() is DiskFault.GONE
    assert backlog.rescue((), (), backlog.lines)
    backlog.close()
    backlog = open_backlog(tmp_path)
    assert backlog.batches == len(batches)
    backlog.close()


def test_a_full_disk_has_nothing_of_a_file_that_is_gone(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    backlog = fill(directory)
    shutil.rmtree(directory)
    with files_of_at_most(0):
        assert backlog.check() is DiskFault.GONE
        assert not backlog.rescue([StoredBatch(1, make_batch(1))], (), 15)
        assert (backlog.is_open, backlog.batches, backlog.oldest) == (False, 0, None)
        assert not backlog.begin()
    assert backlog.begin()
    assert write(backlog, [make_batch(1)], []) == [6]
    assert list(read_all(backlog)) == [6]
    backlog.close()


def test_a_spool_that_is_put_in_its_place_is_gone_on_with(tmp_path: Path) -> None:
    directory, other = tmp_path / "spool", tmp_path / "other"
    fill(other).close()
    backlog = fill(directory)
    shutil.rmtree(directory)
    other.rename(directory)
    assert backlog.check() is DiskFault.GONE
    assert not backlog.rescue([StoredBatch(1, make_batch(1))], (), 15)
    assert backlog.begin()
    assert (backlog.batches, backlog.lines) == (5, 15)
    assert write(backlog, [make_batch(7)], []) == [6]
    assert [batch.again for batch in read_all(backlog).values()] == [True] * 5 + [False]
    backlog.close()


def test_a_directory_of_another_agent_is_left_to_it(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    journal = Journal()
    backlog = fill(directory, journal)
    shutil.rmtree(directory)
    other = open_backlog(directory)
    assert write(other, [make_batch(8)], []) == [1]
    assert backlog.check() is DiskFault.GONE
    assert not backlog.rescue([], (), 15)
    assert not backlog.begin()
    assert len(journal.named("spool.failed")) == 1
    other.close()
    assert backlog.begin()
    assert [batch.id for batch in read_all(backlog).values()] == [make_batch(8).id]
    backlog.close()


def test_a_read_only_disk_does_not_stop_the_start(tmp_path: Path) -> None:
    journal = Journal()
    with mounted(tmp_path / "disk", "size=8m") as disk:
        fill(disk / "spool").close()
        remount(disk, "ro")
        backlog = open_backlog(disk / "spool", journal)
        assert not backlog.is_open
        assert not backlog.begin()
        remount(disk, "rw")
        assert backlog.begin()
        assert list(read_all(backlog)) == [1, 2, 3, 4, 5]
        assert [event for event, _ in journal.events] == ["spool.failed"]
        backlog.note_success()
        assert [event for event, _ in journal.events] == ["spool.failed", "spool.restored"]
        backlog.close()


@pytest.mark.parametrize("mode", [0, 0o555])
@pytest.mark.parametrize("existing", [False, True])
def test_a_directory_without_rights_does_not_stop_the_start(mode: int, *, existing: bool) -> None:
    with reachable() as place:
        directory = place / "spool"
        directory.mkdir()
        if existing:
            fill(directory).close()
        directory.chmod(mode)
        journal = Journal()
        with without_rights(directory):
            backlog = open_backlog(directory, journal)
            assert not backlog.begin()
        assert len(journal.named("spool.failed")) == 1
        directory.chmod(0o700)
        assert backlog.begin()
        assert backlog.batches == (5 if existing else 0)
        backlog.close()


def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    def stopped() -> float:
        raise RuntimeError

    before = list_descriptors()
    with pytest.raises(RuntimeError):
        Backlog.open(tmp_path, most_bytes=1, log=Journal(), wall=stopped, clock=lambda: 0.0)
    assert list_descriptors() == before
    open_backlog(tmp_path).close()
