"""What a database holds, and what it is called; connections and transactions as every store here has them."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from shuttle.store.sqlite_errors import ERRORS, BrokenError

NO_STORE = "it has not the tables of a store, and no others"
MOST_BROKEN = 10  # files set aside; a disk that breaks each one must not be filled with them as well
LOG = "-wal"  # what the name of the write-ahead log ends with
SIDES = ("", LOG, "-shm", "-journal")  # what SQLite may have of a database, and would take for the next one's


# Steps of SQLite's machine. To add up a spool takes about one a byte if each batch is a line of 3 bytes.
_STEPS_A_CALL = 100_000
_STEPS_A_BYTE = 10
_LEAST_CALLS = 10
# More than a store needs: what somebody else has put there must not take more. VACUUM attaches a database.
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 256 * 1024 * 1024,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 4096,
    sqlite3.SQLITE_LIMIT_COLUMN: 32,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 32,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 4,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 10_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 1,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
}


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
    """What happens while the disk does not take what is written."""
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
        """See that the tables are there; `thoroughly` has SQLite read all of them.

        Raises:
            sqlite3.Error: It is none of ours, or SQLite finds something wrong in it.
        """
        with transact(connection, keep=False):
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > self.version:
                raise BrokenError(f"it is of version {version}; this log-shuttle can read version {self.version}")
            if version < self.version:
                raise BrokenError(NO_STORE)
            self.check_tables(connection)
            if thoroughly:
                result: bytes = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if result != b"ok":
                    raise BrokenError(" ".join(result.decode("utf-8", "replace").split()))

    def check_tables(self, connection: sqlite3.Connection) -> None:
        """See that the tables are there and nothing else is: no trigger, view or index, which SQLite would run or ask.

        Raises:
            sqlite3.Error: They are not, or something is.
        """
        expected = {(b"table", name, name, statement) for name, statement in map(_name, self.statements)}
        found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT ?", (len(expected) + 1,))
        rows = found.fetchall()
        if len(rows) != len(expected) or set(rows) != expected:
            raise BrokenError(NO_STORE)

    def try_to_write(self, connection: sqlite3.Connection) -> None:
        """See that the file is not marked as one that may only be read; nothing is written.

        Raises:
            sqlite3.Error: It is.
        """
        with transact(connection, keep=False):
            connection.execute(f"PRAGMA user_version={self.version}")


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that waits for nobody.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    # Transactions are our own, and the thread may be another one each time.
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    connection.text_factory = bytes  # a broken text is none
    for limit, most in _LIMITS.items():
        connection.setlimit(limit, most)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA cell_size_check=ON")
    except ERRORS:
        connection.close()
        raise
    return connection


def _name(statement: str) -> tuple[bytes, bytes]:
    """Return the name of the table that a statement makes, and the statement, as the database has them."""
    return statement.split()[2].encode(), statement.encode()


@contextlib.contextmanager
def connect_copy(path: Path) -> Iterator[sqlite3.Connection]:
    """Have a connection to a copy of a database that cannot be written: its log has to be brought to it to read it.

    Raises:
        OSError: It cannot be read.
        sqlite3.Error: It cannot be opened.
    """
    with TemporaryDirectory(prefix="log-shuttle-") as name:
        for side in ("", LOG):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{side}", Path(name, f"copy{side}"))
        with contextlib.closing(connect(Path(name, "copy"))) as connection:
            yield connection


def measure_file(connection: sqlite3.Connection) -> int:
    """Return the bytes of the database, as the connection has it: the name of its file may lead elsewhere by now.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    (pages,), (page,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages) * int(page)


@contextlib.contextmanager
def bounded(connection: sqlite3.Connection) -> Iterator[None]:
    """Interrupt SQLite if it does more in the block than the size of its file explains.

    Pages may be planted so that the tree of a table leads back into itself: to count its rows would not end. The size
    is the connection's own: the file may have been moved or deleted meanwhile.
    """
    file_bytes = measure_file(connection)
    most = _LEAST_CALLS + file_bytes * _STEPS_A_BYTE // _STEPS_A_CALL
    calls = count()
    connection.set_progress_handler(lambda: next(calls) >= most, _STEPS_A_CALL)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


@contextlib.contextmanager
def transact(connection: sqlite3.Connection, *, keep: bool = True) -> Iterator[None]:
    """Keep all that is done in the block, unless it raises an error; with `keep` false keep nothing.

    Raises:
        sqlite3.Error: It cannot be begun or kept; nothing is.
    """
    connection.execute("BEGIN IMMEDIATE" if keep else "BEGIN")
    try:
        yield
        connection.execute("COMMIT" if keep else "ROLLBACK")
    except BaseException:
        if connection.in_transaction:
            with contextlib.suppress(*ERRORS):
                connection.execute("ROLLBACK")
        raise
