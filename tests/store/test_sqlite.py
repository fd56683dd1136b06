"""What both stores are kept in: how it is made on a disk that takes nothing, and made again when it is deleted."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shuttle.errors import ConfigError
from shuttle.store.schema import Schema
from shuttle.store.sqlite import Database
from shuttle.store.sqlite_errors import ERRORS, BrokenError, GoneError
from tests.helpers.descriptors import list_descriptors
from tests.helpers.disks import mounted, remount
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
def test_a_full_disk_does_not_keep_it_from_being_examined(length: int, tmp_path: Path) -> None:
    """It has a write-ahead log: with any other journal, reading it may have to write."""
    with opened(tmp_path) as database:
        with files_of_at_most(length), pytest.raises(sqlite3.Error):
            write(database)
        write(database)
    with files_of_at_most(length), opened(tmp_path) as database, database.examine(thoroughly=True) as connection:
        found = connection.execute("SELECT word FROM words").fetchall()
    assert found == [(b"a",)]


def test_the_last_name_for_broken_files_is_given_again(tmp_path: Path) -> None:
    names = ["some.sqlite.broken-1", "some.sqlite.broken-2"]
    database = Database(tmp_path, SCHEMA, Journal())
    for number, expected in enumerate([names[:1], names, names]):
        database.path.write_bytes(b"%d" % number)
        database.set_aside(sqlite3.DatabaseError())
        assert [path.name for path in database.aside.list_broken()] == expected
    assert [(tmp_path / name).read_bytes() for name in names] == [b"0", b"2"]


def read(database: Database) -> list[bytes]:
    with database.transaction() as connection:
        return [word for (word,) in connection.execute("SELECT word FROM words")]


def replace(directory: Path) -> None:
    copy = directory / "copy"
    shutil.copy(directory / "some.sqlite", copy)
    copy.replace(directory / "some.sqlite")


def delete_files(directory: Path) -> None:
    for path in directory.glob("*.sqlite*"):
        path.unlink()


GONE: dict[str, Callable[[Path], object]] = {
    "directory deleted": shutil.rmtree,
    "directory moved": lambda directory: directory.rename(directory.with_name("moved")),
    "file deleted": delete_files,
    "file replaced": replace,
}


@pytest.mark.parametrize("what", GONE)
def test_a_file_that_is_gone_takes_no_transaction(what: str, tmp_path: Path) -> None:
    directory = tmp_path / "some"
    with opened(directory) as database:
        write(database)
        current = [database.current]
        GONE[what](directory)
        assert [*current, database.current] == [True, False]
        with pytest.raises(GoneError):
            write(database)


@pytest.mark.parametrize("what", [name for name in GONE if name != "file replaced"])
def test_one_that_is_gone_is_begun_again_and_locked(what: str, tmp_path: Path) -> None:
    directory = tmp_path / "some"
    journal = Journal()
    database = Database.open(directory, SCHEMA, journal)
    write(database)
    GONE[what](directory)
    assert database.start_over(GoneError())
    assert read(database) == []
    assert [event for event, _ in journal.events] == ["some.gone"]
    with pytest.raises(ConfigError, match="in use by another log-shuttle"):
        Database.open(directory, SCHEMA, Journal())
    database.release()
    with opened(directory) as database:
        assert database.exists


def test_a_file_that_is_put_in_its_place_gets_no_part_of_its_log(tmp_path: Path) -> None:
    other = tmp_path / "other"
    with opened(other) as database:
        write(database)
    directory = tmp_path / "some"
    with opened(directory) as database:
        write(database)
        write(database)
        (other / "some.sqlite").replace(directory / "some.sqlite")
        with pytest.raises(GoneError) as caught:
            write(database)
        assert database.start_over(caught.value)
        with database.examine(thoroughly=True) as connection:
            assert connection.execute("SELECT word FROM words").fetchall() == [(b"a",)]


def test_what_reads_a_deleted_file_still_has_what_was_in_it(tmp_path: Path) -> None:
    directory = tmp_path / "some"
    with opened(directory) as database:
        write(database)
        shutil.rmtree(directory)
        left = database.abandon()
        assert left
        write(database)
        write(database)
        assert left.execute("SELECT word FROM words").fetchall() == [(b"a",)]
        left.close()
        assert read(database) == [b"a", b"a"]
        database.check()


def test_a_write_ahead_log_that_is_deleted_costs_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database)
        (tmp_path / "some.sqlite-wal").unlink()
        with pytest.raises(BrokenError, match="write-ahead log") as caught:
            write(database)
        assert database.start_over(caught.value)
        assert read(database) == []
    with contextlib.closing(sqlite3.connect(tmp_path / "some.sqlite.broken-1")) as aside:
        assert aside.execute("SELECT word FROM words").fetchall() == [("a",)]


@pytest.mark.parametrize("side", ["", "-wal"])
def test_a_file_that_is_cut_and_grows_again_is_touched(side: str, tmp_path: Path) -> None:
    path = tmp_path / f"some.sqlite{side}"
    with opened(tmp_path) as database:
        for _ in range(100):
            write(database)
        database.check()
        assert not database.touched
        with database.transaction() as connection:
            size = path.stat().st_size
            os.truncate(path, 0)
            os.truncate(path, size)
            connection.execute("INSERT INTO words VALUES ('b')")
        database.check()
        assert database.touched


def test_a_log_that_is_cut_as_it_is_written_is_noticed(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        database.check(thoroughly=True)
        for _ in range(10):
            write(database)
            database.check(thoroughly=True)
        with database.transaction() as connection:
            os.truncate(tmp_path / "some.sqlite-wal", 0)
            connection.execute("INSERT INTO words VALUES ('b')")
        database.check()
        with pytest.raises(BrokenError, match="write-ahead log was cut"):
            database.check(thoroughly=True)


def test_a_lock_that_is_deleted_is_taken_again(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database)
        (tmp_path / "some.lock").unlink()
        write(database)
        with pytest.raises(ConfigError, match="in use by another log-shuttle"):
            Database.open(tmp_path, SCHEMA, Journal())
        assert read(database) == [b"a", b"a"]


def test_a_directory_that_another_agent_has_made_is_its_own(tmp_path: Path) -> None:
    directory = tmp_path / "some"
    with opened(directory) as database:
        write(database)
        shutil.rmtree(directory)
        with opened(directory) as other:
            write(other)
            assert database.start_over(GoneError())
            with pytest.raises(OSError, match="another log-shuttle uses the directory"):
                write(database)
            assert read(other) == [b"a"]


@pytest.mark.parametrize("path", ["file", "file/some", "lock", "long"])
def test_what_cannot_be_a_directory_is_a_configuration_error(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "lock" / "some.lock").mkdir(parents=True)
    directory = tmp_path / ("x" * 300 if path == "long" else path)
    before = list_descriptors()
    with pytest.raises(
        ConfigError,
        match=r"^-dir .*: must be a directory that (can be created and written|belongs to this user alone.*) \(.+\)$",
    ):
        Database.open(directory, SCHEMA, Journal())
    assert list_descriptors() == before


def test_a_start_that_is_refused_leaves_nothing_open(tmp_path: Path) -> None:
    with opened(tmp_path):
        before = list_descriptors()
        with pytest.raises(ConfigError, match="in use by another log-shuttle"):
            Database.open(tmp_path, SCHEMA, Journal())
        assert list_descriptors() == before


@pytest.mark.parametrize("existing", ["", "directory", "database"])
def test_a_read_only_disk_is_told_of_once_and_used_when_it_works(existing: str, tmp_path: Path) -> None:
    journal = Journal()
    with mounted(tmp_path / "disk", "size=8m") as disk:
        directory = disk / "some"
        if existing:
            with opened(directory) as database:
                if existing == "database":
                    write(database)
        remount(disk, "ro")
        database = Database.open(directory, SCHEMA, journal)
        for _ in range(2):
            with pytest.raises((OSError, *ERRORS)) as caught:
                write(database)
            database.note_failure(caught.value)
        remount(disk, "rw")
        if existing == "database":
            with database.examine(thoroughly=True):
                pass
        write(database)
        database.note_success()
        assert [event for event, _ in journal.events] == ["some.failed", "some.restored"]
        assert read(database) == [b"a"] * (2 if existing == "database" else 1)
        database.release()


def test_a_second_agent_on_a_read_only_disk_is_told_so(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=8m,mode=700") as disk:
        with opened(disk):
            pass
        remount(disk, "ro")
        with opened(disk), pytest.raises(ConfigError, match="in use by another log-shuttle"):
            Database.open(disk, SCHEMA, Journal())


def test_a_read_only_one_is_read_in_a_copy_with_its_log(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=8m") as disk:
        killed = disk / "killed"
        with opened(disk / "some") as database:
            write(database)
            shutil.copytree(disk / "some", killed)
        assert (killed / "some.sqlite-wal").stat().st_size
        remount(disk, "ro")
        journal = Journal()
        database = Database.open(killed, SCHEMA, journal)
        with database.examine(thoroughly=True, copy=True) as connection:
            assert connection.execute("SELECT word FROM words").fetchall() == [(b"a",)]
        with pytest.raises(OSError, match="Read-only"):
            write(database)
        remount(disk, "rw")
        assert read(database) == [b"a"]
        database.release()
        assert [event for event, _ in journal.events] == ["some.failed"]
