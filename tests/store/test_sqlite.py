"""What both stores are kept in: how it is made on a disk that takes little or nothing."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from shuttle.store.schema import Schema
from shuttle.store.sqlite import Database
from tests.helpers.limits import files_of_at_most
from tests.helpers.virtual import Journal

TABLE = "CREATE TABLE words (word TEXT)"


SCHEMA = Schema(
    name="some",
    flag="-dir",
    event="some",
    statements=(TABLE,),
    version=1,
    pragmas=(),
    advice="wait",
    most_broken=2,
)


@contextlib.contextmanager
def opened(directory: Path) -> Iterator[Database]:
    database = Database.open(directory, SCHEMA, Journal())
    yield database
    database.release()


def write(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO words VALUES ('a')")


@pytest.mark.parametrize("length", [0, 600, 5000])
def test_one_that_was_made_after_the_disk_was_full_is_examined_while_it_is_full_again(
    length: int, tmp_path: Path
) -> None:
    """It has a write-ahead log: with any other journal, reading it may have to write."""
    with opened(tmp_path) as database:
        with files_of_at_most(length), pytest.raises(sqlite3.Error):
            write(database)
        write(database)
    with files_of_at_most(length), opened(tmp_path) as database, database.examine(thoroughly=True) as connection:
        found = connection.execute("SELECT word FROM words").fetchall()
    assert found == [(b"a",)]


def test_those_set_aside_are_listed_and_the_last_name_is_given_again(tmp_path: Path) -> None:
    names = ["some.sqlite.broken-1", "some.sqlite.broken-2"]
    database = Database(tmp_path, SCHEMA, Journal())
    for number, expected in enumerate([names[:1], names, names]):
        database.path.write_bytes(b"%d" % number)
        database.set_aside(sqlite3.DatabaseError())
        assert [path.name for path in database.list_broken()] == expected
    assert [(tmp_path / name).read_bytes() for name in names] == [b"0", b"2"]
