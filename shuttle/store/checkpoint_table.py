"""The tables of checkpoints: files and plans as rows, and the rows that are not written yet.

Each row has a checksum: if it does not match, the database counts as broken.
"""

import json
import os
import sqlite3
import zlib
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from shuttle.core.fingerprint import DIGEST, HEAD, Fingerprint
from shuttle.core.position import Span
from shuttle.store.fields import MOST_KEY, is_id, is_number, is_stamp
from shuttle.store.schema import Schema
from shuttle.store.sqlite_errors import BrokenError

_LOG_PAGES = 64  # of 4 KiB in the log, before they are moved to the file: a small disk must not be filled by it
SCHEMA = Schema(
    name="checkpoints",
    flag="-state-dir",
    event="state",
    statements=tuple(
        f"CREATE TABLE {name} (key INTEGER PRIMARY KEY, content BLOB NOT NULL, checksum INTEGER NOT NULL)"
        for name in ("files", "plans")
    ),
    version=2,
    pragmas=("synchronous=OFF", f"wal_autocheckpoint={_LOG_PAGES}"),
    advice="checkpoints are kept in memory, and written as soon as possible",
)


_MOST_UNSIGNED = (1 << 64) - 1  # of devices and inodes


class Plan(NamedTuple):
    """A batch that was closed and whose outcome is not known, or a part of one."""

    id: str
    """32 hex digits, the Frame-Id."""
    spans: tuple[Span, ...]


class Checkpoint(NamedTuple):
    """A file as it was when it was recorded last."""

    number: int
    """The checkpoints' name for it, above that of every file that was enrolled earlier and is still known."""
    path: str
    """By which it is followed, or beside which it stands."""
    fingerprint: Fingerprint
    place: str = ""
    """Where it stood, links resolved."""
    size: int = 0
    """Its size when it was looked at last."""
    history: bool = False
    """Nothing more of it is read: it was there before, or was read to its end."""


_Row = TypeVar("_Row")


class CheckpointTable(Generic[_Row]):
    """The rows as they should be, and the keys of those in which the database differs."""

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
        """Add the row, or replace the one with its key."""
        self.rows[key] = row
        self.due.add(key)

    def drop(self, key: int) -> None:
        """Remove the row."""
        del self.rows[key]
        if key in self._stored:
            self.due.add(key)
        else:
            self.due.discard(key)

    def load(self, database: sqlite3.Connection) -> None:
        """Take the rows that are in `database`.

        Raises:
            BrokenError: A row is not what was written.
            sqlite3.Error: The rows cannot be read.
        """
        self.rows = self._read(database)
        self._stored = set(self.rows)
        self.due.clear()

    def compare(self, database: sqlite3.Connection) -> None:
        """Check that `database` has what was written.

        Raises:
            BrokenError: It has not.
            sqlite3.Error: The rows cannot be read.
        """
        found = self._read(database)
        if found.keys() != self._stored or any(found[key] != self.rows[key] for key in self._stored - self.due):
            raise BrokenError("somebody else has changed it")

    def _read(self, database: sqlite3.Connection) -> dict[int, _Row]:
        rows = {}
        for key, content, checksum in database.execute(self._select):
            if not is_number(key, 1, MOST_KEY) or not isinstance(content, bytes) or _check(key, content) != checksum:
                raise BrokenError("a row is not what was written")
            try:
                rows[key] = self._decode(key, json.loads(content))
            except (TypeError, ValueError, AttributeError, RecursionError):
                raise BrokenError("a row cannot be read") from None
        return rows

    def write(self, database: sqlite3.Connection) -> None:
        """Write what is due. It stays due until `settle`: the transaction may fail.

        Raises:
            sqlite3.Error: It cannot be written.
        """
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

    def clear(self) -> None:
        """Forget all rows; the database has none of them either."""
        self.rows = {}
        self.begin()


def make_file_table() -> CheckpointTable[Checkpoint]:
    """Return the table of files, each by its number."""
    return CheckpointTable("files", _encode_file, _decode_file)


def make_plan_table() -> CheckpointTable[Plan]:
    """Return the table of plans, by numbers that say their order."""
    return CheckpointTable("plans", tuple, _decode_plan)


def _check(key: int, content: bytes) -> int:
    return zlib.crc32(content, key & 0xFFFFFFFF)


def _encode_file(known: Checkpoint) -> object:
    """Return what JSON can hold. A path is stored as its bytes: the next agent may have another encoding."""
    path = os.fsencode(known.path).decode("utf-8", "surrogateescape")
    fingerprint = known.fingerprint
    numbers = (fingerprint.device, fingerprint.inode, fingerprint.offset, fingerprint.head_length)
    place = os.fsencode(known.place).decode("utf-8", "surrogateescape")
    return path, *numbers, fingerprint.head.hex(), fingerprint.tail.hex(), place, known.size, known.history


def _decode_file(key: int, content: Any) -> Checkpoint:
    path, device, inode, offset, head_length, head, tail, place, size, history = content
    fingerprint = Fingerprint(device, inode, offset, head_length, bytes.fromhex(head), bytes.fromhex(tail))
    numbers = all(is_number(number, 0, _MOST_UNSIGNED) for number in (device, inode)) and is_number(offset)
    hashes = len(fingerprint.head) == len(fingerprint.tail) == DIGEST
    names = path and "\0" not in path + place and isinstance(history, bool)
    if not (numbers and hashes and is_number(head_length, 0, HEAD) and is_number(size) and names):
        raise BrokenError("a row holds what no file has")
    path, place = (os.fsdecode(name.encode("utf-8", "surrogateescape")) for name in (path, place))
    return Checkpoint(key, path, fingerprint, place, size, history)


def _decode_plan(_key: int, content: Any) -> Plan:
    id_, spans = content
    plan = Plan(id_, tuple(Span(*span) for span in spans))
    if not is_id(id_) or not all(map(_is_span, plan.spans)):
        raise BrokenError("a row holds what no plan has")
    return plan


def _is_span(span: Span) -> bool:
    return (
        is_number(span.file, 1)
        and is_number(span.start)
        and is_number(span.end, span.start + 1)
        and is_number(span.skip, 0, span.end - span.start)
        and is_number(span.lines, 1, span.end - span.start - span.skip)
        and is_stamp(span.stamp)
    )
