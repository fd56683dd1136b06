"""A backlog whose files are cut or written over in place, under it or before the next process starts."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from shuttle.store.backlog import NAME, Backlog, DiskFault
from shuttle.store.batch_table import StoredBatch
from tests.helpers.batches import make_batch
from tests.helpers.virtual import Journal
from tests.store.test_backlog import read_all, write
from tests.store.test_backlog_faults import open_backlog

LENGTH = 20_000
LINES = 10  # of a batch
FEW, MANY = 20, 400  # batches: all of them in the log, and most of them in the file


def cut(side: str, share: float) -> Callable[[Path], None]:
    def do(directory: Path) -> None:
        path = directory / f"{NAME}.sqlite{side}"
        os.truncate(path, int(path.stat().st_size * share))

    return do


CUTS = {
    "the file to nothing": cut("", 0),
    "half of the file": cut("", 0.5),
    "the log to nothing": cut("-wal", 0),
    "half of the log": cut("-wal", 0.5),
    "the end of the log": cut("-wal", 0.999),
}


def overwrite_with_zeros(directory: Path) -> None:
    """Leave its size as it is."""
    path = directory / f"{NAME}.sqlite"
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))


def copy_another_over(directory: Path) -> None:
    """As `cp` does it: the file stays the same one, as long as it was and sound."""
    path = directory / f"{NAME}.sqlite"
    other = directory.with_name("other")
    shutil.copytree(directory, other)
    with closing(sqlite3.connect(other / path.name)) as database, database:
        database.execute("DELETE FROM batches WHERE key BETWEEN 5 AND 200")
    content = (other / path.name).read_bytes()
    with path.open("r+b") as file:
        file.write(content[: path.stat().st_size])


OVERWRITINGS = {"zeros": overwrite_with_zeros, "another spool": copy_another_over}


def fill(directory: Path, batches: int, journal: Journal | None = None) -> Backlog:
    backlog = open_backlog(directory, journal)
    for number in range(1, batches + 1):
        assert write(backlog, [make_batch(number, LENGTH, lines=LINES)], []) == [number]
    return backlog


def leave(directory: Path, batches: int) -> Path:
    """Return the directory as a process leaves it that is killed with -9, after a look at it."""
    backlog = fill(directory, batches)
    assert backlog.check() is None
    left = Path(shutil.copytree(directory, directory.with_name("left")))
    backlog.close()
    return left


@pytest.mark.parametrize("call", ["check", "write", "read"])
@pytest.mark.parametrize("what", CUTS)
def test_a_file_that_is_cut_is_broken_at_the_next_look(what: str, call: str, tmp_path: Path) -> None:
    backlog = fill(tmp_path / "spool", FEW if what.endswith("nothing") else MANY)
    CUTS[what](tmp_path / "spool")
    calls: dict[str, Callable[[], object]] = {
        "check": backlog.check,
        "write": lambda: write(backlog, [make_batch(1000)], []),
        "read": lambda: backlog.read(0, 1),
    }
    assert calls[call]() is DiskFault.BROKEN
    backlog.close()


@pytest.mark.parametrize("batches", [FEW, MANY])
@pytest.mark.parametrize("what", CUTS)
def test_a_new_file_has_what_can_be_read_of_one_that_was_cut(what: str, batches: int, tmp_path: Path) -> None:
    journal = Journal()
    directory = tmp_path / "spool"
    backlog = fill(directory, batches, journal)
    CUTS[what](directory)
    assert backlog.check() is DiskFault.BROKEN
    held = [StoredBatch(key, make_batch(key, LENGTH, lines=LINES)) for key in (1, 2)]
    assert backlog.rescue(held, [3], (batches - 1) * LINES)
    found = read_all(backlog)
    assert {1, 2} <= set(found) <= {1, 2, *range(4, batches + 1)}
    assert all(batch.body == make_batch(key, LENGTH).body for key, batch in found.items())
    assert backlog.lines == len(found) * LINES
    [salvaged] = journal.named("spool.salvaged")
    assert salvaged["complete"] is (len(found) == batches - 1)
    assert [event for event, _ in journal.events] == ["spool.broken", "spool.salvaged"]
    assert "cut" in str(journal.events[0][1]["error"])
    assert isinstance(write(backlog, [make_batch(1000)], []), list)
    backlog.close()


def test_what_only_the_open_file_can_tell_is_salvaged(tmp_path: Path) -> None:
    """SQLite has read pages that are not in the file any more, and knows where the log has the newer ones."""
    backlog = fill(tmp_path / "spool", FEW)
    CUTS["the file to nothing"](tmp_path / "spool")
    assert backlog.check() is DiskFault.BROKEN
    assert backlog.rescue((), (), FEW * LINES)
    assert backlog.lines == FEW * LINES
    backlog.close()


def test_what_was_removed_does_not_come_again_when_the_log_is_lost(tmp_path: Path) -> None:
    fill(tmp_path, FEW).close()
    backlog = open_backlog(tmp_path)
    assert write(backlog, [], range(1, 11)) == []
    CUTS["the log to nothing"](tmp_path)
    assert backlog.check() is DiskFault.BROKEN
    assert backlog.rescue((), (), 10 * LINES)
    assert list(read_all(backlog)) == list(range(11, FEW + 1))
    backlog.close()


@pytest.mark.parametrize("what", OVERWRITINGS)
def test_a_file_that_is_written_over_is_noticed_though_its_size_is_right(what: str, tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    backlog = fill(directory, MANY)
    OVERWRITINGS[what](directory)
    assert backlog.check() is DiskFault.BROKEN
    held = [StoredBatch(MANY, make_batch(MANY, LENGTH, lines=LINES))]
    assert backlog.rescue(held, (), MANY * LINES)
    found = read_all(backlog)
    assert MANY in found
    assert backlog.lines == len(found) * LINES < MANY * LINES
    backlog.close()


def test_a_file_that_was_only_touched_is_gone_on_with(tmp_path: Path) -> None:
    journal = Journal()
    backlog = fill(tmp_path, MANY, journal)
    for side in ("", "-wal"):
        os.utime(tmp_path / f"{NAME}.sqlite{side}", (1.0, 1.0))
    assert backlog.check() is None
    assert isinstance(write(backlog, [make_batch(1000)], [1]), list)
    os.utime(tmp_path / f"{NAME}.sqlite", (1.0, 1.0))
    assert isinstance(write(backlog, [make_batch(1001)], [2]), list)
    assert backlog.check() is None
    assert len(read_all(backlog)) == MANY
    assert journal.events == []
    backlog.close()


def test_what_it_does_itself_is_not_taken_for_another_s_doing(tmp_path: Path) -> None:
    """The log begins anew every few megabytes, and all room is given back when nothing is left."""
    journal = Journal()
    backlog = open_backlog(tmp_path, journal)
    for _ in range(3):
        keys: list[int] = []
        for number in range(60):
            new = write(backlog, [make_batch(number, 500_000)], keys[:1])
            assert isinstance(new, list)
            assert backlog.check() is None
            keys = [*keys[1:], *new] if number % 2 else [*keys, *new]
        assert write(backlog, [], [*keys, *range(backlog.last_key + 1)]) == []
        assert backlog.batches == 0
        assert backlog.check() is None
    assert journal.events == []
    backlog.close()


@pytest.mark.parametrize("batches", [FEW, MANY])
@pytest.mark.parametrize("what", [*CUTS, "no log", "no file", "neither", "older log and file"])
def test_the_next_process_knows_what_is_missing(what: str, batches: int, tmp_path: Path) -> None:
    left = leave(tmp_path / "spool", batches)
    if what in CUTS:
        CUTS[what](left)
    if what in ("no log", "neither"):
        (left / f"{NAME}.sqlite-wal").unlink()
    if what in ("no file", "neither"):
        (left / f"{NAME}.sqlite").unlink()
    if what == "older log and file":
        older = leave(tmp_path / "older" / "spool", batches - 1)
        for side in ("", "-wal"):
            shutil.copy(older / f"{NAME}.sqlite{side}", left)
    journal = Journal()
    backlog = open_backlog(left, journal)
    assert backlog.lines + backlog.missing == batches * LINES
    assert all(event["complete"] is (not backlog.missing) for event in journal.named("spool.salvaged"))
    assert bool(journal.named("spool.salvaged")) is bool(journal.events)
    assert journal.events or not backlog.missing
    found = read_all(backlog)
    assert backlog.lines == len(found) * LINES
    backlog.close()
    assert open_backlog(left, journal).missing == 0


@pytest.mark.parametrize("batches", [FEW, MANY])
def test_a_log_that_has_lost_its_file_is_read(batches: int, tmp_path: Path) -> None:
    """SQLite would delete it, for a file that is empty."""
    left = leave(tmp_path / "spool", batches)
    CUTS["the file to nothing"](left)
    journal = Journal()
    backlog = open_backlog(left, journal)
    assert backlog.lines == (FEW * LINES if batches == FEW else 0)
    assert "log" in str(journal.named("spool.broken")[0]["error"])
    backlog.close()


def test_what_was_delivered_is_not_missing(tmp_path: Path) -> None:
    """The log of the removal is lost: what is there was delivered, and what is not there was not."""
    backlog = fill(tmp_path / "spool", FEW)
    backlog.close()
    backlog = open_backlog(tmp_path / "spool")
    new = [make_batch(number, LENGTH, lines=LINES) for number in range(FEW + 1, 2 * FEW + 1)]
    assert isinstance(write(backlog, new, range(1, FEW + 1)), list)
    assert backlog.check() is None
    left = Path(shutil.copytree(tmp_path / "spool", tmp_path / "left"))
    backlog.close()
    (left / f"{NAME}.sqlite-wal").unlink()
    backlog = open_backlog(left)
    assert backlog.missing == FEW * LINES
    backlog.close()
