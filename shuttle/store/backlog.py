"""The backlog: batches on the disk, a row each, the oldest first.

Guarantees, from SQLite's settings (sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous): a commit is with
the kernel, so `kill -9` loses nothing that was written. In WAL mode with synchronous=NORMAL, the file is intact after
a power cut, but the last writes may be missing: the disk is synced when SQLite moves its log to the file, every few
megabytes, and not for each batch. Each row has a checksum, so what is read is what was written. Memory holds totals,
nothing per row.

A file that is broken or gone is replaced by a new one, with all that can be read of it (`rescue`). What an earlier
process left is compared with its promise (`promise`); what is missing is known, and counted lost.

The backlog is open while it knows what the file holds. It is closed if the disk cannot be used, at the start or after
the file was lost. `begin` tries again; what it finds then was left by an earlier process.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Self

from shuttle.clock import Clock
from shuttle.observe.log import Logger
from shuttle.store import batch_table
from shuttle.store.access import measure_file
from shuttle.store.batch_table import PAGE, StoredBatch, Totals
from shuttle.store.promise import Promise, PromiseFile
from shuttle.store.rescue import Rescue, Salvaged
from shuttle.store.reserve import Reserve
from shuttle.store.schema import Schema
from shuttle.store.sqlite import Database
from shuttle.store.sqlite_errors import ERRORS, BrokenError, GoneError, is_broken

NAME = "spool"
MOST_BROKEN = 2  # files set aside, as large as a spool may be: one, and another if the disk was too full to salvage it
_LARGE = 16 * 1024 * 1024  # bytes of an empty file that are given back to the disk
_LOG_BYTES = 4 * 1024 * 1024  # of the log, before they are moved to the file
_LOG_SHARE = 8  # of the spool: the log of a small one must not be larger than all else it takes of a small disk
_PIECE = 4  # batches that are removed at once from a full disk
_ADVICE_GONE = "stop log-shuttle before you delete or move its files, and keep them together"

SCHEMA = Schema(
    name=NAME,
    flag="-spool",
    event="spool",
    statements=batch_table.TABLES,
    version=1,
    pragmas=(
        f"page_size={PAGE}",
        "synchronous=NORMAL",
        "cache_size=-2048",  # KiB
        "temp_store=MEMORY",
    ),
    advice="batches are held in memory, up to -back-bytes, and written as soon as possible",
    most_broken=MOST_BROKEN,
)


class DiskFault(Enum):
    """Why the disk failed; nothing is changed then."""

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
        self._promise = PromiseFile(database.path.with_suffix(".promise"))
        self._reserve = Reserve(database.path.with_suffix(".reserve"), most_bytes=most_bytes)
        self.most_bytes = most_bytes
        """The batches take so many, about."""
        self._log = log
        self._wall = wall
        self._since = wall() - clock()  # the epoch's seconds when the clock was 0
        self._rescue = Rescue(database, self._promise, since=self._since)
        self._inherited = 0  # the newest key that an earlier process has left
        self._totals = Totals()
        self.oldest: float | None = None
        """When the first line of the oldest batch was read, in seconds since the epoch."""
        self.last_key = 0
        """The newest that was given, 0 if none was."""
        self.missing = 0
        """Lines that an earlier process has left and `begin` has not found, as far as that is known."""
        self.is_open = False
        """It is known what stands in the file."""

    @classmethod
    def open(cls, directory: Path, *, most_bytes: int, log: Logger, wall: Callable[[], float], clock: Clock) -> Self:
        """Return the backlog in `directory`, with what the last agent left, if the disk can be used now.

        Raises:
            ConfigError: It cannot be a directory, or another agent uses it.
        """
        log_pages = max(1, min(_LOG_BYTES, most_bytes // _LOG_SHARE) // PAGE)
        schema = replace(SCHEMA, pragmas=(*SCHEMA.pragmas, f"wal_autocheckpoint={log_pages}"))
        database = Database.open(directory, schema, log)
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
        return self.most_bytes - self._reserve.bytes - self.bytes

    def begin(self) -> bool:
        """Take over what the last agent left, if the disk works now; return whether it does.

        A broken file is set aside, and what can be read of it is taken over.
        """
        self.missing = 0
        try:
            try:
                self._begin()
            except ERRORS as error:
                if not is_broken(error):
                    raise
                self._rescue.error = error  # at this moment
                self._begin()
            self._promise.write(self._totals, self._totals)
        except (OSError, *ERRORS) as error:
            self._database.note_failure(error)
            self._lose()
            return False
        self._rescue.go_on()
        self._inherited = self.last_key
        self.is_open = True
        self._reserve.keep()
        return True

    def check(self) -> DiskFault | None:
        """Check that the file has its name, and that nobody else has changed it."""
        if not self.is_open:
            return DiskFault.FAILED
        try:
            self._database.check(thoroughly=True)
            if self._database.touched:
                with self._database.reread() as connection:
                    self._compare(connection)
            self._promise.confirm(self._totals)
            self._reserve.renew()
            self._database.check()  # it may have been deleted meanwhile, and this may be the last look
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
        """Log that the disk works again, if it failed before."""
        self._database.note_success()

    def shrink(self, keys: Sequence[int], *, nothing_else: bool) -> list[int]:
        """Remove batches from a full disk, using the reserved space; return the removed keys.

        If there is `nothing_else`, and they cannot be removed, the file is deleted.
        """
        removed: list[int] = []
        if self.is_open:
            with contextlib.suppress(OSError, *ERRORS):
                self._reserve.free()
                for start in range(0, len(keys), _PIECE):
                    piece = keys[start : start + _PIECE]
                    self._apply([], piece)
                    removed += piece
                    self._database.give_back()
            self._give_back()
        if self.is_open and nothing_else and len(removed) < len(keys):
            with contextlib.suppress(OSError):
                self._delete()
                return list(keys)
        return removed

    def _delete(self) -> None:
        """Delete the file, in which nothing counts; the next transaction begins a new one.

        Raises:
            OSError: That is not possible. The file stays as it is; the next look promises it again.
        """
        self._promise.void()  # first: nothing is missing if this process is killed now
        self._database.delete()
        self._totals, self.oldest = Totals(), None

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
        """Treat the file as broken; `rescue` is called next."""
        self._rescue.error = BrokenError(reason)

    def rescue(self, held: Sequence[StoredBatch], settled: Collection[int], lines: int) -> bool:
        """Replace a file that is broken or gone by a new one with `held`, and with all else that can be read of it.

        The keys `settled` are left out; all others have so many `lines`. Of a broken file, what the disk has no room
        for is left to the next process.

        Returns:
            Whether the disk took `held`. If it did not, it has nothing, and the backlog is not open.
        """
        gone = isinstance(self._rescue.error, GoneError)
        try:
            if gone:
                self._reserve.forget()
            salvaged = self._replace(held, settled)
            self._promise.write(self._totals, self._totals)
        except (OSError, *ERRORS) as failure:
            self._database.note_failure(failure)
            if not gone:
                self._rescue.give_up()
            self._lose()
            with contextlib.suppress(OSError):
                self._promise.void()
            return False
        self._rescue.go_on()
        self._tell_salvaged(False if salvaged.left else None if self.lines > lines else self.lines == lines)
        return True

    def close(self) -> None:
        """Unlock the directory for the next agent."""
        self.is_open = False
        self._database.release()
        self._promise.close()

    def _lose(self) -> None:
        """Note that nothing of the file can be used."""
        self.is_open = False
        self._totals = Totals()
        self.oldest = None

    def _judge(self, error: Exception) -> DiskFault:
        if isinstance(error, GoneError) or is_broken(error):
            self._rescue.error = error
            return DiskFault.GONE if isinstance(error, GoneError) else DiskFault.BROKEN
        self._database.note_failure(error)
        return DiskFault.FAILED

    def _begin(self) -> None:
        """Open or make the file, and find out what is missing of what an earlier process has left."""
        self._database.lock()
        promise = self._promise.read()
        self._rescue.claim()
        salvaged = None
        self._rescue.error = self._rescue.error or self._find_damage(promise)
        if self._rescue.error:
            salvaged = self._replace((), ())
        elif self._rescue.is_due:  # that process was killed, or the disk full
            if not self._rescue.is_unfinished:
                promise = None  # which says nothing of what is aside
                self._promise.void()
            salvaged = self._finish(self._rescue.resume())
        with self._database.transaction():
            pass  # makes the file
        if salvaged or (promise and not promise.covers(self._totals)):
            self._look_for(promise, salvaged)

    def _look_for(self, promise: Promise | None, salvaged: Salvaged | None) -> None:
        """Count what is missing, if that is known, and log it."""
        if salvaged is None:
            self._log.warning("spool.gone", file=self._database.path, advice=_ADVICE_GONE)
        complete: bool | None = False if salvaged and (salvaged.left or salvaged.damaged) else None
        if promise and not (salvaged and salvaged.left):
            connection = self._database.connect()
            found = batch_table.add_up(connection, promise.after.first_key)  # what is older was settled
            self.missing = max(0, promise.after.lines - found.lines)
            whole = found == promise.after or not promise.after.batches
            complete = whole or (False if self.missing else None)
        self._tell_salvaged(complete)

    def _find_damage(self, promise: Promise | None) -> Exception | None:
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
            if promise and not promise.covers(self._totals) and not self._rescue.is_unfinished:
                raise BrokenError(f"it is not as it was left: it had {promise.after.lines} lines, and has {self.lines}")
        except ERRORS as error:
            with contextlib.suppress(BrokenError, OSError):
                self._database.check()  # a file that is gone may look broken, and can still be read
            if is_broken(error, at_start=True):
                return error
            raise
        return None

    def _count(self) -> None:
        """Read the totals of the file: they stand for rows that nobody has read yet.

        Raises:
            sqlite3.Error: They cannot be right.
        """
        connection = self._database.connect()
        self._totals, last_key = batch_table.count(connection, file_bytes=measure_file(connection))
        self.last_key = max(self.last_key, last_key)
        _, self.oldest = batch_table.read_oldest(connection)

    def _compare(self, connection: sqlite3.Connection) -> None:
        """Check that the files hold what this process wrote.

        Raises:
            sqlite3.Error: It is not, or cannot be read.
        """
        totals, _ = batch_table.count(connection, file_bytes=measure_file(connection))
        if totals != self._totals:
            raise BrokenError(f"somebody else has changed it: it has {totals.lines} lines, and had {self.lines}")

    def _apply(self, add: Sequence[StoredBatch], remove: Sequence[int]) -> None:
        with self._database.transaction() as connection:
            removed = batch_table.remove(connection, remove)
            added = batch_table.insert(connection, add, self._since)
            first_key, oldest = batch_table.read_oldest(connection)
            totals = self._totals.change(added, removed, first_key)
            self._promise.write(self._totals, totals)
        self._totals, self.oldest = totals, oldest

    def _give_back(self) -> None:
        """Shrink an empty file: SQLite keeps its space otherwise."""
        if self.batches:
            return
        with contextlib.suppress(OSError, *ERRORS):  # it is only kept
            if self._database.path.stat().st_size > _LARGE:
                self._database.give_back(all_of_it=True)

    def _replace(self, held: Sequence[StoredBatch], settled: Collection[int]) -> Salvaged:
        return self._finish(self._rescue.replace(held, settled, self._totals.first_key if self.is_open else 0))

    def _finish(self, salvaged: Salvaged) -> Salvaged:
        """Take over the totals of a new file."""
        try:
            with self._database.transaction():
                self._count()
        except (OSError, *ERRORS) as error:
            self._rescue.error = error  # what it has already is not to be taken for an earlier process's
            raise
        self._rescue.finish(salvaged)
        if salvaged.left:  # files aside come later: their keys must not be used again, even if unreadable
            self.last_key = max(self.last_key, int(self._wall() * 1000) << 16)
        return salvaged

    def _tell_salvaged(self, complete: bool | None) -> None:
        told = "unknown" if complete is None else complete
        self._log.info("spool.salvaged", batches=self.batches, lines=self.lines, complete=told)
