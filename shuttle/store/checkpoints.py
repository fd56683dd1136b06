"""The store of checkpoints: what lets an agent that was killed with -9 go on where it stopped.

Strategy: memory has everything, and a database of SQLite follows it. Each call changes the memory, then one transaction
writes the rows in which the two differ. One that fails leaves them due, and the next call writes them with its own; a
database that turns out to be broken is replaced by one that gets them all.

What holds: a commit is in the kernel's hands, so `kill -9` loses nothing that was recorded. It is not on the disk yet
(synchronous=OFF: an event loop cannot wait for one), so a power cut may cost the latest checkpoints, or break the
database. One that is broken is set aside and never stops the start. Each row has a checksum: what is read is what was
written, or the database counts as broken.
"""

import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from shuttle.core.batch import Span
from shuttle.core.fingerprint import Identity
from shuttle.observe.log import Logger
from shuttle.store.schema import Schema
from shuttle.store.sqlite import Database
from shuttle.store.sqlite_errors import ERRORS, BrokenError, is_broken

NAME = "checkpoints"
FILE = f"{NAME}.sqlite"
LOCK = f"{NAME}.lock"
VERSION = 1  # of the schema and of what the rows hold; a database of another is set aside

_SCHEMA = Schema(
    name=NAME,
    flag="-state-dir",
    event="state",
    statements=tuple(
        f"CREATE TABLE {name} (key INTEGER PRIMARY KEY, content BLOB NOT NULL, checksum INTEGER NOT NULL)"
        for name in ("files", "plans")
    ),
    version=VERSION,
    pragmas=("synchronous=OFF",),
    advice="what is to be recorded is kept in memory, and recorded as soon as that is possible",
)


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
                raise BrokenError("a row is not what was written")
            try:
                rows[key] = self._decode(key, json.loads(content))
            except (TypeError, ValueError):
                raise BrokenError("a row cannot be read") from None
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
        self._log = log
        self._database: Database | None = None
        self._files = _Table[Known]("files", _encode_file, _decode_file)
        self._plans = _Table[Plan]("plans", tuple, _decode_plan)
        self._keys: dict[str, int] = {}  # of the plans in flight, by id
        self._next_file = 1
        self._next_plan = 1
        self.new = True
        """No agent has kept anything there before, or nothing that can be read."""

    def open(self) -> None:
        """Take what the last agent left. A broken store is set aside, and logged as `state.broken`.

        Raises:
            ConfigError: It cannot be read, its directory cannot be one, or another agent uses it.
        """
        if self._directory:
            database = Database.open(self._directory, _SCHEMA, self._log)
            try:
                self._load(database)
            except (OSError, *ERRORS) as error:
                database.release()
                raise database.refuse(error) from None
            self._database = database
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
        if self._database:
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
        if not self._database:
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
        if self._database and not self._database.released:
            self._save()
            self._database.release()

    def _load(self, database: Database) -> None:
        """Take what the database has; if it is broken, set it aside."""
        if not database.exists:
            return
        try:
            with database.examine(thoroughly=True, copy=True) as connection:
                self._files.load(connection)
                self._plans.load(connection)
        except ERRORS as error:
            if not is_broken(error, at_start=True):
                raise
            self._files.rows, self._plans.rows = {}, {}
            database.set_aside(error)
            self._begin()
            return
        self.new = False
        self._keys = {plan.id: key for key, plan in self._plans.rows.items()}
        self._next_file = self._files.next_key
        self._next_plan = self._plans.next_key

    def _save(self) -> None:
        """Write what is due, or keep it for the next time."""
        database = self._database
        if not database or (not self._files.due and not self._plans.due and database.current):
            return
        try:
            try:
                self._write(database)
            except ERRORS as error:
                if not database.start_over(error):
                    raise
                self._begin()
                self._write(database)
        except (OSError, *ERRORS) as error:
            database.note_failure(error)
        else:
            database.note_success()

    def _write(self, database: Database) -> None:
        with database.transaction() as connection:
            self._files.write(connection)
            self._plans.write(connection)
        self._files.settle()
        self._plans.settle()

    def _begin(self) -> None:
        self._files.begin()
        self._plans.begin()


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
