"""An SQLite database in its own directory: locked by one agent, private, and replaced when it is broken or gone.

Strategy: SQLite does transactions and finds its own damage, and never waits. The name of its error says whether the
file is broken, or the disk does not work now.

What can happen to the file, and what that means for its user:

- The disk is full, read-only or failing: an error, and the next transaction may succeed. The same holds at the start:
  the directory is locked and the file created as soon as possible. If the write-ahead log fills the disk, it is moved
  to the file. `delete` deletes a file that holds nothing of value.
- The file is broken, was truncated or overwritten in place, or its write-ahead log was deleted: `set_aside` renames
  it, and the next transaction begins a new one. Closing the old file first adds to it what only the log had; `detach`
  does not close it, and returns a connection that may still read more than the files hold.
- The file was deleted, moved or replaced: SQLite would continue with a file that no other process finds. So each
  transaction first checks that the path still leads to the open file (`footprint`). `abandon` lets go of the
  directory, and the next transaction locks it again and begins a new file. If only the lock was deleted, it is taken
  again.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from shuttle.errors import ConfigError
from shuttle.observe.log import Logger
from shuttle.store.access import SIDES, bounded, connect_copy, transact
from shuttle.store.aside import Aside
from shuttle.store.footprint import Footprint, is_hollow
from shuttle.store.lock import DirectoryLock, FileId, find_file
from shuttle.store.refusal import is_hopeless, refuse
from shuttle.store.schema import Schema
from shuttle.store.sqlite_errors import ERRORS, BrokenError, GoneError, describe, is_broken, is_full, is_unwritable

_ADVICE_GONE = "log-shuttle writes a new one; stop it before you delete or move its files"


class Database:
    """The file `<name>.sqlite` in `directory`. It is used by one thread at a time."""

    def __init__(self, directory: Path, schema: Schema, log: Logger) -> None:
        self.path = directory / f"{schema.name}.sqlite"
        self.schema = schema
        self._directory = directory
        self._footprint = Footprint(self.path)
        self.aside = Aside(self.path, schema, log)
        self._log = log
        self._lock = DirectoryLock(directory, schema.name)
        self._connection: sqlite3.Connection | None = None
        self._copied: FileId | None = None  # the file that was read in a copy
        self.begun = False
        """It has its tables."""
        self.fresh = False
        """The file was made by this process, and has no tables before it is begun."""
        self.released = False
        self._failing = False

    @classmethod
    def open(cls, directory: Path, schema: Schema, log: Logger) -> Self:
        """Lock `directory`; if it cannot be made or written now, each transaction tries it again.

        Raises:
            ConfigError: It cannot be a directory, somebody else can write to it, or another agent uses it.
        """
        database = cls(directory, schema, log)
        try:
            database.lock()
        except OSError as error:
            if is_hopeless(error):
                raise database.refuse(error) from None
            database.note_failure(error)
        return database

    def refuse(self, error: Exception) -> ConfigError:
        """Return the error for a directory that cannot be used."""
        return refuse(self.schema.flag, self._directory, error)

    @property
    def exists(self) -> bool:
        """Whether there is something by its name, or a log without its file.

        Raises:
            OSError: It cannot be looked at.
        """
        return find_file(self.path) is not None or is_hollow(self.path)

    @property
    def current(self) -> bool:
        """Whether it has its tables, and the next process finds it."""
        with contextlib.suppress(OSError, *ERRORS):
            self.check()
            return self.begun
        return False

    @property
    def touched(self) -> bool:
        """Whether somebody else may have written to it; `reread` tells."""
        return self._footprint.touched

    def lock(self) -> None:
        """Lock the directory, creating it if missing, unless it is locked.

        Raises:
            OSError: That is not possible now.
        """
        if not self._lock.held:
            self._lock.acquire()

    def check(self, *, thoroughly: bool = False) -> None:
        """Check that what is open is what the next process finds; `thoroughly` is too much for each transaction.

        Raises:
            GoneError: The file was deleted, moved or replaced.
            BrokenError: Its write-ahead log was, or one of them was cut.
            OSError: It cannot be looked at, or the lock, which was deleted, cannot be taken again.
        """
        self._footprint.check()
        if thoroughly:
            self._footprint.check_log()
        self._lock.renew()

    def connect(self) -> sqlite3.Connection:
        """Return the connection to the database, which is made if there is none.

        Raises:
            sqlite3.Error: It cannot be opened.
            OSError: It cannot be made.
        """
        if self._connection is None:
            if self.released:
                raise sqlite3.ProgrammingError("it was left to the next process")
            self.lock()
            self.fresh |= not self.exists
            self._footprint.begin()
            self._connection = self.schema.connect(self.path)
        return self._connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block as a transaction: all of it or nothing.

        Raises:
            sqlite3.Error: Something could not be done.
            OSError: The file cannot be made.
        """
        self.check()
        connection = self.connect()
        if not self.begun:
            try:
                self._begin(connection)
            except ERRORS:
                self.disconnect()  # one that failed to change the kind of journal keeps the old kind, and says nothing
                raise
        try:
            with transact(connection):
                yield connection
        except ERRORS as error:
            if is_full(error):  # the log may be what fills it
                with contextlib.suppress(*ERRORS):
                    self.give_back()
            raise
        finally:
            self._footprint.note()

    @contextlib.contextmanager
    def reread(self) -> Iterator[sqlite3.Connection]:
        """Have in the block the connection, which reads all anew, to see what somebody else has written.

        Raises:
            sqlite3.Error: It cannot be read.
            OSError: The same.
        """
        self.check()
        connection = self.connect()
        connection.execute("PRAGMA shrink_memory")
        with bounded(connection):
            yield connection
        self._footprint.accept()

    def give_back(self, *, all_of_it: bool = False) -> None:
        """Move the log to the file, and give its room back to the disk; with `all_of_it` that of the file, too.

        Raises:
            sqlite3.Error: That is not possible.
        """
        connection = self.connect()
        try:
            if all_of_it:
                connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._footprint.note(shorter=True)

    def delete(self) -> None:
        """Delete the file and all that SQLite has beside it; the next transaction begins a new one.

        Raises:
            OSError: The file cannot be deleted, and is still open.
        """
        self.path.unlink()
        self.disconnect()
        for side in SIDES:
            with contextlib.suppress(OSError):  # without its file it counts for nothing
                Path(f"{self.path}{side}").unlink()

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Make the tables. If they are there, they must be those that were read in a copy."""
        if self._copied and self._copied == self._footprint.file:
            self.schema.inspect(connection, thoroughly=False)
        else:
            self.schema.make(connection)
        self.begun, self.fresh, self._copied = True, False, None

    @contextlib.contextmanager
    def examine(self, *, thoroughly: bool, copy: bool = False) -> Iterator[sqlite3.Connection]:
        """Have in the block the connection to a database of an earlier process; `thoroughly` has SQLite read all of it.

        With `copy`, one that can be read and not written is read in a copy.

        Raises:
            sqlite3.Error: It is not our database, or SQLite finds it damaged.
            OSError: It cannot be read.
        """
        try:
            if is_hollow(self.path):
                raise BrokenError("it is empty, and its write-ahead log is not")
            connection = self.connect()
            with bounded(connection):
                self.schema.inspect(connection, thoroughly=thoroughly)
            self.schema.try_to_write(connection)
            self._footprint.note()
        except (OSError, *ERRORS) as error:
            if not copy or not is_unwritable(error):
                raise
            self.disconnect()
            self.note_failure(error)
            self._copied = find_file(self.path)
            with connect_copy(self.path) as connection, bounded(connection):
                self.schema.inspect(connection, thoroughly=thoroughly)
                yield connection
        else:
            self.begun = True
            with bounded(connection):
                yield connection

    def start_over(self, error: Exception) -> bool:
        """If `error` says that the file is broken or gone, leave it, so that a new one is begun; say whether.

        Raises:
            OSError: It is broken, and cannot be renamed.
        """
        if isinstance(error, GoneError):
            if left := self.abandon():
                left.close()
        elif is_broken(error):
            self.set_aside(error)
        else:
            return False
        return True

    def set_aside(self, error: Exception) -> None:
        """Give the file a name that says it is broken, so that a new one can be begun.

        Raises:
            OSError: It cannot be given one.
        """
        self.disconnect()
        self.aside.set_aside(error)

    def detach(self) -> sqlite3.Connection | None:
        """Let go of the connection and return it: it may read more than is in the files, or is found by their names."""
        left, self._connection = self._connection, None
        if left and self._footprint.has_lost_log:
            with contextlib.suppress(*ERRORS):  # the file may be all that is left to the next process
                left.execute("PRAGMA wal_checkpoint")
        self.disconnect()
        return left

    def abandon(self) -> sqlite3.Connection | None:
        """Let go of a file that is gone, and of the lock beside it; return the connection that still reads it."""
        self._footprint.delete_log()
        left, self._connection = self._connection, None
        self.disconnect()
        self._lock.release()
        self._log.warning(f"{self.schema.event}.gone", file=self.path, advice=_ADVICE_GONE)
        return left

    def note_failure(self, error: Exception) -> None:
        """Log that the disk fails: once, until it works again."""
        if not self._failing:
            advice = self.schema.advice
            self._log.warning(f"{self.schema.event}.failed", file=self.path, error=describe(error), advice=advice)
        self._failing = True

    def note_success(self) -> None:
        """Log that the disk works again, if it failed before."""
        if self._failing:
            self._log.info(f"{self.schema.event}.restored", file=self.path)
        self._failing = False

    def disconnect(self) -> None:
        """Close the connection."""
        self.begun = False
        self._footprint.forget()
        if self._connection is not None:
            with contextlib.suppress(*ERRORS):  # what it could not write is due, or was set aside
                self._connection.close()
            self._connection = None

    def release(self) -> None:
        """Close the connection, and unlock the directory for the next agent."""
        self.released = True
        self.disconnect()
        self._lock.release()
