"""A batch as a row of the spool's database: how it is written, read, checked, and found in a broken file.

What a broken file gives may be of any type and size, so that all of it is looked at before it is used.
"""

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from shuttle.core.batch import OVERHEAD, Batch
from shuttle.store.sqlite import ERRORS, BrokenError

# Bytes. To add and to remove 3 batches of 100 KB a transaction, or one of 300 bytes, took, in microseconds:
# 4 KiB 1043 + 947, 32 + 41; 8 KiB 892 + 750, 50 + 32; 16 KiB 743 + 621, 55 + 40; 32 KiB 733 + 710, 113 + 89.
PAGE = 16 * 1024
TABLES = (
    # What tells of a batch stands apart from its body, so that to add it all up takes a few pages.
    (
        "CREATE TABLE batches (key INTEGER PRIMARY KEY, id TEXT NOT NULL, born REAL NOT NULL, lines INTEGER NOT NULL, "
        "frames INTEGER NOT NULL, long TEXT NOT NULL, size INTEGER NOT NULL, checksum INTEGER NOT NULL)"
    ),
    "CREATE TABLE bodies (key INTEGER PRIMARY KEY, body BLOB NOT NULL)",
)
SELECT = "SELECT batches.*, body FROM batches LEFT JOIN bodies USING (key) WHERE key > ? ORDER BY key"
_LEAST = "SELECT coalesce(sum(CASE WHEN size < ?1 THEN size ELSE max(?1, size - ?2) END - ?3), 0) FROM batches"
INSERT = "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_BODY = "INSERT INTO bodies VALUES (?, ?)"
_SELECT_ONE = "SELECT batches.*, body FROM batches LEFT JOIN bodies USING (key) WHERE key = ?"
_KEYS = "SELECT key FROM batches WHERE key > ? ORDER BY key"
_KEYS_BACKWARD = f"{_KEYS} DESC"

Row = tuple[int, Batch]
"""A batch and its key; keys grow."""


def measure(batch: Batch) -> int:
    """Return what `batch` takes on the disk, in bytes: a large body fills pages of its own."""
    size = len(batch.body) + OVERHEAD
    return size if size < PAGE // 4 else -(-size // PAGE) * PAGE


def count_least(connection: sqlite3.Connection) -> float:
    """Return the bytes that the bodies take, or fewer, since `measure` has rounded them up."""
    least: float = connection.execute(_LEAST, (PAGE // 4, PAGE, OVERHEAD)).fetchone()[0]
    return least


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Write `rows`, the times of their batches in seconds since the epoch."""
    connection.executemany(INSERT, [_encode(key, batch) for key, batch in rows])
    connection.executemany(INSERT_BODY, [(key, batch.body) for key, batch in rows])


def decode(content: Any) -> Row:
    """Return the row that was selected, its batch's time in seconds since the epoch.

    Raises:
        BrokenError: It is not what was written.
    """
    try:
        key, id_, born, lines, frames, long, _, checksum, body = content
        row = (key, id_.decode(), born, lines, frames, long.decode())
        if _check(row, body) != checksum:
            raise BrokenError("a row is not what was written")
        pairs = tuple((index, count) for index, count in json.loads(long))
        return key, Batch(row[1], body, lines, frames, pairs, born)
    except (TypeError, ValueError, AttributeError):  # nothing, or something else
        raise BrokenError("a row cannot be read") from None


def salvage(path: Path, known: Collection[int]) -> Iterator[Row]:
    """Yield what can be read of a broken file, but for the rows `known`: up to the damage, then down to it."""
    last = 0
    with contextlib.suppress(*ERRORS), contextlib.closing(sqlite3.connect(path, check_same_thread=False)) as broken:
        broken.text_factory = bytes
        for keys in (_KEYS, _KEYS_BACKWARD):
            with contextlib.suppress(*ERRORS):
                before = None
                for (key,) in broken.execute(keys, (last,)):
                    if before is not None and (key > before) is not (keys is _KEYS):
                        break  # a broken tree may have no end
                    before = key
                    last = key if keys is _KEYS else last
                    if key not in known:
                        with contextlib.suppress(*ERRORS):  # its body lies where the damage is
                            yield decode(broken.execute(_SELECT_ONE, (key,)).fetchone())


def _encode(key: int, batch: Batch) -> tuple[object, ...]:
    row = (key, batch.id, batch.born, batch.lines, batch.frames, json.dumps(batch.long))
    return *row, measure(batch), _check(row, batch.body)


def _check(row: Sequence[object], body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(repr(tuple(row)).encode()))
