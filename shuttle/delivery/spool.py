"""The spool: a queue on disk, whose batches survive a crash or a dead drain.

Strategy: waiting batches are on disk, and memory holds only those that are taken next. So a spool of a gibibyte needs
no more memory than an empty one. A batch is written before it is offered. One transaction writes all batches that a
chunk of input filled, and removes what was settled meanwhile. A thread does the disk's work, one call at a time,
while the outlets continue. If the disk is full or fails, batches wait in memory until it works again. `tiers` has the
states of the batches, and the order in which they leave.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar, TypeVarTuple

import anyio
import anyio.lowlevel

from shuttle.core.batch import Batch
from shuttle.core.ledger import Ledger
from shuttle.core.position import Span
from shuttle.delivery.queue import Waiters
from shuttle.delivery.tiers import WINDOW, Entry, State, Tiers
from shuttle.event_loop import finish
from shuttle.store.backlog import Backlog, DiskFault
from shuttle.store.batch_table import StoredBatch, measure

DELAY = 0.05  # seconds that a settled batch waits for others to leave the disk with: each transaction costs the same
RETRY = 1.0  # seconds between two attempts at a disk that fails
LOOK = 0.5  # seconds between two looks whether what the disk has is still there
PIECE = 8 * 1024 * 1024  # bytes written in one transaction, about: the disk's thread should answer soon

_Arguments = TypeVarTuple("_Arguments")
_Answer = TypeVar("_Answer")


class Spool:
    """Batches first in, first out, on the disk before they are in the queue; bounded by what the backlog may take.

    Those that the disk does not take wait in memory, at most `max_bytes` and `max_batches` of them. `lose` is called
    with the number of lines that a backlog has cost which is broken or gone, and why.
    """

    rereads = False

    def __init__(
        self,
        backlog: Backlog,
        *,
        max_bytes: int,
        max_batches: int | None,
        ledger: Ledger,
        lose: Callable[[int, str], None],
    ) -> None:
        self._backlog = backlog
        self._ledger = ledger
        self._lose = lose
        self._tiers = Tiers(max_bytes=max_bytes, max_batches=max_batches)
        self._waiters = Waiters()
        self._lock = anyio.Lock(fast_acquire=True)  # held while using the disk
        self._thread = anyio.CapacityLimiter(1)
        self._due = anyio.Event()  # the disk should take something, or let go of it
        self._failing = False  # the disk takes nothing: what comes waits in memory
        self._rescuing = False
        self._released = False  # nobody may use the disk any more
        self._closed = False  # it is up to date for the last time
        self._looked = -math.inf  # when, by the event loop's clock
        self._narrowed: list[tuple[Batch, Sequence[Batch]]] = []  # and what is left of each
        self.taken = 0
        """Batches that takers got so far."""
        if backlog.is_open:
            self._inherit()
        else:
            self._fail()

    @property
    def closed(self) -> bool:
        """Whether no more batches come."""
        return self._waiters.closed

    def __len__(self) -> int:
        return len(self._tiers)

    @property
    def bytes(self) -> int:
        """The size of the spooled batches on disk."""
        return self._backlog.bytes

    @property
    def most_bytes(self) -> int:
        """The disk takes so many, about."""
        return self._backlog.most_bytes

    @property
    def memory_bytes(self) -> int:
        """What the batches that wait take in memory."""
        return self._tiers.memory_bytes

    @property
    def oldest(self) -> float | None:
        """When the first line of the oldest batch on the disk was read, in seconds since the epoch."""
        return self._backlog.oldest

    async def record(self, batches: Sequence[Batch]) -> None:
        """Write to the disk those of `batches`, which are offered next, that it has room for.

        A cancellation comes after the writing.
        """
        async with self._lock:
            if not self._released:
                entries = self._tiers.announce(batches)
                try:
                    await self._write(entries)
                finally:
                    self._tiers.dismiss(entries)

    def offer(self, batch: Batch) -> bool:
        """Take `batch` and say whether that was possible: it is on the disk, or the disk fails and memory has room.

        Raises:
            anyio.ClosedResourceError: The spool is closed.
        """
        if self.closed:
            raise anyio.ClosedResourceError
        if not self._tiers.offer(batch, in_memory=self._failing):
            return False
        if not self._rescuing:  # what is written to a new file now may turn out to be in memory alone
            self._tiers.unload()
        self._waiters.call_taker()
        if self._failing:
            self._due.set()
        return True

    async def put(self, batch: Batch) -> None:
        """Take `batch` as soon as there is room. If this is cancelled, the spool may have it on the disk all the same.

        Raises:
            anyio.ClosedResourceError: The spool is closed, or was while this waited.
        """
        while not self.offer(batch):
            room = self._waiters.next_room()
            if self._has_room_for(batch):
                await self.record([batch])
                if self.offer(batch):
                    return
            await room.wait()

    async def take(self) -> Batch | None:
        """Return the oldest batch as soon as there is one; None when the spool is closed and empty."""
        while not (batch := self._tiers.take()):
            if self._tiers.must_load:
                if self._released:
                    return None
                await self._bring()
            elif self.closed:
                return None
            else:
                await self._waiters.wait_for_batch()
        self.taken += 1
        self._waiters.call_putters()
        return batch

    async def wait_below(self, batches: int) -> None:
        """Return as soon as fewer than `batches` batches wait, or the spool is closed."""
        while len(self) >= batches and not self.closed:
            await self._waiters.next_room().wait()

    def close(self) -> None:
        """Close the queue: takers get the remaining batches, then None; a waiting put raises an error."""
        self._waiters.close()

    def settle(self, batch: Batch) -> None:
        """Remove `batch` from the disk: all its lines are delivered or counted lost."""
        self._tiers.settle(batch)
        self._count_spooled()
        if self._tiers.is_due:
            self._due.set()

    def narrow(self, batch: Batch, left: Sequence[Batch]) -> None:
        """Note that only the parts `left` of `batch` are unsettled. They replace it on disk at the end."""
        self._narrowed.append((batch, left))

    async def run(self) -> None:
        """Update the disk, and check that its files still exist, until cancelled or released."""
        while not self._released:
            with anyio.move_on_after(LOOK if self._tiers.on_disk else None) as waiting:
                await self._due.wait()
            if not waiting.cancelled_caught:
                await anyio.sleep(RETRY if self._failing else DELAY)
            async with self._lock:
                await self._update()

    async def release(self) -> None:
        """Update the disk for the last time, as far as possible, and unlock it for the next agent."""
        with anyio.CancelScope(shield=True):
            async with self._lock:
                self._released = True
                if not self._closed:
                    await self._write()
                    if await self._look():
                        await self._write()
                    await self._write_narrowed()
                    await self._ask(self._backlog.close)
                    self._closed = True

    async def _write_narrowed(self) -> None:
        """Replace batches by their unsettled parts. If the disk fails, it keeps them whole, and lines come twice.

        The first part has the place of the batch, and the others are behind all that there is.
        """
        found = [(entry, left) for batch, left in self._narrowed if (entry := self._tiers.find_taken(batch))]
        places = [(entry.key if part is left[0] else 0, part) for entry, left in found for part in left]
        if not found:
            return
        add = [StoredBatch(key, part) for key, part in places]
        keys = await self._ask(self._backlog.write, add, [entry.key for entry, _ in found])
        if isinstance(keys, DiskFault):
            return
        for entry, left in found:
            self._tiers.note_narrowed(entry, left, keys[: len(left)])
            del keys[: len(left)]
        self._count_spooled()

    def count_kept(self, _unrecorded: Sequence[Span]) -> int:
        """Return the lines on the disk: those that were never recorded were in memory alone."""
        return self._tiers.spooled

    async def _update(self) -> None:
        """Write what is due, and check regularly that the files still exist."""
        if self._released:
            return
        self._due = anyio.Event()
        if not await self._write() or anyio.current_time() - self._looked >= LOOK:
            self._looked = anyio.current_time()
            await self._look()
        if self._failing and (self._tiers.is_due or not self._backlog.is_open):
            self._due.set()

    async def _write(self, new: Sequence[Entry] = ()) -> bool:
        """Write what memory alone has, and then `new`, as far as there is room; remove what is settled.

        Returns:
            Whether the disk was asked.
        """
        written = rescued = False
        while True:
            with anyio.CancelScope(shield=True):
                if not self._backlog.is_open:
                    if not await self._begin():
                        return True
                    written = True
                entries, settled = self._choose(new, most=1 if self._failing and not written else PIECE)
                if not entries and (written or not settled):  # what was settled meanwhile leaves with the next
                    if written:
                        self._recover()
                    return written
                fault = await self._transact(entries, settled)
                if fault is None:
                    written = True
                elif fault is DiskFault.FAILED or rescued:
                    await self._shrink(settled)
                    self._fail()
                    return True
                else:
                    rescued = True
                    await self._rescue(fault)
            await anyio.lowlevel.checkpoint_if_cancelled()

    def _choose(self, new: Sequence[Entry], *, most: int) -> tuple[list[Entry], list[int]]:
        """Return the entries to write, the oldest first, one or `most` bytes; and the keys that are settled."""
        room = self._backlog.room
        entries: list[Entry] = []
        for entry in chain(self._tiers.list_unsaved(), (entry for entry in new if entry.state is State.NEW)):
            size = measure(entry.batch)
            if most <= 0 or (size > room and (entries or self._backlog.batches)):
                break
            entries.append(entry)
            room -= size
            most -= size
        return entries, self._tiers.list_settled()

    async def _transact(self, entries: Sequence[Entry], settled: Sequence[int]) -> DiskFault | None:
        """Write `entries` and remove the `settled` ones, all or nothing; return why the disk failed."""
        add = [StoredBatch(entry.key, entry.batch) for entry in entries]
        answer = await self._ask(self._backlog.write, add, settled)
        if isinstance(answer, DiskFault):
            return answer
        self._tiers.note_written(entries, answer)
        self._tiers.note_removed(settled)
        self._tiers.unload()
        self._count_spooled()
        self._waiters.call_putters()
        return None

    async def _shrink(self, settled: Sequence[int]) -> None:
        """Remove settled batches from a full disk."""
        if settled:
            shrink = partial(self._backlog.shrink, nothing_else=not self._tiers.on_disk)
            self._tiers.note_removed(await self._ask(shrink, settled))
            self._waiters.call_putters()

    async def _bring(self) -> None:
        """Load the next batches into memory, or wait a little if the disk fails."""
        try:
            if not await self._load():
                await anyio.sleep(RETRY)
        except BaseException:  # cancelled: another taker gets it
            self._waiters.call_taker()
            raise

    async def _load(self) -> bool:
        """Load the next batches into memory; return False if the disk fails."""
        rescued = False
        async with self._lock:
            with anyio.CancelScope(shield=True):
                while self._tiers.must_load:  # or somebody else has just done it
                    answer = await self._ask(self._backlog.read, self._tiers.cursor, WINDOW)
                    if isinstance(answer, list) and self._tiers.load(answer):
                        continue
                    if answer is DiskFault.FAILED or rescued:
                        return False
                    if isinstance(answer, list):
                        self._backlog.condemn("batches are missing")
                    rescued = True
                    await self._rescue(DiskFault.GONE if answer is DiskFault.GONE else DiskFault.BROKEN)
        return True

    async def _look(self) -> bool:
        """Check that the file still exists; if not, rescue what can be saved and return True."""
        fault = await self._ask(self._backlog.check) if self._backlog.is_open else None
        if fault is DiskFault.FAILED:
            self._fail()
        elif fault:
            await self._rescue(fault)
            return True
        return False

    async def _begin(self) -> bool:
        """Use the disk for the first time, or again after all that it had was lost; False if it cannot be used yet."""
        if not await self._ask(self._backlog.begin):
            self._fail()
            return False
        self._inherit()
        return True

    def _inherit(self) -> None:
        """Take over what an earlier process left; what is missing is lost."""
        missing = self._backlog.missing
        self._ledger.take_in(self._backlog.lines + missing)
        self._tiers.inherit(batches=self._backlog.batches, lines=self._backlog.lines)
        self._count_spooled()
        if missing:
            self._lose(missing, "missing in the spool")
        self._waiters.call_takers()

    async def _rescue(self, fault: DiskFault) -> None:
        """Replace a file that is broken or gone by a new one, and continue."""
        saved, settled, lines = self._tiers.list_saved(), self._tiers.list_settled(), self._tiers.spooled
        self._rescuing = True
        try:
            stored = [StoredBatch(entry.key, entry.batch) for entry in saved]
            rescued = await self._ask(self._backlog.rescue, stored, settled, lines)
        finally:
            self._rescuing = False
        if rescued:
            batches, lines = self._backlog.batches, self._backlog.lines
            lost = self._tiers.note_rescued(saved, settled, batches=batches, lines=lines)
        else:
            lost = self._tiers.lose_disk(keep_keys=fault is DiskFault.BROKEN)
            self._fail()
        self._tiers.unload()
        self._count_spooled()
        if lost > 0:
            self._lose(lost, f"the spool is {fault.value}")
        else:
            self._ledger.take_in(-lost)  # what was settled may be there again
        self._waiters.call_takers()
        self._waiters.call_putters()

    def _fail(self) -> None:
        """Note that the disk takes nothing: memory has room for some."""
        self._failing = True
        self._due.set()
        self._waiters.call_putters()

    def _recover(self) -> None:
        """Note that the disk is full up to its limit."""
        if self._failing:
            self._failing = False
            self._backlog.note_success()
            self._waiters.call_putters()

    def _count_spooled(self) -> None:
        spooled = self._tiers.spooled
        if spooled and not self._ledger.spooled:
            self._due.set()  # from now on there is something to look at
        self._ledger.spooled = spooled

    def _has_room_for(self, batch: Batch) -> bool:
        """Whether the disk can take `batch` next."""
        if self._failing or any(self._tiers.list_unsaved()):
            return False
        return not self._backlog.batches or measure(batch) <= self._backlog.room

    async def _ask(self, call: Callable[[*_Arguments], _Answer], *arguments: *_Arguments) -> _Answer:
        """Run it in the disk's thread."""
        return await finish(partial(call, *arguments), limiter=self._thread)
