"""The table of batches in the spool: writes, reads, checks, sums up and removes them.

Values from a broken file may have any type and size, so all of them are checked before they are used. In memory, a
batch has its time in seconds of the monotonic clock; on disk, in seconds since the epoch. `since` is the epoch's time
when the clock was 0.
"""

import json
import sqlite3
import zlib
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from shuttle.core.batch import OVERHEAD, Batch
from shuttle.store.fields import MOST, MOST_KEY, MOST_SECONDS, are_long, is_id, is_number, is_time
from shuttle.store.sqlite_errors import BrokenError

# Bytes. To add and to remove 3 batches of 100 KB a transaction, or one of 300 bytes, took, in microseconds:
# 4 KiB 1043 + 947, 32 + 41; 8 KiB 892 + 750, 50 + 32; 16 KiB 743 + 621, 55 + 40; 32 KiB 733 + 710, 113 + 89.
PAGE = 16 * 1024
TABLES = (
    # The columns that describe a batch are apart from its body, so that a sum reads only a few pages.
    (
        "CREATE TABLE batches (key INTEGER PRIMARY KEY, id TEXT NOT NULL, born REAL NOT NULL, lines INTEGER NOT NULL, "
        "frames INTEGER NOT NULL, long TEXT NOT NULL, size INTEGER NOT NULL, checksum INTEGER NOT NULL)"
    ),
    "CREATE TABLE bodies (key INTEGER PRIMARY KEY, body BLOB NOT NULL)",
)
_INSERT = "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_BODY = "INSERT INTO bodies VALUES (?, ?)"
_EXISTS = "SELECT 1 FROM batches WHERE key = ?"
_SELECT = "SELECT batches.*, body FROM batches NOT INDEXED LEFT JOIN bodies NOT INDEXED USING (key) WHERE key"
_DELETE = "DELETE FROM batches WHERE key = ? RETURNING lines, size, checksum"
_DELETE_BODY = "DELETE FROM bodies WHERE key = ?"
_OLDEST = "SELECT key, born FROM batches ORDER BY key LIMIT 1"
_TOTALS = (
    "SELECT count(*), coalesce(sum(lines), 0), coalesce(sum(size), 0), coalesce(sum(checksum), 0), "
    "coalesce(min(key), 0) FROM batches WHERE key >= ?"
)
_LAST = "SELECT coalesce(max(key), 0) FROM batches"
_LEAST_FRAME = 3  # bytes, its length and newline included: no batch has more frames than it has room for
_IMPLAUSIBLE = (
    "SELECT 1 FROM batches WHERE NOT (lines >= 1 AND frames >= lines AND frames <= size / 3) "
    "OR typeof(lines) != 'integer' OR typeof(frames) != 'integer' OR typeof(size) != 'integer' OR "
    "typeof(born) != 'real' OR typeof(id) != 'text' OR length(id) != 32 "
    "OR NOT born BETWEEN -?1 AND ?1 OR NOT key BETWEEN 1 AND ?2 LIMIT 1"
)
# What the bodies take, or less, since `measure` rounds up.
_LEAST = "SELECT coalesce(sum(CASE WHEN size < ?1 THEN size ELSE max(?1, size - ?2) END - ?3), 0) FROM batches"


class StoredBatch(NamedTuple):
    """A batch on the disk."""

    key: int
    """Its place in the order of all; keys only grow."""
    batch: Batch


class Totals(NamedTuple):
    """What there is in all."""

    batches: int = 0
    lines: int = 0
    bytes: int = 0
    """As `measure` tells them."""
    checksums: int = 0
    """Of all rows, added up: they tell one set of batches from another of the same size."""
    first_key: int = 0
    """The lowest, 0 if there is none."""

    def change(self, added: "Totals", removed: "Totals", first_key: int) -> "Totals":
        """Return what there is after a transaction."""
        return Totals(
            self.batches + added.batches - removed.batches,
            self.lines + added.lines - removed.lines,
            self.bytes + added.bytes - removed.bytes,
            self.checksums + added.checksums - removed.checksums,
            first_key,
        )


def measure(batch: Batch) -> int:
    """Return what `batch` takes on the disk, in bytes: a large body fills pages of its own."""
    size = len(batch.body) + OVERHEAD
    return size if size < PAGE // 4 else -(-size // PAGE) * PAGE


def count(connection: sqlite3.Connection, *, file_bytes: int) -> tuple[Totals, int]:
    """Return what there is in a file of so many bytes, and the last key, 0 if there is none; no body is read for it.

    Raises:
        sqlite3.Error: It cannot be right.
    """
    if connection.execute(_IMPLAUSIBLE, (MOST_SECONDS, MOST_KEY)).fetchone():
        raise BrokenError("a batch cannot be what its row says")
    totals = add_up(connection, -MOST)
    (last_key,) = _read_numbers(connection.execute(_LAST).fetchone())
    if connection.execute(_LEAST, (PAGE // 4, PAGE, OVERHEAD)).fetchone()[0] > file_bytes:
        raise BrokenError("its batches are larger than the file")
    return totals, last_key


def add_up(connection: sqlite3.Connection, first_key: int) -> Totals:
    """Return what there is with keys from `first_key` on.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    return Totals(*_read_numbers(connection.execute(_TOTALS, (first_key,)).fetchone()))


def read_oldest(connection: sqlite3.Connection) -> tuple[int, float | None]:
    """Return the first key, 0 if there is none, and when that batch began, in seconds since the epoch."""
    key, born = connection.execute(_OLDEST).fetchone() or (0, None)
    return key, born if isinstance(born, float) else None


def exists(connection: sqlite3.Connection, key: int) -> bool:
    """Say whether there is a batch with this key."""
    return connection.execute(_EXISTS, (key,)).fetchone() is not None


def insert(connection: sqlite3.Connection, stored: Sequence[StoredBatch], since: float) -> Totals:
    """Write batches, all or none if this is in a transaction, and return what they come to."""
    rows = [_encode(key, batch, since) for key, batch in stored]
    connection.executemany(_INSERT, rows)
    connection.executemany(_INSERT_BODY, [(key, batch.body) for key, batch in stored])
    return _add_up([(row[3], row[6], row[7]) for row in rows])


def select(connection: sqlite3.Connection, after: int, since: float) -> Generator[StoredBatch, None, None]:
    """Yield the batches with keys above `after`, the oldest first.

    Raises:
        sqlite3.Error: They cannot be read, or are not what was written.
    """
    with closing(connection.execute(f"{_SELECT} > ? ORDER BY key", (after,))) as rows:
        for row in rows:
            yield _decode(row, since)


def read_all(connection: sqlite3.Connection) -> Generator[StoredBatch, None, None]:
    """Yield all batches, only to see that they can be read.

    Raises:
        sqlite3.Error: They cannot, or are not what was written.
    """
    return select(connection, 0, 0.0)


def select_one(connection: sqlite3.Connection, key: int, since: float) -> StoredBatch:
    """Return the batch with this key.

    Raises:
        sqlite3.Error: It cannot be read, or is not what was written.
    """
    return _decode(connection.execute(f"{_SELECT} = ?", (key,)).fetchone(), since)


def remove(connection: sqlite3.Connection, keys: Sequence[int]) -> Totals:
    """Remove batches, and return what they were: a file that was broken may have lost some of them."""
    found = [connection.execute(_DELETE, (key,)).fetchone() for key in keys]
    removed = [_read_numbers(row) for row in found if row]
    connection.executemany(_DELETE_BODY, [(key,) for key in keys])
    return _add_up(removed)


def _add_up(rows: Sequence[Sequence[int]]) -> Totals:
    """Return the totals of rows with lines, size and checksum."""
    lines, size, checksums = map(sum, zip(*rows, strict=True)) if rows else (0, 0, 0)
    return Totals(len(rows), lines, size, checksums)


def _encode(key: int, batch: Batch, since: float) -> tuple[Any, ...]:
    long = str([list(pair) for pair in batch.long])  # lists of numbers are JSON, and json takes ten times as long
    row = (key, batch.id, since + batch.born, batch.lines, batch.frames, long)
    return *row, measure(batch), _check(row, batch.body)


def _decode(content: Any, since: float) -> StoredBatch:
    try:
        key, id_, born, lines, frames, long, _, checksum, body = content
        row = (key, id_.decode(), born, lines, frames, long.decode())
        if _check(row, body) != checksum:
            raise BrokenError("a row is not what was written")
        pairs = json.loads(long)
        if not (
            is_number(key, 1, MOST_KEY)
            and is_id(row[1])
            and is_time(born)
            and is_number(lines, 1)
            and is_number(frames, lines, len(body) // _LEAST_FRAME)
            and isinstance(pairs, list)
            and are_long(pairs, lines, frames)
        ):
            raise BrokenError("a row holds what no batch has")
        return StoredBatch(key, Batch(row[1], body, lines, frames, tuple(map(tuple, pairs)), born - since))
    except (TypeError, ValueError, AttributeError, RecursionError):  # nothing, or something else
        raise BrokenError("a row cannot be read") from None


def _check(row: Sequence[object], body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(repr(tuple(row)).encode()))


def _read_numbers(row: Sequence[Any]) -> Sequence[int]:
    """Return a row of numbers.

    Raises:
        BrokenError: They are none: a broken file holds anything.
    """
    if not all(isinstance(value, int) for value in row):
        raise BrokenError("a number is none")
    return row
