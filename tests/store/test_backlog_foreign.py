"""A backlog whose file somebody else has added to, or a newer log-shuttle has written."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shuttle.store.backlog import NAME, SCHEMA
from shuttle.store.promise import PromiseFile
from tests.helpers.batches import make_batch
from tests.helpers.virtual import Journal
from tests.store.test_backlog import read_all, write
from tests.store.test_backlog_faults import open_backlog

FILE = f"{NAME}.sqlite"
KEYS = range(1, 21)
LINES = 10  # of a batch
ENDLESS = "WITH RECURSIVE n(k) AS (SELECT 0 UNION ALL SELECT 0 FROM n) SELECT count(*) FROM n"

ADDED = {
    "index": "CREATE INDEX mine ON batches (born)",
    "index of all that is read": "CREATE INDEX mine ON batches (key, lines)",
    "unique index": "CREATE UNIQUE INDEX mine ON batches (id)",
    "statistics": "ANALYZE",
    "table": "CREATE TABLE mine (batches TEXT)",
    "table of their own": "CREATE TABLE mine AS SELECT * FROM batches",
    "view": f"CREATE VIEW mine AS {ENDLESS}",
    "trigger": f"CREATE TRIGGER mine AFTER INSERT ON batches BEGIN SELECT ({ENDLESS}); END",
}
CHANGED = {
    "column": "ALTER TABLE batches ADD COLUMN mine TEXT",
    "name": "ALTER TABLE bodies RENAME TO mine",
    "view in its place": "ALTER TABLE batches RENAME TO mine; CREATE VIEW batches AS SELECT * FROM mine",
    "other letters": "ALTER TABLE bodies RENAME TO other; ALTER TABLE other RENAME TO BODIES",
}


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    backlog = open_backlog(tmp_path)
    for key in KEYS:
        assert write(backlog, [make_batch(key, 20_000, lines=LINES)], []) == [key]
    backlog.close()
    return tmp_path


def change(path: Path, statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(statements)


def forget_promise(directory: Path) -> None:
    """Have it made before the machine was booted."""
    path = directory / f"{NAME}.promise"
    promise = PromiseFile(path).read()
    assert promise
    earlier = PromiseFile(path, boot=b"an earlier one")
    earlier.write(promise.before, promise.after)
    earlier.close()


@pytest.mark.parametrize("what", ADDED)
def test_what_is_its_own_is_taken_over_and_the_rest_left_aside(what: str, filled: Path) -> None:
    change(filled / FILE, ADDED[what])
    journal = Journal()
    backlog = open_backlog(filled, journal)
    assert list(read_all(backlog)) == list(KEYS)
    assert (backlog.lines, backlog.missing) == (len(KEYS) * LINES, 0)
    assert [event for event, _ in journal.events] == ["spool.broken", "spool.salvaged"]
    assert journal.events[1][1]["complete"] is True
    assert isinstance(write(backlog, [make_batch(100)], [1]), list)
    backlog.close()
    assert (filled / f"{FILE}.broken-1").exists()


@pytest.mark.parametrize("what", CHANGED)
def test_tables_that_somebody_has_changed_are_not_read(what: str, filled: Path) -> None:
    change(filled / FILE, CHANGED[what])
    journal = Journal()
    backlog = open_backlog(filled, journal)
    assert (backlog.lines, backlog.missing) == (0, len(KEYS) * LINES)
    assert journal.named("spool.salvaged") == [{"batches": 0, "lines": 0, "complete": False}]
    backlog.close()


def test_a_row_that_somebody_has_changed_is_counted_missing(filled: Path) -> None:
    change(filled / FILE, ADDED["index"] + "; UPDATE batches SET born = 7 WHERE key = 3")
    journal = Journal()
    backlog = open_backlog(filled, journal)
    assert set(read_all(backlog)) == set(KEYS) - {3}
    assert backlog.missing == LINES
    assert journal.named("spool.salvaged")[0]["complete"] is False
    backlog.close()


def test_an_index_cannot_hide_rows(filled: Path) -> None:
    """Somebody who can write its pages can have it say anything."""
    change(filled / FILE, f"{ADDED['index of all that is read']}; PRAGMA writable_schema=ON")
    change(filled / FILE, "PRAGMA writable_schema=ON; UPDATE sqlite_master SET rootpage = 3 WHERE name = 'mine'")
    backlog = open_backlog(filled)
    assert list(read_all(backlog)) == list(KEYS)
    backlog.close()


@pytest.mark.parametrize(("statements", "complete"), [("", "unknown"), ("UPDATE batches SET born = 7", False)])
def test_after_a_power_cut_nobody_knows_what_is_missing(statements: str, complete: object, filled: Path) -> None:
    change(filled / FILE, f"{ADDED['index']}; {statements}")
    forget_promise(filled)
    journal = Journal()
    backlog = open_backlog(filled, journal)
    assert backlog.missing == 0
    assert journal.named("spool.salvaged")[0]["complete"] == complete
    backlog.close()


def test_after_a_power_cut_what_is_there_is_gone_on_with(filled: Path) -> None:
    change(filled / FILE, "DELETE FROM batches WHERE key < 5")
    forget_promise(filled)
    journal = Journal()
    backlog = open_backlog(filled, journal)
    assert list(read_all(backlog)) == list(KEYS[4:])
    assert journal.events == []
    backlog.close()


def make_newer(directory: Path, version: int = SCHEMA.version + 1) -> None:
    change(directory / FILE, f"PRAGMA user_version={version}")


def test_the_file_of_a_newer_version_is_left_to_it(filled: Path) -> None:
    make_newer(filled)
    content = (filled / FILE).read_bytes()
    aside = filled / f"{FILE}.version-{SCHEMA.version + 1}"
    journal = Journal()
    backlog = open_backlog(filled, journal)
    assert (backlog.lines, backlog.missing) == (0, 0)
    assert [event for event, _ in journal.events] == ["spool.newer", "spool.salvaged"]
    assert f"version {SCHEMA.version + 1}" in str(journal.events[0][1]["error"])
    assert journal.events[0][1]["aside"] == aside.name
    assert journal.events[1][1]["complete"] is False
    assert isinstance(write(backlog, [make_batch(100)], []), list)
    backlog.close()
    for _ in range(3):  # files that are broken are deleted in the end
        (filled / FILE).write_bytes(bytes(100_000))
        open_backlog(filled).close()
    assert aside.read_bytes() == content


def test_a_second_file_of_a_newer_version_waits_in_its_place(filled: Path) -> None:
    aside = filled / f"{FILE}.version-{SCHEMA.version + 1}"
    aside.write_bytes(b"the first")
    make_newer(filled)
    journal = Journal()
    backlog = open_backlog(filled, journal)
    assert not backlog.is_open
    assert not backlog.begin()
    [failed] = journal.named("spool.failed")
    assert f"{aside.name} is there already" in str(failed["error"])
    aside.unlink()
    assert backlog.begin()
    assert isinstance(write(backlog, [make_batch(100)], []), list)
    backlog.close()


@pytest.mark.parametrize("killed", [False, True])
def test_the_newer_version_takes_it_over_and_what_came_meanwhile(filled: Path, *, killed: bool) -> None:
    make_newer(filled)
    backlog = open_backlog(filled)
    assert isinstance(keys := write(backlog, [make_batch(number) for number in (100, 101)], []), list)
    if killed:
        left = filled.with_name("left")
        shutil.copytree(filled, left)
    backlog.close()
    directory = left if killed else filled
    aside = directory / f"{FILE}.version-{SCHEMA.version + 1}"
    change(aside, f"PRAGMA user_version={SCHEMA.version}")
    aside.rename(directory / f"{FILE}.version-{SCHEMA.version}")
    journal = Journal()
    for _ in range(2):
        backlog = open_backlog(directory, journal)
        assert list(read_all(backlog)) == [*KEYS, *keys]
        assert backlog.missing == 0
        backlog.close()
    assert [event for event, _ in journal.events] == ["spool.salvaged"]
    assert journal.events[0][1]["complete"] == "unknown"
