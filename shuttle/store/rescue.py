"""Rescues: replace a spool's broken file with a new one that holds whatever can still be read.

Batches are read first from the open file, which knows pages that the files no longer have, and then from the files.
What does not fit on the disk is left to the next process; this process counts it lost and does not read it again. A
batch that was settled meanwhile, and is in a file that was set aside, comes again under its old id.

Theory of operation. A marker file exists from the moment when a broken file is set aside until all of it was read:

    no marker     the file has everything, and the last promise is about it
    unfinished    the file has a part; the last promise is about the file that is aside: a process was killed
    empty         the file was continued, and the last promise is about it; what had no room is aside

The file of a newer log-shuttle is left unread to one of that version.
"""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from shuttle.store import batch_table
from shuttle.store.batch_table import StoredBatch
from shuttle.store.lock import FileId, find_file
from shuttle.store.private import open_file
from shuttle.store.promise import PromiseFile
from shuttle.store.salvage import Salvage, divide
from shuttle.store.sqlite import Database
from shuttle.store.sqlite_errors import ERRORS, BrokenError, GoneError, NewerError

_UNFINISHED = b"unfinished\n"


class Salvaged(NamedTuple):
    """What became of a salvage."""

    left: bool
    """Something is left to another process."""
    damaged: bool
    """Something could not be read."""


class Rescue:
    """Rescues of the file of `database`, whose batches have times in seconds after `since`."""

    def __init__(self, database: Database, promise: PromiseFile, *, since: float) -> None:
        self._database = database
        self._promise = promise
        self._since = since
        self._mark = database.path.with_suffix(".salvaging")
        self._given_up: set[FileId] = set()  # broken files: this process has counted lost what is in them
        self.error: Exception | None = None
        """Why the file cannot be gone on with."""

    @property
    def is_due(self) -> bool:
        """Whether something aside was not gone through yet."""
        return self._mark.exists()

    @property
    def is_unfinished(self) -> bool:
        """Whether the file has only some of what it gets."""
        return self.is_due and self._mark.stat().st_size > 0

    def claim(self) -> None:
        """Have what an older log-shuttle has left to this version gone through.

        Raises:
            OSError: It cannot be taken.
        """
        aside = self._database.aside
        if aside.has_left:
            if not self.is_due:
                aside.clear()
                self._set_mark(b"")
            aside.claim()

    def replace(self, held: Sequence[StoredBatch], settled: Collection[int], first_key: int) -> Salvaged:
        """Begin a new file in the place of one that is broken or gone, with `held` and all else that can be read.

        The keys `settled` and those below `first_key` are left out.

        Raises:
            sqlite3.Error: The disk does not take `held`, and has nothing of it.
            OSError: The same.
        """
        error = self.error or BrokenError("it is broken")
        if isinstance(error, NewerError):
            return self._leave(error)
        gone = isinstance(error, GoneError)
        left = self._database.abandon() if gone else self._database.detach()
        try:
            if gone:
                self._begin_elsewhere()
            else:
                self._set_aside(error)
            salvage = Salvage(self._know(held, settled), first_key=first_key, since=self._since)
            salvaged = self._take_all(held, salvage, self._list_sources(salvage, left, aside=not gone))
            return salvaged._replace(left=salvaged.left or (gone and self.is_due))
        finally:
            if left:
                with contextlib.suppress(*ERRORS):
                    left.close()

    def resume(self) -> Salvaged:
        """Take over what is aside, and was not gone through yet.

        Raises:
            sqlite3.Error: The file cannot be opened or made.
            OSError: The same.
        """
        self._set_mark(_UNFINISHED)
        salvage = Salvage(self._know((), ()), first_key=0, since=self._since)
        return self._take_all((), salvage, self._list_sources(salvage, None, aside=True))

    def finish(self, salvaged: Salvaged) -> None:
        """Note that the new file is in use."""
        if salvaged.left and self.is_due:
            self._set_mark(b"")
        elif not salvaged.left:
            with contextlib.suppress(OSError):
                self._mark.unlink(missing_ok=True)

    def give_up(self) -> None:
        """Leave broken files to the next process: their lines are counted lost here and must not come back."""
        with contextlib.suppress(OSError):
            paths = (self._database.path, *self._database.aside.list_broken())
            self._given_up.update(filter(None, map(find_file, paths)))

    def go_on(self) -> None:
        """Note that the file counts: it may have been given up as it was begun, or have the inode of one that was."""
        with contextlib.suppress(OSError):
            self._given_up.discard(find_file(self._database.path))

    def _leave(self, error: NewerError) -> Salvaged:
        self._promise.void()  # nothing of it is missing
        self._database.disconnect()
        self._database.aside.leave(error)
        self.error = None
        return Salvaged(left=True, damaged=False)

    def _begin_elsewhere(self) -> None:
        """Take the directory again that was deleted or moved."""
        self.error = None
        self._database.lock()
        if self._database.exists:
            raise FileExistsError(errno.EEXIST, "another spool was put in its place")
        self._promise.renew()

    def _set_aside(self, error: Exception) -> None:
        self.error = error
        if not self.is_due:
            self._database.aside.clear()
        self._set_mark(_UNFINISHED)
        self._database.set_aside(error)
        self.error = None

    def _set_mark(self, content: bytes) -> None:
        with contextlib.suppress(OSError):
            file = open_file(self._mark)
            try:
                os.ftruncate(file, 0)
                os.write(file, content)
            finally:
                os.close(file)

    def _know(self, held: Sequence[StoredBatch], settled: Collection[int]) -> Callable[[int], bool]:
        """Return what says of a key that its batch is not to be salvaged."""
        known = {*settled, *(key for key, _ in held)}
        return lambda key: key in known or batch_table.exists(self._database.connect(), key)

    def _take_all(
        self, held: Sequence[StoredBatch], salvage: Salvage, sources: Iterable[Iterator[StoredBatch]]
    ) -> Salvaged:
        """Write `held` to the new file, and then what comes from each of `sources`, as far as there is room."""
        self._take_over(held)
        complete = False
        with contextlib.suppress(OSError, *ERRORS):
            for stored in chain.from_iterable(map(divide, sources)):  # no list has a key twice
                self._take_over(stored)
            complete = self._given_up.isdisjoint(map(find_file, self._database.aside.list_broken()))
        return Salvaged(left=not complete, damaged=salvage.damaged)

    def _take_over(self, stored: Sequence[StoredBatch]) -> None:
        with self._database.transaction() as connection:
            new = [each for each in stored if not batch_table.exists(connection, each.key)]
            batch_table.insert(connection, new, self._since)

    def _list_sources(
        self, salvage: Salvage, left: sqlite3.Connection | None, *, aside: bool
    ) -> Iterator[Iterator[StoredBatch]]:
        """Yield what can be read of the connection `left`, and then of each file `aside` that was not given up."""
        schema = self._database.schema
        if left:
            yield salvage.read_open(left, schema)
            left.close()
        for path in self._database.aside.list_broken() if aside else []:
            if find_file(path) not in self._given_up:
                yield salvage.read_file(path, schema)
