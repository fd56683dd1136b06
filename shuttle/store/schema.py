"""The schema of a database, and its names."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shuttle.store.access import LOG_BYTES, connect, transact
from shuttle.store.sqlite_errors import ERRORS, BrokenError, NewerError

NO_STORE = "it has not the tables of a store, and no others"
MOST_BROKEN = 10  # files set aside; a disk that breaks each one must not be filled with them as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The tables of a store, its names, and what tells a user of it."""

    name: str
    """Of its files."""
    flag: str
    """The flag that names its directory."""
    event: str
    """What its log events begin with."""
    statements: Sequence[str]
    """Those that make the tables."""
    version: int
    """Of what the tables hold; a database of another is broken."""
    pragmas: Sequence[str]
    advice: str
    """What happens while the disk fails."""
    most_broken: int = MOST_BROKEN
    """Files set aside."""

    def connect(self, path: Path) -> sqlite3.Connection:
        """Return a connection to the database at `path`, which is nobody else's as long as it lasts.

        Raises:
            sqlite3.Error: It cannot be opened.
        """
        connection = connect(path)
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # no locks each time, no memory shared in a file
            connection.execute(f"PRAGMA journal_size_limit={LOG_BYTES}")
            for pragma in self.pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except ERRORS:
            connection.close()
            raise
        return connection

    def make(self, connection: sqlite3.Connection) -> None:
        """Make the tables; if they are there already, an error says so.

        Raises:
            sqlite3.Error: They are there, or cannot be made.
        """
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != b"wal":
            raise sqlite3.OperationalError("it cannot have a write-ahead log")
        with transact(connection):
            for statement in self.statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={self.version}")

    def inspect(self, connection: sqlite3.Connection, *, thoroughly: bool) -> None:
        """Check that the tables are there; `thoroughly` has SQLite read all of them.

        Raises:
            sqlite3.Error: It is not our database, or SQLite finds it damaged.
        """
        with transact(connection, keep=False):
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > self.version:
                raise NewerError(version, self.version)
            if version < self.version:
                raise BrokenError(NO_STORE)
            self.check_tables(connection)
            if thoroughly:
                result: bytes = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if result != b"ok":
                    raise BrokenError(" ".join(result.decode("utf-8", "replace").split()))

    def check_tables(self, connection: sqlite3.Connection) -> None:
        """Check that only the tables are there: no trigger, view or index, which SQLite would run or ask.

        Raises:
            sqlite3.Error: They are not, or something is.
        """
        self._check_tables(connection, "SELECT type, name, tbl_name, sql FROM sqlite_master")

    def check_own_tables(self, connection: sqlite3.Connection) -> None:
        """Check that the tables are there as this program makes them, whatever else is: they may be read, and no more.

        Raises:
            sqlite3.Error: They are not.
        """
        names = ", ".join(f"'{name.decode()}'" for name, _ in map(_name, self.statements))
        # ruff sees SQL made of a string; the names are this program's own
        select = f"SELECT type, name, tbl_name, sql FROM sqlite_master WHERE lower(name) IN ({names})"  # noqa: S608
        self._check_tables(connection, select)

    def _check_tables(self, connection: sqlite3.Connection, select: str) -> None:
        expected = {(b"table", name, name, statement) for name, statement in map(_name, self.statements)}
        rows = connection.execute(f"{select} LIMIT ?", (len(expected) + 1,)).fetchall()
        if len(rows) != len(expected) or set(rows) != expected:
            raise BrokenError(NO_STORE)

    def try_to_write(self, connection: sqlite3.Connection) -> None:
        """Check that the file is not marked as one that may only be read; nothing is written.

        Raises:
            sqlite3.Error: It is.
        """
        with transact(connection, keep=False):
            connection.execute(f"PRAGMA user_version={self.version}")


def _name(statement: str) -> tuple[bytes, bytes]:
    """Return the name of the table that a statement makes, and the statement, as the database has them."""
    return statement.split()[2].encode(), statement.encode()
