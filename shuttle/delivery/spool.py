"""The spool: a buffer on the disk, for batches that a crash or a dead drain must not cost.

Strategy: what waits stands on the disk, and in memory is only what is about to be taken, so that a spool of a gibibyte
costs no more of it than an empty one. A batch is recorded before it is offered, all that a chunk of input filled in one
transaction, and what has been settled meanwhile leaves in the same one. The disk is another thread's business: one call
at a time, and while it lasts the outlets go on. What the disk does not take, because it is full or fails, is held in
memory as a buffer holds it, and recorded as soon as the disk takes it; in which order batches leave does not change.
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeVar, TypeVarTuple

import anyio
import anyio.lowlevel
import anyio.to_thread

from shuttle.core.batch import Batch
from shuttle.core.ledger import Ledger
from shuttle.delivery.memory_queue import MemoryQueue
from shuttle.delivery.turn import Turn
from shuttle.store.backlog import Backlog, Change
from shuttle.store.batch_table import Row, measure

WINDOW = 2 * 1024 * 1024  # bytes of batches in memory that are on the disk too: the outlets take some before a reading
DELAY = 0.05  # seconds that a settled batch waits for others to leave the disk with: each transaction costs the same
RETRY = 1.0  # seconds between two attempts at a disk that fails

_Arguments = TypeVarTuple("_Arguments")
_Answer = TypeVar("_Answer")


class Spool(MemoryQueue):
    """Batches first in, first out, on the disk before the buffer has them; bounded by what the backlog may take there.

    Those that the disk does not take wait in memory, at most `max_bytes` and `max_batches` of them. `lose` is called
    with the number of lines that a broken backlog has cost.
    """

    def __init__(
        self,
        backlog: Backlog,
        *,
        max_bytes: int,
        max_batches: int | None,
        ledger: Ledger,
        lose: Callable[[int], None],
    ) -> None:
        super().__init__(max_bytes=max_bytes, max_batches=max_batches)
        self._backlog = backlog
        self._ledger = ledger
        self._lose = lose
        self._turn = Turn()  # of whoever uses the disk
        self._thread = anyio.CapacityLimiter(1)
        self._held: dict[str, Row] = {}  # in memory and on the disk, from being recorded or read until settled, by id
        self._beyond = backlog.batches  # offered, on the disk, and not in memory: newer than those that are
        self._cursor = 0  # the key of the newest that came to memory from there, or went by
        self._offered = self._key = backlog.last_key
        self._stranded: deque[Row] = deque()  # offered and not on the disk: the newest
        self._stranded_bytes = 0
        self._adrift: dict[str, Row] = {}  # such ones that an outlet has taken
        self._left: dict[int, int] = {}  # settled, to leave the disk: the lines of each, by key
        self._failing = False
        self._released = False
        self._some = anyio.Event()
        ledger.spooled = backlog.lines

    def __len__(self) -> int:
        return len(self._batches) + self._beyond + len(self._stranded)

    @property
    def bytes(self) -> int:
        """What is spooled takes so many on the disk."""
        return self._backlog.bytes

    @property
    def oldest(self) -> float | None:
        """When the first line of the oldest batch on the disk was read, in seconds since the epoch."""
        return self._backlog.oldest

    async def record(self, batches: Sequence[Batch]) -> None:
        """Write to the disk those of `batches`, which are offered next, that it has room for.

        A cancellation comes after the writing.
        """
        async with self._turn:
            if not self._released:
                await self._write([batch for batch in batches if batch.id not in self._held])

    def offer(self, batch: Batch) -> bool:
        """Take `batch` and say whether that was possible: it is on the disk, or the disk fails and memory has room.

        Raises:
            anyio.ClosedResourceError: The spool is closed.
        """
        if self.closed:
            raise anyio.ClosedResourceError
        if row := self._held.get(batch.id):
            self._offered = row[0]
            if self._beyond or self._stranded or self._bytes + batch.size > WINDOW:
                del self._held[batch.id]
                self._beyond += 1
                self._call_taker()
            else:
                self._cursor = row[0]
                self._append(batch)
            return True
        if not self._failing or not self._has_memory_for(batch):
            return False
        self._stranded.append((self._next_key(), batch))
        self._stranded_bytes += batch.size
        self._offered = self._key
        self._call_taker()
        return True

    async def put(self, batch: Batch) -> None:
        """Take `batch` as soon as there is room. If this is cancelled, the spool may have it on the disk all the same.

        Raises:
            anyio.ClosedResourceError: The spool is closed, or was while this waited.
        """
        while not self.offer(batch):
            if self._failing or self._backlog.room < measure(batch):
                self._room = self._room or anyio.Event()
                await self._room.wait()
            await self.record([batch])

    async def take(self) -> Batch | None:
        """Return the oldest batch as soon as there is one; None when the spool is closed and empty."""
        while not self._batches:
            if self._beyond:
                if not await self._read_on():
                    await anyio.sleep(RETRY)
            elif self._stranded:
                self._pick_up()
            elif self.closed:
                return None
            else:
                await self._wait_for_more()
        return self._hand_out()

    def settle(self, batch: Batch) -> None:
        """Have `batch` leave the disk, all its lines delivered or accounted lost."""
        self._adrift.pop(batch.id, None)
        if row := self._held.pop(batch.id, None):
            self._left[row[0]] = batch.lines
            self._ledger.spooled -= batch.lines
            self._some.set()

    async def run(self) -> None:
        """Have what is settled leave the disk, and bring to it what it did not take, until cancelled."""
        while True:
            await self._some.wait()
            await anyio.sleep(RETRY if self._failing else DELAY)
            async with self._turn:
                if self._released:
                    return
                self._some = anyio.Event()
                await self._write([])
            if self._failing and (self._stranded or self._adrift or self._left):
                self._some.set()

    async def release(self) -> None:
        """Bring the disk up to date for the last time, as far as it lets us, and leave it to the next agent."""
        with anyio.CancelScope(shield=True):
            async with self._turn:
                if not self._released:
                    self._released = True
                    await self._write([])
                    await self._ask(self._backlog.close)

    def count_kept(self, _unrecorded: int) -> int:
        """Return the lines on the disk: those that were never recorded were in memory alone."""
        return self._ledger.spooled

    def _pick_up(self) -> None:
        """Have the oldest of those that are in memory alone be taken next."""
        key, batch = self._stranded.popleft()
        self._stranded_bytes -= batch.size
        self._adrift[batch.id] = key, batch
        self._cursor = key
        self._append(batch)

    async def _read_on(self) -> bool:
        """Bring to memory what is to be taken next; False if the disk does not give it."""
        async with self._turn:
            if self._batches:
                return True  # somebody else has just done it
            with anyio.CancelScope(shield=True):
                rows = await self._ask(self._backlog.read, self._cursor, WINDOW)
                if rows is Change.BROKEN:
                    await self._rescue()
            if isinstance(rows, Change):
                return rows is Change.BROKEN
            offered = [row for row in rows if row[0] <= self._offered]
            self._beyond = self._beyond - len(offered) if offered else 0
            for key, batch in offered:
                self._held[batch.id] = key, batch
                self._cursor = key
                self._append(batch)
            return True

    async def _write(self, batches: Sequence[Batch]) -> None:
        """Bring `batches`, and those that are in memory alone, to the disk, and take from it what is settled."""
        rows, left = self._choose(batches), list(self._left)
        if not rows and not left:
            return
        with anyio.CancelScope(shield=True):
            change = await self._ask(self._backlog.change, rows, left)
            if change is Change.BROKEN:
                await self._rescue()
                change = await self._ask(self._backlog.change, rows, left)
            if change is Change.FAILED and left:
                self._forget(await self._ask(self._backlog.shrink, left))
        self._note(change, rows, left)
        await anyio.lowlevel.checkpoint_if_cancelled()

    def _choose(self, batches: Sequence[Batch]) -> list[Row]:
        """Return what is to be written, as far as there is room for it, the oldest first."""
        room = self._backlog.room
        rows: list[Row] = []
        waiting = [*self._adrift.values(), *self._stranded]
        for row in chain(waiting, ((0, batch) for batch in batches)):
            room -= measure(row[1])
            if room < 0 and (rows or self._backlog.batches):
                break
            rows.append(row if row[0] else (self._next_key(), row[1]))
        return rows

    def _note(self, change: Change, rows: Sequence[Row], left: Sequence[int]) -> None:
        """Note what has come of writing `rows` and removing `left`; the outlets have gone on meanwhile."""
        self._failing = change is not Change.DONE
        if self._failing:
            self._some.set()
            return
        for key in left:
            self._left.pop(key, None)  # a rescue may have done it
        stranded = {key for key, _ in self._stranded}
        for key, batch in rows:
            if key in stranded:
                self._beyond += 1
            elif key > self._offered or batch.id in self._adrift:
                self._adrift.pop(batch.id, None)
                self._held[batch.id] = key, batch
            else:  # an outlet was done with it before it was on the disk
                self._left[key] = batch.lines
        written = {key for key, _ in rows}
        self._stranded = deque(row for row in self._stranded if row[0] not in written)
        self._stranded_bytes = sum(batch.size for _, batch in self._stranded)
        self._ledger.spooled = self._backlog.lines - sum(self._left.values())
        self._make_room()

    def _forget(self, keys: Sequence[int]) -> None:
        """Note that what is settled has left the disk, which takes nothing else."""
        for key in keys:
            self._left.pop(key, None)
        self._ledger.spooled = self._backlog.lines - sum(self._left.values())
        self._make_room()

    async def _rescue(self) -> None:
        """Go on with what can still be read of a broken backlog."""
        in_memory = 0  # lines
        if not await self._ask(self._backlog.rescue, list(self._held.values())):  # the disk takes nothing either
            self._failing = True
            self._some.set()
            offered = {id_: row for id_, row in self._held.items() if row[0] <= self._offered}
            self._adrift |= offered
            in_memory = sum(batch.lines for _, batch in self._held.values())
            self._held.clear()
            self._left.clear()
        elif (left := list(self._left)) and await self._ask(self._backlog.change, [], left) is Change.DONE:
            for key in left:
                del self._left[key]
        self._beyond = max(0, self._backlog.batches - len(self._held) - len(self._left))
        expected = self._ledger.spooled - in_memory  # only now: the outlets have gone on meanwhile
        self._ledger.spooled = self._backlog.lines - sum(self._left.values())
        if expected > self._ledger.spooled:
            self._lose(expected - self._ledger.spooled)

    async def _ask(self, call: Callable[[*_Arguments], _Answer], *arguments: *_Arguments) -> _Answer:
        """Have the disk's thread do it."""
        return await anyio.to_thread.run_sync(call, *arguments, limiter=self._thread)

    def _has_memory_for(self, batch: Batch) -> bool:
        if self._max_batches is not None and len(self._stranded) >= self._max_batches:
            return False
        return not self._stranded or self._stranded_bytes + batch.size <= self._max_bytes

    def _next_key(self) -> int:
        self._key += 1
        return self._key
