"""A database of SQLite in a directory of its own: claimed by one agent, private, and set aside when it is broken.

Strategy: SQLite is asked for transactions and for finding its own damage, and told to wait for nobody. Whether an error
means that the file is broken, or only that the disk does not take anything now, is told by SQLite's name for it.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from shuttle.errors import ConfigError, quote
from shuttle.observe.log import Logger

MOST_BROKEN = 10  # databases set aside; a disk that breaks each one must not be filled with them as well
ERRORS = (sqlite3.Error, UnicodeDecodeError)  # the second if SQLite's text for an error quotes a broken schema

_PRIVATE = 0o600  # lines and paths are nobody else's business; SQLite gives the files beside the database its own mode
_SIDES = ("", "-wal", "-shm", "-journal")  # what SQLite may have of a database, and would take for the next one's
# Errors of a broken database, by the beginnings of their names. SQLITE_ERROR: a table is not there, or already.
_BROKEN = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ")
# And at the start: by then the file was opened to be written, and what forbids to write is only in its header.
_BROKEN_AT_START = (*_BROKEN, "SQLITE_IOERR_CORRUPTFS", "SQLITE_READONLY")


class BrokenError(sqlite3.DatabaseError):
    """What SQLite can read, and this program cannot."""


class Database:
    """The file `<name>.sqlite` in `directory`, which the flag `flag` names; log events begin with `event`.

    `statements` make the tables, and `version` is that of what they hold. It is claimed once, and then used by one
    thread at a time.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        flag: str,
        event: str,
        statements: Sequence[str],
        version: int,
        pragmas: Sequence[str],
        log: Logger,
        most_broken: int = MOST_BROKEN,
    ) -> None:
        self.path = directory / f"{name}.sqlite"
        self._directory = directory
        self._claim = directory / f"{name}.lock"
        self._flag = f"{flag} {quote(str(directory))}"
        self._event = event
        self._statements = statements
        self._version = version
        self._pragmas = pragmas
        self._names_aside = [Path(f"{self.path}.broken-{number}") for number in range(1, most_broken + 1)]
        self._log = log
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        self.begun = False
        """It has its tables."""
        self._failing = False

    @contextlib.contextmanager
    def claim(self) -> Iterator[None]:
        """Claim the directory, within the block and beyond it; an error in the block lets go of it.

        Raises:
            ConfigError: The directory cannot be made or written, or another agent uses it.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._claim, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            self.release()
            raise ConfigError(f"{self._flag}: must not be another running log-shuttle's; each needs its own") from None
        except (OSError, sqlite3.Error) as error:
            self.release()
            reason = getattr(error, "strerror", None) or describe(error)
            raise ConfigError(f"{self._flag}: must be a directory that can be made and written ({reason})") from None

    @property
    def exists(self) -> bool:
        """Whether there is something by its name."""
        return os.path.lexists(self.path)

    @property
    def size(self) -> int:
        """The bytes of its files."""
        paths = [Path(f"{self.path}{side}") for side in _SIDES]
        return sum(path.stat().st_size for path in paths if path.exists())

    @property
    def is_claimed(self) -> bool:
        """Whether this process has the directory."""
        return self._lock is not None

    def connect(self) -> sqlite3.Connection:
        """Return the connection to the database, which is made if there is none, and nobody else's as long as it lasts.

        Raises:
            sqlite3.Error: It cannot be opened.
            OSError: It cannot be made.
        """
        if self._connection is None:
            if self.exists and not self.path.is_file():
                raise BrokenError("it is not a file")
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, _PRIVATE))
            # No waiting, transactions are our own, and the thread may be another one each time.
            connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
            connection.text_factory = bytes  # a broken text is none
            try:
                connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # no locks each time, no memory shared in a file
                for pragma in self._pragmas:
                    connection.execute(f"PRAGMA {pragma}")
            except ERRORS:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do all that is done in the block, or nothing of it.

        Raises:
            sqlite3.Error: Something could not be done.
            OSError: The file cannot be made.
        """
        connection = self.connect()
        if not self.begun:
            try:
                self._begin(connection)
            except ERRORS:
                self.disconnect()  # one that failed to change the kind of journal keeps the old kind, and says nothing
                raise
            self.begun = True
        with connection:  # commits, or rolls back
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Make the tables. If they are there already, it is none that can be gone on with, and an error says so."""
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != b"wal":
            raise sqlite3.OperationalError("it cannot have a write-ahead log")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in self._statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={self._version}")

    def examine(self, *, thoroughly: bool) -> sqlite3.Connection:
        """Return the connection to a database of an earlier process; `thoroughly` has SQLite read all of it.

        Raises:
            sqlite3.Error: It is none of ours, or SQLite finds something wrong in it.
        """
        connection = self.connect()
        connection.execute("BEGIN")
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > self._version:
            raise BrokenError(f"it is of version {version}; this log-shuttle can read version {self._version}")
        schema = {statement for (statement,) in connection.execute("SELECT sql FROM sqlite_master")}
        if version < self._version or not schema >= {statement.encode() for statement in self._statements}:
            raise BrokenError("it has not the tables of a store")
        if thoroughly:
            found: bytes = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != b"ok":
                raise BrokenError(" ".join(found.decode("utf-8", "replace").split()))
        connection.execute(f"PRAGMA user_version={self._version}")  # says if it can be written; it may be read-only
        connection.execute("ROLLBACK")
        self.begun = True
        return connection

    def list_broken(self) -> list[Path]:
        """Return the files that were set aside."""
        return [name for name in self._names_aside if os.path.lexists(name)]

    def set_aside(self, error: Exception) -> Path:
        """Give the file a name that says it is broken, so that a new one can be begun, and return that name.

        Raises:
            OSError: It cannot be given one.
        """
        self.disconnect()
        names = self._names_aside
        aside = next((name for name in names if not os.path.lexists(name)), names[-1])
        for side in _SIDES:
            try:
                Path(f"{self.path}{side}").replace(f"{aside}{side}")
            except (
                FileNotFoundError
            ):  # an older one may have left its own there, which SQLite would take for this one's
                Path(f"{aside}{side}").unlink(missing_ok=True)
        self._log.warning(f"{self._event}.broken", file=self.path, error=describe(error), aside=aside.name)
        return aside

    def note_failure(self, error: Exception, advice: str) -> None:
        """Log that the disk does not take what is to be written: once until it does again."""
        if not self._failing:
            self._log.warning(f"{self._event}.failed", file=self.path, error=describe(error), advice=advice)
        self._failing = True

    def note_success(self) -> None:
        """Log that the disk takes what is written, if it did not."""
        if self._failing:
            self._log.info(f"{self._event}.restored", file=self.path)
        self._failing = False

    def disconnect(self) -> None:
        """Close the connection."""
        self.begun = False
        if self._connection is not None:
            with contextlib.suppress(*ERRORS):  # what it could not write is due, or was set aside
                self._connection.close()
            self._connection = None

    def release(self) -> None:
        """Close the connection, and leave the directory to the next agent."""
        self.disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def is_broken(error: Exception, *, at_start: bool = False) -> bool:
    """Say whether an error means that the database is broken, and not just that it cannot be written now."""
    names = _BROKEN_AT_START if at_start else _BROKEN
    return isinstance(error, BrokenError | UnicodeDecodeError) or getattr(error, "sqlite_errorname", "").startswith(
        names
    )


def describe(error: Exception) -> str:
    """Return what SQLite says, and its name for it, which says more: an error of the disk may be one of many."""
    if isinstance(error, UnicodeDecodeError):
        return "its schema is not text"
    name = getattr(error, "sqlite_errorname", None)
    return f"{error} ({name})" if name else str(error)
