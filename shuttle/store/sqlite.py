"""A database of SQLite in a directory of its own: locked by one agent, private, and begun anew when it has to be.

Strategy: SQLite is asked for transactions and for finding its own damage, and told to wait for nobody. SQLite's name
for an error says whether the file is broken, or the disk only takes nothing now.

What can become of the file, and what that means to whoever uses it:

- The disk takes nothing, because it is full, read-only or failing: an error, and the next transaction may succeed. So
  it is at the start, too: the directory is locked and the file made as soon as that is possible.
- The file is broken, or its write-ahead log was deleted: `set_aside` renames it, and the next transaction begins a new
  one. Closing the old one brings to it what only the log had.
- The file was deleted, moved or replaced: SQLite would go on with one that no other process finds. So each transaction
  looks first whether the path still leads to the file that is open; `abandon` gives what still reads that, and the next
  transaction locks the directory again and begins a new file. If only the lock was deleted, it is taken again.
"""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from shuttle.errors import ConfigError, quote
from shuttle.observe.log import Logger
from shuttle.store.lock import DirectoryLock, FileId, InUseError, find_file, identify
from shuttle.store.private import UnsafeError, check_files, open_file
from shuttle.store.schema import LOG, SIDES, Schema, bounded, connect_copy, transact
from shuttle.store.sqlite_errors import ERRORS, BrokenError, GoneError, describe, is_broken, is_unwritable

# Errors at the start that no wait mends: what cannot be a directory, and a process without descriptors.
_HOPELESS = (
    *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT),
    *(errno.EMFILE, errno.ENFILE),
)
_ADVICE_GONE = "what log-shuttle holds is written to a new one; stop it before its files are deleted or moved"


class Database:
    """The file `<name>.sqlite` in `directory`. It is used by one thread at a time."""

    def __init__(self, directory: Path, schema: Schema, log: Logger) -> None:
        self.path = directory / f"{schema.name}.sqlite"
        self._directory = directory
        self._schema = schema
        self._names = {side: Path(f"{self.path}{side}") for side in SIDES}
        self._names_aside = [Path(f"{self.path}.broken-{number}") for number in range(1, schema.most_broken + 1)]
        self._log = log
        self._lock = DirectoryLock(directory, schema.name)
        self._connection: sqlite3.Connection | None = None
        self._files: dict[str, FileId] = {}  # those of the connection, by what their names end with
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
        except InUseError:
            accepted = "must not be another running log-shuttle's; each needs its own"
            raise ConfigError(f"{schema.flag} {quote(str(directory))}: {accepted}") from None
        except UnsafeError as error:
            accepted = "must be a directory of this user alone; one that is not there yet is made"
            raise ConfigError(f"{schema.flag} {quote(str(directory))}: {accepted} ({error.strerror})") from None
        except OSError as error:
            if error.errno in _HOPELESS:
                raise database.refuse(error) from None
            database.note_failure(error)
        return database

    def refuse(self, error: Exception) -> ConfigError:
        """Return what tells a user that the directory cannot be used."""
        accepted = "must be a directory that can be made and written"
        return ConfigError(f"{self._schema.flag} {quote(str(self._directory))}: {accepted} ({describe(error)})")

    @property
    def exists(self) -> bool:
        """Whether there is something by its name.

        Raises:
            OSError: It cannot be looked at.
        """
        try:
            self.path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    @property
    def current(self) -> bool:
        """Whether it has its tables, and the next process finds it."""
        with contextlib.suppress(OSError, *ERRORS):
            self.check()
            return self.begun
        return False

    def lock(self) -> None:
        """Lock the directory, which is made if there is none, unless that is done.

        Raises:
            OSError: That is not possible now.
        """
        if not self._lock.held:
            self._lock.acquire()

    def check(self) -> None:
        """See that what is open is what the next process finds.

        Raises:
            GoneError: The file was deleted, moved or replaced.
            BrokenError: Its write-ahead log was.
            OSError: It cannot be looked at, or the lock, which was deleted, cannot be taken again.
        """
        for side, known in self._files.items():
            if find_file(self._names[side]) != known:
                raise BrokenError("its write-ahead log is gone") if side else GoneError("it is gone")
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
            self._check_files()
            self.fresh |= not self.exists
            file = open_file(self.path)  # SQLite gives the files beside the database its mode
            try:
                opened = identify(os.fstat(file))
            finally:
                os.close(file)
            self._connection = self._schema.connect(self.path)
            self._files[""] = opened
        return self._connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do all that is done in the block, or nothing of it.

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
        with transact(connection):
            yield connection
        if LOG not in self._files:
            with contextlib.suppress(OSError):  # all is written
                self._note_log()

    def _check_files(self) -> None:
        """See that nobody else has put a file there that SQLite would open; it follows links, and takes any log.

        Raises:
            BrokenError: Somebody may have.
            OSError: That cannot be looked at.
        """
        try:
            check_files(self._names.values())
        except UnsafeError as error:
            raise BrokenError(error.strerror) from None

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Make the tables. If they are there, they must be those that were read in a copy."""
        if self._copied and self._copied == self._files.get(""):
            self._schema.inspect(connection, thoroughly=False)
        else:
            self._schema.make(connection)
        self.begun, self.fresh, self._copied = True, False, None

    @contextlib.contextmanager
    def examine(self, *, thoroughly: bool, copy: bool = False) -> Iterator[sqlite3.Connection]:
        """Have in the block the connection to a database of an earlier process; `thoroughly` has SQLite read all of it.

        With `copy`, one that can be read and not written is read in a copy.

        Raises:
            sqlite3.Error: It is none of ours, or SQLite finds something wrong in it.
            OSError: It cannot be read.
        """
        try:
            connection = self.connect()
            with bounded(connection):
                self._schema.inspect(connection, thoroughly=thoroughly)
            self._schema.try_to_write(connection)
        except (OSError, *ERRORS) as error:
            if not copy or not is_unwritable(error):
                raise
            self.disconnect()
            self.note_failure(error)
            self._copied = find_file(self.path)
            with connect_copy(self.path) as connection, bounded(connection):
                self._schema.inspect(connection, thoroughly=thoroughly)
                yield connection
        else:
            self.begun = True
            with bounded(connection):
                yield connection

    def list_broken(self) -> list[Path]:
        """Return the files that were set aside."""
        return [name for name in self._names_aside if os.path.lexists(name)]

    def start_over(self, error: Exception) -> bool:
        """Leave the file behind if `error` says that it is broken or gone, so that a new one is begun; say whether.

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
        names = self._names_aside
        aside = next((name for name in names if not os.path.lexists(name)), names[-1])
        for side in SIDES:
            try:
                self._names[side].replace(f"{aside}{side}")
            except FileNotFoundError:  # an older one may have left its own, which SQLite would take for this one's
                Path(f"{aside}{side}").unlink(missing_ok=True)
        self._log.warning(f"{self._schema.event}.broken", file=self.path, error=describe(error), aside=aside.name)

    def abandon(self) -> sqlite3.Connection | None:
        """Let go of a file that is gone, and of the lock beside it; return the connection that still reads it."""
        left, self._connection = self._connection, None
        self.disconnect()
        self._lock.release()
        self._log.warning(f"{self._schema.event}.gone", file=self.path, advice=_ADVICE_GONE)
        return left

    def note_failure(self, error: Exception) -> None:
        """Log that the disk does not take what is to be written: once until it does again."""
        if not self._failing:
            advice = self._schema.advice
            self._log.warning(f"{self._schema.event}.failed", file=self.path, error=describe(error), advice=advice)
        self._failing = True

    def note_success(self) -> None:
        """Log that the disk takes what is written, if it did not."""
        if self._failing:
            self._log.info(f"{self._schema.event}.restored", file=self.path)
        self._failing = False

    def disconnect(self) -> None:
        """Close the connection."""
        self.begun = False
        self._files.clear()
        if self._connection is not None:
            with contextlib.suppress(*ERRORS):  # what it could not write is due, or was set aside
                self._connection.close()
            self._connection = None

    def release(self) -> None:
        """Close the connection, and leave the directory to the next agent."""
        self.released = True
        self.disconnect()
        self._lock.release()

    def _note_log(self) -> None:
        """Note which file the connection's write-ahead log is."""
        if found := find_file(self._names[LOG]):
            self._files[LOG] = found
