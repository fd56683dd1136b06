"""The backlog: batches on the disk, a row each, the oldest first.

What holds, by SQLite's settings (sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous): a commit is in the
kernel's hands, so `kill -9` takes nothing that was written. In WAL mode with synchronous=NORMAL the file is whole after
a power cut, too, but what was written last may be missing: the disk is waited for when SQLite's log is moved to the
file, every few megabytes, and not with each batch. Each row has a checksum, so that what is read is what was written.
Memory has the totals and nothing a row.

A broken file is set aside, and what can be read of it is taken over. What does not fit on the disk then is left to the
next process, and counted lost by this one, which does not take it in any more. A batch that was settled meanwhile, and
stands in a file that is aside, comes again under its old id.

The backlog is open while it knows what stands in the file. A disk that cannot be used leaves it closed, at the start or
after the file was lost. `begin` tries again; what is found then was left by an earlier process.
"""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import Self

from shuttle.clock import Clock
from shuttle.observe.log import Logger
from shuttle.store import batch_table
from shuttle.store.batch_table import PAGE, StoredBatch, Totals, measure
from shuttle.store.lock import FileId, find_file
from shuttle.store.private import open_file
from shuttle.store.reserve import Reserve
from shuttle.store.salvage import connect_each, divide, salvage
from shuttle.store.schema import Schema, measure_file
from shuttle.store.sqlite import Database
from shuttle.store.sqlite_errors import ERRORS, BrokenError, GoneError, is_broken

NAME = "spool"
MOST_BROKEN = 2  # files set aside, as large as a spool may be: one, and another if the disk was too full to salvage it
_LARGE = 16 * 1024 * 1024  # bytes of an empty file that are given back to the disk
_LOG_PAGES = 4 * 1024 * 1024 // PAGE  # in the log, before they are moved to the file
_PIECE = 4  # batches that are removed at once from a full disk

SCHEMA = Schema(
    name=NAME,
    flag="-spool",
    event="spool",
    statements=batch_table.TABLES,
    version=1,
    pragmas=(
        f"page_size={PAGE}",
        "synchronous=NORMAL",
        f"wal_autocheckpoint={_LOG_PAGES}",
        f"journal_size_limit={2 * PAGE * _LOG_PAGES}",
        "cache_size=-2048",  # KiB
        "temp_store=MEMORY",
    ),
    advice="batches are held in memory, at most -back-bytes of them, and written as soon as that is possible",
    most_broken=MOST_BROKEN,
)


class DiskFault(Enum):
    """Why the disk has not done what it was asked to do; nothing is changed then."""

    FAILED = "failed"
    """It does not take it, or does not give it. It may another time."""
    BROKEN = "broken"
    """The file is broken."""
    GONE = "gone"
    """The file was deleted, moved or replaced."""


class Backlog:
    """The batches in a directory, which take about `most_bytes` there at most.

    One thread at a time calls it, and none of its methods raises an error. `wall` gives seconds since the epoch, by
    which another process tells how old a batch is.
    """

    def __init__(
        self, database: Database, *, most_bytes: int, log: Logger, wall: Callable[[], float], clock: Clock
    ) -> None:
        self._database = database
        self._salvaging = database.path.with_suffix(".salvaging")  # is there until all that is aside was gone through
        self._reserve = Reserve(database.path.with_suffix(".reserve"), most_bytes=most_bytes)
        self._most_bytes = most_bytes
        self._log = log
        self._wall = wall
        self._since = wall() - clock()  # the epoch's seconds when the clock was 0
        self._inherited = 0  # the newest key that an earlier process has left
        self._error: Exception | None = None  # why the file cannot be gone on with
        self._given_up: set[FileId] = set()  # broken files: this process has counted lost what is in them
        self._totals = Totals()
        self.oldest: float | None = None
        """When the first line of the oldest batch was read, in seconds since the epoch."""
        self.last_key = 0
        """The newest that was given, 0 if none was."""
        self.is_open = False
        """It is known what stands in the file."""

    @classmethod
    def open(cls, directory: Path, *, most_bytes: int, log: Logger, wall: Callable[[], float], clock: Clock) -> Self:
        """Return the backlog in `directory`, with what the last agent left, if the disk can be used now.

        Raises:
            ConfigError: It cannot be a directory, or another agent uses it.
        """
        database = Database.open(directory, SCHEMA, log)
        try:
            backlog = cls(database, most_bytes=most_bytes, log=log, wall=wall, clock=clock)
            backlog.begin()
        except BaseException:
            database.release()
            raise
        return backlog

    @property
    def batches(self) -> int:
        """How many there are."""
        return self._totals.batches

    @property
    def lines(self) -> int:
        """Those in the batches."""
        return self._totals.lines

    @property
    def bytes(self) -> int:
        """What the batches take on the disk."""
        return self._totals.bytes

    @property
    def room(self) -> int:
        """The bytes that more batches may take, as `measure` tells them."""
        return self._most_bytes - self._reserve.bytes - self.bytes

    def begin(self) -> bool:
        """Take what the last agent left, if the disk can be used now, and say whether it can.

        A broken file is set aside, and what can be read of it is taken over.
        """
        try:
            try:
                salvaged = self._begin()
            except GoneError:  # at this moment
                salvaged = self._renew((), ())
        except (OSError, *ERRORS) as error:
            self._database.note_failure(error)
            self._lose()
            return False
        if salvaged is not None:
            self._tell_salvaged(complete=salvaged)
        self._database.note_success()
        self._go_on()
        self._inherited = self.last_key
        self.is_open = True
        self._reserve.keep()
        return True

    def check(self) -> DiskFault | None:
        """See that the file is still where the next process looks for it."""
        if not self.is_open:
            return DiskFault.FAILED
        try:
            self._database.check()
        except (OSError, *ERRORS) as error:
            return self._judge(error)
        return None

    def write(self, add: Sequence[StoredBatch], remove: Sequence[int]) -> list[int] | DiskFault:
        """Add batches, and remove those with the keys `remove`, all or nothing; return the keys of those added.

        One with the key 0 gets the next.
        """
        if not self.is_open:
            return DiskFault.FAILED
        stored = [StoredBatch(key or self._next_key(), batch) for key, batch in add]
        try:
            self._apply(stored, remove)
        except (OSError, *ERRORS) as error:
            return self._judge(error)
        self._reserve.keep()
        self._give_back()
        return [key for key, _ in stored]

    def _next_key(self) -> int:
        self.last_key += 1
        return self.last_key

    def note_success(self) -> None:
        """Log that the disk takes what is written, if it did not."""
        self._database.note_success()

    def shrink(self, keys: Sequence[int]) -> list[int]:
        """Remove batches though the disk takes nothing more, in the room kept for that; return the keys removed."""
        removed: list[int] = []
        if self.is_open:
            with contextlib.suppress(OSError, *ERRORS):
                self._reserve.free()
                for start in range(0, len(keys), _PIECE):
                    piece = keys[start : start + _PIECE]
                    self._apply([], piece)
                    removed += piece
                    self._database.connect().execute("PRAGMA wal_checkpoint(TRUNCATE)")  # gives the log's room back
            self._give_back()
        return removed

    def read(self, after: int, most: int) -> list[StoredBatch] | DiskFault:
        """Return batches with keys above `after`, the oldest first: one if there is any, and `most` bytes at most."""
        found: list[StoredBatch] = []
        if not self.is_open:
            return DiskFault.FAILED
        try:
            self._database.check()
            with contextlib.closing(batch_table.select(self._database.connect(), after, self._since)) as rows:
                for key, batch in rows:
                    found.append(StoredBatch(key, batch._replace(again=key <= self._inherited)))
                    most -= batch.size
                    if most <= 0:
                        break
        except (OSError, *ERRORS) as error:
            return self._judge(error)
        return found

    def condemn(self, reason: str) -> None:
        """Take the file for broken; `rescue` is called next."""
        self._error = BrokenError(reason)

    def rescue(self, held: Sequence[StoredBatch], settled: Collection[int]) -> bool:
        """Replace a file that is broken or gone by a new one with `held`, and with all else that can be read of it.

        The keys `settled` are left out. Of a broken file, what the disk has no room for is left to the next process.

        Returns:
            Whether the disk took `held`. If it did not, it has nothing, and the backlog is not open.
        """
        error = self._error or BrokenError("it is broken")
        gone = isinstance(error, GoneError)
        try:
            complete = self._renew(held, settled) if gone else self._replace(error, held, settled)
        except (OSError, *ERRORS) as failure:
            self._database.note_failure(failure)
            if not gone:
                self._give_up()
            self._lose()
            return False
        self._go_on()
        self._tell_salvaged(complete=complete)
        return True

    def close(self) -> None:
        """Leave the directory to the next agent."""
        self.is_open = False
        self._database.release()

    def _lose(self) -> None:
        """Note that nothing of the file can be used."""
        self.is_open = False
        self._totals = Totals()
        self.oldest = None

    def _give_up(self) -> None:
        """Leave what is in broken files to the next process: here it is counted lost, and must not come back."""
        with contextlib.suppress(OSError):
            self._given_up.update(filter(None, map(find_file, (self._database.path, *self._database.list_broken()))))

    def _go_on(self) -> None:
        """Note that the file counts: it may have been given up as it was begun, or have the inode of one that was."""
        with contextlib.suppress(OSError):
            self._given_up.discard(find_file(self._database.path))

    def _connect_broken(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection to each broken file that this process has not given up."""
        broken = self._database.list_broken()
        return connect_each([path for path in broken if find_file(path) not in self._given_up], SCHEMA)

    def _judge(self, error: Exception) -> DiskFault:
        if isinstance(error, GoneError) or is_broken(error):
            self._error = error
            return DiskFault.GONE if isinstance(error, GoneError) else DiskFault.BROKEN
        self._database.note_failure(error)
        return DiskFault.FAILED

    def _begin(self) -> bool | None:
        """Open or make the file; return whether all was salvaged, None if there was nothing to be."""
        salvaged = None
        self._database.lock()
        if error := self._error or self._find_damage():
            salvaged = self._replace(error, (), ())
        elif self._salvaging.exists():  # that process was killed, or the disk full
            salvaged = self._salvage_into_new((), (), self._connect_broken())
        with self._database.transaction():
            pass  # makes the file
        return salvaged

    def _find_damage(self) -> Exception | None:
        """Take what an earlier process has left, if there is any; return how it is found to be broken.

        Raises:
            sqlite3.Error: It cannot be opened or read now.
            OSError: The same.
        """
        if not self._database.exists or self._database.fresh:
            return None
        try:
            with self._database.examine(thoroughly=False):
                self._count()
        except ERRORS as error:
            with contextlib.suppress(BrokenError, OSError):
                self._database.check()  # a file that is gone may look broken, and can still be read
            if is_broken(error, at_start=True):
                return error
            raise
        return None

    def _count(self) -> None:
        """Know the totals of what is there, which stand for rows that nobody has read yet.

        Raises:
            sqlite3.Error: They cannot be right.
        """
        connection = self._database.connect()
        self._totals, last_key = batch_table.count(connection, file_bytes=measure_file(connection))
        self.last_key = max(self.last_key, last_key)
        self.oldest = batch_table.read_oldest(connection)

    def _apply(self, add: Sequence[StoredBatch], remove: Sequence[int]) -> None:
        with self._database.transaction() as connection:
            gone = batch_table.remove(connection, remove)
            batch_table.insert(connection, add, self._since)
            oldest = batch_table.read_oldest(connection)
        self._totals = Totals(
            self.batches + len(add) - gone.batches,
            self.lines + sum(batch.lines for _, batch in add) - gone.lines,
            self.bytes + sum(measure(batch) for _, batch in add) - gone.bytes,
        )
        self.oldest = oldest

    def _give_back(self) -> None:
        """Give back to the disk what an empty file takes: SQLite keeps it for later."""
        if self.batches:
            return
        with contextlib.suppress(OSError, *ERRORS):  # it is only kept
            if self._database.path.stat().st_size > _LARGE:
                connection = self._database.connect()
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _replace(self, error: Exception, held: Sequence[StoredBatch], settled: Collection[int]) -> bool:
        """Set the broken file aside, and begin a new one; return whether all that can be read is in it."""
        self._error = error
        for aside in [] if self._salvaging.exists() else self._database.list_broken():
            with contextlib.suppress(OSError):
                aside.unlink()
        with contextlib.suppress(OSError):
            os.close(open_file(self._salvaging))
        self._database.set_aside(error)
        self._error = None
        return self._salvage_into_new(held, settled, self._connect_broken())

    def _renew(self, held: Sequence[StoredBatch], settled: Collection[int]) -> bool:
        """Begin a new file where the one that is open is gone from; return whether all that can be read is in it."""
        self._error = None
        self._reserve.forget()
        left = self._database.abandon()
        try:
            self._database.lock()
            if self._database.exists:
                raise FileExistsError(errno.EEXIST, "another spool was put in its place")
            return self._salvage_into_new(held, settled, [left] if left else [])
        finally:
            if left:
                with contextlib.suppress(*ERRORS):
                    left.close()

    def _salvage_into_new(
        self, held: Sequence[StoredBatch], settled: Collection[int], sources: Iterable[sqlite3.Connection]
    ) -> bool:
        """Write `held` to a new file, and then what can be read of `sources`, some of which may be there already.

        Returns:
            Whether all that can be read is in it.

        Raises:
            sqlite3.Error: The disk does not take `held`.
            OSError: The same.
        """
        self._take_over(held)
        complete = False
        known = {*settled, *(key for key, _ in held)}
        with contextlib.suppress(OSError, *ERRORS):
            for stored in divide(chain.from_iterable(salvage(source, known, self._since) for source in sources)):
                self._take_over(stored)
            complete = self._given_up.isdisjoint(map(find_file, self._database.list_broken()))
        try:
            self._count()
        except (OSError, *ERRORS) as error:
            self._error = error  # what it has already is not to be taken for an earlier process's
            raise
        if complete:
            with contextlib.suppress(OSError):
                self._salvaging.unlink(missing_ok=True)
        else:  # what is aside comes later: no key of it may be given again, though none of it can be read
            self.last_key = max(self.last_key, int(self._wall() * 1000) << 16)
        return complete

    def _take_over(self, stored: Sequence[StoredBatch]) -> None:
        with self._database.transaction() as connection:
            new = [each for each in stored if not batch_table.exists(connection, each.key)]
            batch_table.insert(connection, new, self._since)

    def _tell_salvaged(self, *, complete: bool) -> None:
        self._log.info("spool.salvaged", batches=self.batches, lines=self.lines, complete=complete)
