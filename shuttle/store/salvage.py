"""Reads what is left of a spool that is broken or gone."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from shuttle.store.access import LOG, SIDES, connect
from shuttle.store.batch_table import StoredBatch, select_one
from shuttle.store.private import check_files
from shuttle.store.schema import Schema
from shuttle.store.sqlite_errors import ERRORS, BrokenError

# Somebody else may have put an index there: nothing is read by way of it.
_KEYS = "SELECT key FROM batches NOT INDEXED WHERE key > ? ORDER BY key"
_KEYS_BACKWARD = f"{_KEYS} DESC"
_AT_ONCE = 8 * 1024 * 1024  # bytes
_PAGES = 64 * 1024  # bytes: a page of SQLite's at least


class Salvage:
    """Reads databases row by row, but for those that `is_known` knows by their keys, and those below `first_key`."""

    def __init__(self, is_known: Callable[[int], bool], *, first_key: int, since: float) -> None:
        self._is_known = is_known
        self._first_key = first_key
        self._since = since
        self.damaged = False
        """Something could not be read."""

    def read(self, broken: sqlite3.Connection) -> Iterator[StoredBatch]:
        """Yield what can be read of a database: from both ends up to the damage."""
        last = self._first_key - 1
        for select in (_KEYS, _KEYS_BACKWARD):
            for key in self._list_keys(broken, select, last):
                last = key if select is _KEYS else last
                if not self._is_known(key):
                    with self._noting_damage():  # its body lies where the damage is
                        yield select_one(broken, key, self._since)

    def read_open(self, connection: sqlite3.Connection, schema: Schema) -> Iterator[StoredBatch]:
        """Yield what can be read of a database that is open, if it has the tables still."""
        try:
            if connection.in_transaction:  # what was not committed is not there
                connection.execute("ROLLBACK")
            schema.check_own_tables(connection)
        except ERRORS:
            self.damaged = True
            return
        yield from self.read(connection)

    def read_file(self, path: Path, schema: Schema) -> Iterator[StoredBatch]:
        """Yield what can be read of a file, if it is this user's and has the tables."""
        for connection in self._connect(path, schema):
            yield from self.read(connection)

    def _list_keys(self, broken: sqlite3.Connection, select: str, after: int) -> Iterator[int]:
        """Yield keys up to the damage; a broken tree may have no end."""
        before = None
        with self._noting_damage():
            for (key,) in broken.execute(select, (after,)):
                if before is not None and (key > before) is not (select is _KEYS):
                    raise BrokenError("its keys are not in order")
                yield key
                before = key

    def _connect(self, path: Path, schema: Schema) -> Iterator[sqlite3.Connection]:
        """Yield a connection, or nothing."""
        with self._noting_damage():
            check_files(Path(f"{path}{side}") for side in SIDES)
            _fill_out(path)
            with contextlib.closing(connect(path)) as connection:
                schema.check_own_tables(connection)
                yield connection

    @contextlib.contextmanager
    def _noting_damage(self) -> Iterator[None]:
        try:
            yield
        except (OSError, *ERRORS):
            self.damaged = True


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


def _fill_out(path: Path) -> None:
    """Make an empty file a page long if there is a log: it may have all pages, and SQLite would delete it."""
    with contextlib.suppress(FileNotFoundError):
        if not path.stat().st_size and Path(f"{path}{LOG}").stat().st_size:
            os.truncate(path, _PAGES)
