"""The backlog: batches on the disk, a row each, the oldest first.

What holds, by SQLite's settings (sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous): a commit is in the
kernel's hands, so `kill -9` takes nothing that was recorded. In WAL mode with synchronous=NORMAL the file is whole
after a power cut, too, but what was recorded last may be missing: the disk is waited for when SQLite's log is moved to
the file, every few megabytes, and not with each batch. Each row has a checksum, so that what is read is what was
written. Memory has the totals and nothing a row.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from shuttle.clock import Clock
from shuttle.observe.log import Logger
from shuttle.store.batch_table import PAGE, SELECT, TABLES, Row, count_least, decode, insert, measure, salvage
from shuttle.store.sqlite import ERRORS, BrokenError, Database, is_broken

NAME = "spool"
MOST_BROKEN = 2  # files set aside, as large as a spool may be: one, and another if the disk was too full to salvage it
VERSION = 1  # of the tables and of what the rows hold; a database of another is set aside
_LARGE = 16 * 1024 * 1024  # bytes of an empty file that are given back to the disk
_LOG_PAGES = 4 * 1024 * 1024 // PAGE  # in the log, before they are moved to the file
_TOTALS = "SELECT count(*), coalesce(sum(lines), 0), coalesce(sum(size), 0), coalesce(max(key), 0) FROM batches"
# A frame has 3 bytes at least, its length and newline included: no batch has more lines than it has room for.
_IMPLAUSIBLE = "SELECT 1 FROM batches WHERE lines < 1 OR lines * 3 > size OR frames < lines LIMIT 1"
_OLDEST = "SELECT born FROM batches ORDER BY key LIMIT 1"
_EXISTS = "SELECT 1 FROM batches WHERE key = ?"
_PRAGMAS = (
    f"page_size={PAGE}",
    "synchronous=NORMAL",
    f"wal_autocheckpoint={_LOG_PAGES}",
    f"journal_size_limit={2 * PAGE * _LOG_PAGES}",
    "cache_size=-2048",  # KiB
    "temp_store=MEMORY",
)
# On a full disk SQLite's log has no room to grow in, and so nothing can be removed: this much is kept for it. To remove
# a batch touches a page or two of each table, and of the list of free pages.
_RESERVE = 2 * 1024 * 1024  # bytes
_PIECE = 4  # batches that are removed at once there
_SALVAGED_AT_ONCE = 8 * 1024 * 1024  # bytes
_ADVICE = "batches are held in memory, at most -back-bytes of them, and written as soon as that is possible"


class Change(Enum):
    """What came of a change."""

    DONE = "done"
    FAILED = "failed"
    """The disk does not take it, or does not give it: nothing is changed, and it may go another time."""
    BROKEN = "broken"
    """The file is broken."""


class _Gone(NamedTuple):
    """What was removed."""

    batches: int
    lines: int
    size: int


class Backlog:
    """The batches in `directory`, which take about `most_bytes` there at most.

    It is opened once, and then called by one thread at a time. After that nothing raises an error. `wall` gives seconds
    since the epoch, which is what a batch's age is told by in another process.
    """

    def __init__(
        self, directory: Path, *, most_bytes: int, log: Logger, wall: Callable[[], float], clock: Clock
    ) -> None:
        self._database = Database(
            directory,
            NAME,
            flag="-spool",
            event="spool",
            statements=TABLES,
            version=VERSION,
            pragmas=_PRAGMAS,
            most_broken=MOST_BROKEN,
            log=log,
        )
        self._salvaging = directory / f"{NAME}.salvaging"  # is there until all that is aside was gone through
        self._reserve = directory / f"{NAME}.reserve"
        self._reserve_bytes = min(_RESERVE, most_bytes // 8)
        self._reserved = False
        self._given_up = False  # on what is in the broken file: this process has counted it lost
        self._most_bytes = most_bytes
        self._log = log
        self._wall = wall
        self._since = wall() - clock()  # the epoch's seconds when the clock was 0
        self._inherited = 0  # the newest key that an earlier process has left
        self._error: Exception = BrokenError()  # how it was found to be broken
        self.oldest: float | None = None
        """When the first line of the oldest batch was read, in seconds since the epoch."""
        self.batches = 0
        self.lines = 0
        self.bytes = 0
        """What the batches take on the disk."""
        self.last_key = 0
        """The newest, 0 if there never was one."""

    def open(self) -> None:
        """Take what the last agent left. A broken file is set aside, and what can be read of it is taken over.

        Raises:
            ConfigError: The directory cannot be made, or another agent uses it.
        """
        with self._database.claim():
            try:
                if self._database.exists:
                    self._database.examine(thoroughly=False)
                    self._count()
            except ERRORS as error:
                if not is_broken(error, at_start=True):
                    raise
                self._replace(error, ())
            else:
                if self._salvaging.exists():  # that process was killed, or the disk full
                    self._salvage_into_new(())
            self.change([], [])  # makes the file; a disk that does not take it now may do so later
        self._inherited = self.last_key

    @property
    def room(self) -> int:
        """The bytes that more batches may take, as `measure` tells them."""
        return self._most_bytes - self._reserve_bytes - self.bytes

    def change(self, add: Sequence[Row], remove: Sequence[int]) -> Change:
        """Add rows, their keys above all others, and remove those with the keys `remove`; all or nothing."""
        if not self._database.is_claimed:
            return Change.FAILED  # it is closed, and may be another agent's
        try:
            self._apply(add, remove)
        except (OSError, *ERRORS) as error:
            return self._judge(error)
        self._database.note_success()
        self._keep_reserve()
        if not self.batches:
            self._give_back()
        return Change.DONE

    def shrink(self, keys: Sequence[int]) -> list[int]:
        """Remove rows though the disk takes nothing more, in the room that was kept for it; return the keys removed."""
        removed: list[int] = []
        with contextlib.suppress(OSError, *ERRORS):
            self._reserve.unlink(missing_ok=True)
            self._reserved = False
            for start in range(0, len(keys), _PIECE):
                piece = keys[start : start + _PIECE]
                self._apply([], piece)
                removed += piece
                self._database.connect().execute("PRAGMA wal_checkpoint(TRUNCATE)")  # gives the log's room back
        if not self.batches:
            self._give_back()
        return removed

    def _apply(self, add: Sequence[Row], remove: Sequence[int]) -> None:
        with self._database.transaction() as connection:
            gone = self._remove(connection, remove)
            self._insert(connection, add)
            oldest = _read_oldest(connection)
        self.batches += len(add) - gone.batches
        self.lines += sum(batch.lines for _, batch in add) - gone.lines
        self.bytes += sum(measure(batch) for _, batch in add) - gone.size
        self.last_key = max([self.last_key, *(key for key, _ in add)])
        self.oldest = oldest

    def _keep_reserve(self) -> None:
        """Keep room on the disk, if there is any: without it nothing could be removed when it is full."""
        if not self._reserved:
            with contextlib.suppress(OSError):
                file = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.posix_fallocate(file, 0, self._reserve_bytes)
                    self._reserved = True
                finally:
                    os.close(file)

    def read(self, after: int, most: int) -> list[Row] | Change:
        """Return the rows with keys above `after`, the oldest first: one if there is any, and `most` bytes at most."""
        rows: list[Row] = []
        if not self._database.begun:
            return rows
        try:
            with contextlib.closing(self._database.connect().execute(SELECT, (after,))) as found:
                for content in found:
                    key, batch = decode(content)
                    rows.append((key, replace(batch, born=batch.born - self._since, again=key <= self._inherited)))
                    most -= batch.size
                    if most <= 0:
                        break
        except (OSError, *ERRORS) as error:
            return self._judge(error)
        return rows

    def rescue(self, held: Sequence[Row]) -> bool:
        """Set the broken file aside, and begin a new one with all that can be read of it and the rows `held`.

        What the disk has no room for is left to the next process.

        Returns:
            Whether the disk took the rows `held`. If it did not, it has nothing.
        """
        try:
            return self._replace(self._error, held)
        except OSError as error:
            self._database.note_failure(error, _ADVICE)
            self._given_up = True
            self.batches = self.lines = self.bytes = 0
            self.oldest = None
            return False

    def close(self) -> None:
        """Leave the directory to the next agent."""
        self._database.release()

    def _judge(self, error: Exception) -> Change:
        if is_broken(error):
            self._error = error
            return Change.BROKEN
        self._database.note_failure(error, _ADVICE)
        return Change.FAILED

    def _count(self) -> None:
        """Know the totals of what is there, which stand for rows that nobody has read yet.

        Raises:
            sqlite3.Error: They cannot be right.
        """
        connection = self._database.connect()
        if connection.execute(_IMPLAUSIBLE).fetchone():
            raise BrokenError("a batch has more lines than bytes")
        self.batches, self.lines, self.bytes, last = _read_numbers(connection.execute(_TOTALS).fetchone())
        if count_least(connection) > self._database.size:
            raise BrokenError("its batches are larger than the file")
        self.last_key = max(self.last_key, last)
        self.oldest = _read_oldest(connection)

    def _insert(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        insert(connection, [(key, replace(batch, born=self._since + batch.born)) for key, batch in rows])

    def _remove(self, connection: sqlite3.Connection, keys: Sequence[int]) -> "_Gone":
        batches = lines = size = 0
        for key in keys:
            found = connection.execute("DELETE FROM batches WHERE key = ? RETURNING lines, size", (key,)).fetchone()
            if found:  # a file that was broken may have lost it
                of_it = _read_numbers(found)
                batches, lines, size = batches + 1, lines + of_it[0], size + of_it[1]
        connection.executemany("DELETE FROM bodies WHERE key = ?", [(key,) for key in keys])
        return _Gone(batches, lines, size)

    def _give_back(self) -> None:
        """Give back to the disk what an empty file takes: SQLite keeps it for later."""
        with contextlib.suppress(OSError, *ERRORS):  # it is only kept
            if self._database.path.stat().st_size > _LARGE:
                connection = self._database.connect()
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _replace(self, error: Exception, held: Sequence[Row]) -> bool:
        """Set the broken file aside, and begin a new one with what can be read of it and the rows `held`."""
        for aside in [] if self._salvaging.exists() else self._database.list_broken():
            with contextlib.suppress(OSError):
                aside.unlink()
        with contextlib.suppress(OSError):
            self._salvaging.touch(mode=0o600)
        self._database.set_aside(error)
        return self._salvage_into_new(held)

    def _salvage_into_new(self, held: Sequence[Row]) -> bool:
        """Write to a new file the rows `held` and what can be read of those set aside; both may have begun before."""
        taken = complete = False
        with contextlib.suppress(OSError, *ERRORS):  # the rest is left to the next process
            self._take_over(held)
            taken = True
            if not self._given_up:
                self._salvage(held)
                complete = True
        self.batches = self.lines = self.bytes = 0
        with contextlib.suppress(OSError, *ERRORS):
            self._count()
            if complete:
                self._salvaging.unlink(missing_ok=True)
        if not complete:  # what is aside comes later: no key of it may be given again, though none of it can be read
            self.last_key = max(self.last_key, int(self._wall() * 1000) << 16)
        self._given_up = False
        self._log.info("spool.salvaged", batches=self.batches, lines=self.lines, complete=complete)
        return taken

    def _salvage(self, held: Sequence[Row]) -> None:
        known = {key for key, _ in held}
        rows: list[Row] = []
        size = 0
        for key, batch in chain.from_iterable(salvage(aside, known) for aside in self._database.list_broken()):
            rows.append((key, replace(batch, born=batch.born - self._since)))
            size += batch.size
            if size >= _SALVAGED_AT_ONCE:
                self._take_over(rows)
                rows, size = [], 0
        self._take_over(rows)

    def _take_over(self, rows: Sequence[Row]) -> None:
        with self._database.transaction() as connection:
            new = [row for row in dict(rows).items() if not connection.execute(_EXISTS, (row[0],)).fetchone()]
            self._insert(connection, new)


def _read_numbers(row: Sequence[Any]) -> Sequence[int]:
    """Return a row of numbers.

    Raises:
        BrokenError: They are none: a broken file holds anything.
    """
    if not all(isinstance(value, int) for value in row):
        raise BrokenError("a number is none")
    return row


def _read_oldest(connection: sqlite3.Connection) -> float | None:
    found = connection.execute(_OLDEST).fetchone()
    return found[0] if found and isinstance(found[0], float) else None
