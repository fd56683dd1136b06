"""What can still be read of a spool that is broken or gone."""

import contextlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from shuttle.store.batch_table import StoredBatch, select_one
from shuttle.store.private import check_files
from shuttle.store.schema import SIDES, Schema, connect
from shuttle.store.sqlite_errors import ERRORS

_KEYS = "SELECT key FROM batches WHERE key > ? ORDER BY key"
_KEYS_BACKWARD = f"{_KEYS} DESC"
_AT_ONCE = 8 * 1024 * 1024  # bytes


def salvage(broken: sqlite3.Connection, known: Collection[int], since: float) -> Iterator[StoredBatch]:
    """Yield what can be read of a database, but for the keys `known`: from both ends up to the damage."""
    last = 0
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
                        yield select_one(broken, key, since)


def connect_each(paths: Iterable[Path], schema: Schema) -> Iterator[sqlite3.Connection]:
    """Yield a connection to each of the files that is this user's and has the tables, as long as it is looked at."""
    for path in paths:
        with contextlib.suppress(OSError, *ERRORS):
            check_files(Path(f"{path}{side}") for side in SIDES)
            with contextlib.closing(connect(path)) as connection:
                schema.check_tables(connection)
                yield connection


def divide(stored: Iterable[StoredBatch]) -> Iterator[list[StoredBatch]]:
    """Yield batches in lists that take some memory, and not more."""
    some: list[StoredBatch] = []
    size = 0
    for each in stored:
        some.append(each)
        size += each.batch.size
        if size >= _AT_ONCE:
            yield some
            some, size = [], 0
    yield some
