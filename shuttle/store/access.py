"""Access to the stores' databases: connections and transactions that are bounded and never wait."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from shuttle.store.sqlite_errors import ERRORS

LOG = "-wal"  # what the name of the write-ahead log ends with
LOG_BYTES = 8 * 1024 * 1024  # to which SQLite cuts it when it begins it anew
INDEX = "-shm"  # of the log's index, which SQLite makes again
SIDES = ("", LOG, INDEX, "-journal")  # what SQLite may have of a database, and would take for the next one's
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


def connect(path: Path, *, untouched: bool = False) -> sqlite3.Connection:
    """Return a connection that never waits for a lock.

    With `untouched` nothing is made, changed or locked, and what is in the write-ahead log is not read either.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    name = f"{path.absolute().as_uri()}?mode=ro&immutable=1" if untouched else path
    # Transactions are our own, and the thread may be another one each time.
    connection = sqlite3.connect(name, timeout=0, isolation_level=None, check_same_thread=False, uri=untouched)
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


@contextlib.contextmanager
def connect_copy(path: Path) -> Iterator[sqlite3.Connection]:
    """Connect to a copy of a database that cannot be written: reading requires to apply its log.

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
    """Run the block as a transaction: commit it unless it raises; roll it back if `keep` is false.

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
