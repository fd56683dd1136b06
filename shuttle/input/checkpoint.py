"""The store of checkpoints: what lets an agent that was killed with -9 go on where it stopped.

Strategy: memory has everything, and a database of SQLite follows it. Each call changes the memory, then one transaction
writes the rows in which the two differ. One that fails leaves them due, and the next call writes them with its own; a
database that turns out to be broken is replaced by one that gets them all.

What holds: a commit is in the kernel's hands, so `kill -9` loses nothing that was recorded. It is not on the disk yet
(synchronous=OFF: an event loop cannot wait for one), so a power cut may cost the latest checkpoints, or break the
database. One that is broken is set aside and never stops the start. Each row has a checksum: what is read is what was
written, or the database counts as broken.
"""

import contextlib
import fcntl
import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from shuttle.batch import Span
from shuttle.errors import ConfigError
from shuttle.flags import show
from shuttle.input.identity import Identity
from shuttle.log import Logger

FILE = "checkpoints.sqlite"
LOCK = "checkpoints.lock"
VERSION = 1  # of the schema and of what the rows hold; a database of another is set aside
MOST_BROKEN = 10  # databases set aside; a disk that breaks each one must not be filled with them as well

_SCHEMA = tuple(
    f"CREATE TABLE {name} (key INTEGER PRIMARY KEY, content BLOB NOT NULL, checksum INTEGER NOT NULL)"
    for name in ("files", "plans")
)
_PRIVATE = 0o600  # paths are nobody else's business; SQLite gives the files beside the database its own mode
_SIDES = ("", "-wal", "-shm", "-journal")  # what SQLite may have of a database, and would take for the next one's
_ERRORS = (sqlite3.Error, UnicodeDecodeError)  # the second if SQLite's text for an error quotes a broken schema
# Errors of a broken database, by the beginnings of their names. SQLITE_ERROR: a table is not there, or already.
_BROKEN = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ")
# And at the start: by then the file was opened to be written, and what forbids to write is only in its header.
_BROKEN_AT_START = (*_BROKEN, "SQLITE_IOERR_CORRUPTFS", "SQLITE_READONLY")


class Plan(NamedTuple):
    """A batch that was closed and whose outcome is not known."""

    id: str
    """32 hex digits, the Frame-Id."""
    spans: tuple[Span, ...]


class Known(NamedTuple):
    """A file as it was when it was recorded last."""

    number: int
    """What the store calls it; greater than that of each file enrolled before and not let go since."""
    path: str
    identity: Identity


class _BrokenError(sqlite3.DatabaseError):
    """What SQLite can read, and the store cannot."""


_Row = TypeVar("_Row")


class _Table(Generic[_Row]):
    """The rows as they should be, and the keys of those that the database has otherwise."""

    def __init__(self, name: str, encode: Callable[[_Row], object], decode: Callable[[int, Any], _Row]) -> None:
        self.rows: dict[int, _Row] = {}
        self.due: set[int] = set()
        self._stored: set[int] = set()
        self._encode = encode
        self._decode = decode
        # ruff sees SQL made of a string; the names are this module's own
        self._select = f"SELECT key, content, checksum FROM {name} ORDER BY key"  # noqa: S608
        self._replace = f"INSERT OR REPLACE INTO {name} VALUES (?, ?, ?)"  # noqa: S608
        self._delete = f"DELETE FROM {name} WHERE key = ?"  # noqa: S608

    @property
    def next_key(self) -> int:
        """A key above all others."""
        return next(reversed(self.rows), 0) + 1

    def put(self, key: int, row: _Row) -> None:
        self.rows[key] = row
        self.due.add(key)

    def drop(self, key: int) -> None:
        del self.rows[key]
        if key in self._stored:
            self.due.add(key)
        else:
            self.due.discard(key)

    def load(self, database: sqlite3.Connection) -> None:
        """Take the rows that are in `database`."""
        rows = {}
        for key, content, checksum in database.execute(self._select):
            if not isinstance(content, bytes) or _check(key, content) != checksum:
                raise _BrokenError("a row is not what was written")
            try:
                rows[key] = self._decode(key, json.loads(content))
            except (TypeError, ValueError):
                raise _BrokenError("a row cannot be read") from None
        self.rows = rows
        self._stored = set(rows)
        self.due.clear()

    def write(self, database: sqlite3.Connection) -> None:
        """Write what is due; it stays due until `settle`."""
        put = [(key, json.dumps(self._encode(self.rows[key])).encode()) for key in self.due if key in self.rows]
        database.executemany(self._replace, [(key, content, _check(key, content)) for key, content in put])
        if len(put) < len(self.due):
            database.executemany(self._delete, [(key,) for key in self.due if key not in self.rows])

    def settle(self) -> None:
        """Note that what was due is committed."""
        for key in self.due:
            if key in self.rows:
                self._stored.add(key)
            else:
                self._stored.discard(key)
        self.due.clear()

    def begin(self) -> None:
        """Note that the database has none of the rows."""
        self._stored.clear()
        self.due = set(self.rows)


class Store:
    """The checkpoints in `directory`; with None nothing is kept, and files are given numbers all the same.

    It is opened once, before anything else, and called from one thread. After that nothing raises an error: what goes
    wrong is logged, once.
    """

    def __init__(self, directory: Path | None, log: Logger) -> None:
        self._directory = directory
        self._path = (directory or Path()) / FILE
        self._log = log
        self._files = _Table[Known]("files", _encode_file, _decode_file)
        self._plans = _Table[Plan]("plans", tuple, _decode_plan)
        self._keys: dict[str, int] = {}  # of the plans in flight, by id
        self._next_file = 1
        self._next_plan = 1
        self.new = True
        """No agent has kept anything there before, or nothing that can be read."""
        self._lock: int | None = None
        self._database: sqlite3.Connection | None = None
        self._begun = False  # the database has its tables
        self._failing = False

    def open(self) -> None:
        """Take what the last agent left. A broken store is set aside, and logged as `state.broken`.

        Raises:
            ConfigError: The directory cannot be made or written, or another agent uses it.
        """
        if self._directory is None:
            return
        named = f"-state-dir {show(str(self._directory))}"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._directory / LOCK, os.O_RDWR | os.O_CREAT, _PRIVATE)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._load()
        except BlockingIOError:
            self._release()
            raise ConfigError(f"{named}: must not be another running log-shuttle's; each needs its own") from None
        except (OSError, sqlite3.Error) as error:
            self._release()
            reason = getattr(error, "strerror", None) or _describe(error)
            raise ConfigError(f"{named}: must be a directory that can be made and written ({reason})") from None
        self._save()

    def files(self) -> list[Known]:
        """Return the files that were not let go, in the order in which they were enrolled."""
        return list(self._files.rows.values())

    def plans(self) -> list[Plan]:
        """Return the plans that are not settled, the oldest first."""
        return list(self._plans.rows.values())

    def enroll(self, path: Path, identity: Identity) -> int:
        """Record a new file and return its number."""
        number = self._next_file
        self._next_file += 1
        if self._directory is not None:
            self._files.put(number, Known(number, str(path), identity))
            self._save()
        return number

    def record(
        self,
        *,
        planned: Sequence[Plan] = (),
        settled: Sequence[str] = (),
        identities: Mapping[int, Identity] = {},
    ) -> None:
        """Record, all or nothing: the plans `planned`; that those with the ids `settled` are done; how far files are.

        A plan that is settled in the same call is not kept at all. Ids and numbers that are not known are passed over.
        """
        if self._directory is None:
            return
        for plan in planned:
            if plan.id not in self._keys:
                self._keys[plan.id] = self._next_plan
                self._next_plan += 1
            self._plans.put(self._keys[plan.id], plan)
        for id_ in settled:
            if id_ in self._keys:
                self._plans.drop(self._keys.pop(id_))
        for number, identity in identities.items():
            if known := self._files.rows.get(number):
                self._files.put(number, known._replace(identity=identity))
        self._save()

    def rename(self, number: int, path: Path) -> None:
        """Record that the file is found at `path` now."""
        if known := self._files.rows.get(number):
            self._files.put(number, known._replace(path=str(path)))
            self._save()

    def forget(self, number: int) -> None:
        """Record that the file was let go: nothing of it is left, in plans neither."""
        if number not in self._files.rows:
            return
        self._files.drop(number)
        for key, plan in list(self._plans.rows.items()):
            spans = tuple(span for span in plan.spans if span.file != number)
            if not spans:
                self._plans.drop(self._keys.pop(plan.id))
            elif len(spans) < len(plan.spans):
                self._plans.put(key, plan._replace(spans=spans))
        self._save()

    def close(self) -> None:
        """Write what is still due, and leave the directory to the next agent."""
        if self._lock is not None:
            self._save()
            self._release()

    def _load(self) -> None:
        """Take what the database has; if it is broken, set it aside."""
        if not os.path.lexists(self._path):
            return
        try:
            if not self._path.is_file():
                raise _BrokenError("it is not a file")
            database = self._database = _connect(self._path)
            database.execute("BEGIN")
            _examine(database)
            self._files.load(database)
            self._plans.load(database)
            database.execute("ROLLBACK")
        except _ERRORS as error:
            if not _is_broken(error, _BROKEN_AT_START):
                raise
            self._files.rows, self._plans.rows = {}, {}
            self._set_aside(error)
            return
        self._begun = True
        self.new = False
        self._keys = {plan.id: key for key, plan in self._plans.rows.items()}
        self._next_file = self._files.next_key
        self._next_plan = self._plans.next_key

    def _save(self) -> None:
        """Write what is due, or keep it for the next time."""
        if self._begun and not self._files.due and not self._plans.due:
            return
        try:
            try:
                self._write()
            except _ERRORS as error:
                if not _is_broken(error, _BROKEN):
                    raise
                self._set_aside(error)
                self._write()
        except (OSError, *_ERRORS) as error:
            if not self._failing:
                advice = "what is to be recorded is kept in memory, and recorded as soon as that is possible"
                self._log.warning("state.failed", file=self._path, error=_describe(error), advice=advice)
            self._failing = True
        else:
            if self._failing:
                self._log.info("state.restored", file=self._path)
            self._failing = False

    def _write(self) -> None:
        database = self._database
        if database is None:
            database = self._database = _connect(self._path)
        if not self._begun:
            _begin(database)
            self._begun = True
        with database:  # commits, or rolls back
            database.execute("BEGIN IMMEDIATE")
            self._files.write(database)
            self._plans.write(database)
        self._files.settle()
        self._plans.settle()

    def _set_aside(self, error: Exception) -> None:
        """Give the database a name that says it is broken, so that a new one can be begun."""
        self._disconnect()
        self._files.begin()
        self._plans.begin()
        names = [self._path.with_name(f"{FILE}.broken-{number}") for number in range(1, MOST_BROKEN + 1)]
        aside = next((name for name in names if not os.path.lexists(name)), names[-1])
        for side in _SIDES:
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self._path}{side}").replace(f"{aside}{side}")
        self._log.warning("state.broken", file=self._path, error=_describe(error), aside=aside.name)

    def _disconnect(self) -> None:
        self._begun = False
        if self._database is not None:
            with contextlib.suppress(*_ERRORS):  # what it could not write is due, or was set aside
                self._database.close()
            self._database = None

    def _release(self) -> None:
        self._disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _connect(path: Path) -> sqlite3.Connection:
    """Return a connection to the database, which is made if there is none, and nobody else's as long as it lasts."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE))
    database = sqlite3.connect(path, timeout=0, isolation_level=None)  # no waiting, and transactions are our own
    database.text_factory = bytes  # a broken text is none
    try:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")  # no locks to take each time, no memory to share in a file
        database.execute("PRAGMA synchronous=OFF")  # reads the file
    except _ERRORS:
        database.close()
        raise
    return database


def _begin(database: sqlite3.Connection) -> None:
    """Make the tables. If they are there already, it is none that this store can go on with, and an error says so."""
    database.execute("PRAGMA journal_mode=WAL")
    with database:
        database.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            database.execute(statement)
        database.execute(f"PRAGMA user_version={VERSION}")


def _examine(database: sqlite3.Connection) -> None:
    """Raise an error if this is no database of ours, or SQLite itself finds something wrong in it.

    What it writes to see if it can is to be rolled back.
    """
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise _BrokenError(f"it is of version {version}; this log-shuttle can read version {VERSION}")
    schema = {statement for (statement,) in database.execute("SELECT sql FROM sqlite_master")}
    if version < VERSION or not schema >= {statement.encode() for statement in _SCHEMA}:
        raise _BrokenError("it has not the tables of a store")
    found: bytes = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != b"ok":
        raise _BrokenError(" ".join(found.decode("utf-8", "replace").split()))
    database.execute(f"PRAGMA user_version={VERSION}")  # says if it can be written; what opens may be read-only


def _is_broken(error: Exception, names: tuple[str, ...]) -> bool:
    return isinstance(error, _BrokenError | UnicodeDecodeError) or getattr(error, "sqlite_errorname", "").startswith(
        names
    )


def _describe(error: Exception) -> str:
    """Return what SQLite says, and its name for it, which says more: an error of the disk may be one of many."""
    if isinstance(error, UnicodeDecodeError):
        return "its schema is not text"
    name = getattr(error, "sqlite_errorname", None)
    return f"{error} ({name})" if name else str(error)


def _check(key: int, content: bytes) -> int:
    return zlib.crc32(content, key & 0xFFFFFFFF)


def _encode_file(known: Known) -> object:
    """Return what JSON can hold: of a path the bytes, whatever encoding the file system has for whoever reads them."""
    path = os.fsencode(known.path).decode("utf-8", "surrogateescape")
    identity = known.identity
    numbers = (identity.device, identity.inode, identity.offset, identity.head_length)
    return path, *numbers, identity.head.hex(), identity.tail.hex()


def _decode_file(key: int, content: Any) -> Known:
    path, device, inode, offset, head_length, head, tail = content
    identity = Identity(device, inode, offset, head_length, bytes.fromhex(head), bytes.fromhex(tail))
    return Known(key, os.fsdecode(path.encode("utf-8", "surrogateescape")), identity)


def _decode_plan(_key: int, content: Any) -> Plan:
    id_, spans = content
    return Plan(id_, tuple(Span(*span) for span in spans))
