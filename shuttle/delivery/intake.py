"""The intake: splits chunks into lines, collects lines into batches, and puts batches into the queue.

Theory of operation. A chunk is split into lines as soon as it arrives, and the lines are counted as read. Nothing is
awaited before that. So bytes that were taken from a pipe are always counted, whichever task is cancelled. Full batches
wait in `_ready`. One task at a time moves them to the queue, so that they reach it in order. If there is a journal,
each batch is recorded there before any of it is sent.
"""

import contextlib
import math
from collections import deque

import anyio
import anyio.lowlevel

from shuttle.clock import Clocks
from shuttle.core.batch import Batch, Batcher
from shuttle.core.frame import make_stamp
from shuttle.core.position import Span
from shuttle.delivery.accounts import Accounts
from shuttle.delivery.backpressure import Backpressure
from shuttle.delivery.journal import Journal
from shuttle.delivery.queue import Queue
from shuttle.delivery.source import CHUNK, Source


class Intake:
    """Takes bytes in and passes batches to the queue, in order. `own` is the source of `write`."""

    def __init__(
        self,
        *,
        own: Source,
        batcher: Batcher,
        queue: Queue,
        backpressure: Backpressure,
        accounts: Accounts,
        journal: Journal | None,
        clocks: Clocks,
    ) -> None:
        self._own = own
        self._batcher = batcher
        self._queue = queue
        self._backpressure = backpressure
        self._accounts = accounts
        self._journal = journal
        self._clocks = clocks
        self._writing = anyio.Lock(fast_acquire=True)  # held while writing to one source: chunks stay whole
        self._passing = anyio.Lock(fast_acquire=True)  # held while passing batches on: they reach the queue in order
        self._ready: deque[Batch] = deque()  # full, and not in the queue yet; a cancellation loses none of them
        self._unrecorded: list[Batch] = []  # full, and to be recorded before anything of them is sent
        self._opened = anyio.Event()  # a batch has got its first line
        self._latest = 0, 0  # lines and bytes of the latest chunk

    async def write(self, chunk: bytes, source: Source | None = None) -> None:
        """Take in `chunk`, whole lines or parts of them. Return when its batches are in the queue or dropped.

        All chunks make one stream, or one for each `source` that is given. If there is a single writer and `chunk` has
        up to CHUNK bytes, a cancellation loses nothing of it.

        Raises:
            anyio.ClosedResourceError: Nothing more is taken in.
        """
        async with self._writing:
            if self._queue.closed:
                raise anyio.ClosedResourceError
            for start in range(0, len(chunk), CHUNK):
                await self.feed(chunk[start : start + CHUNK], source or self._own)

    async def feed(self, chunk: bytes, source: Source) -> None:
        """Take in `chunk`, at most CHUNK bytes, from `source`. It works like `write`, but each source has one reader.

        The lines are taken in before anything is awaited.

        Raises:
            anyio.ClosedResourceError: Nothing more is taken in. Lines that cannot be read again are counted lost.
        """
        self.take(chunk, source)
        if self._queue.closed:
            raise anyio.ClosedResourceError
        if self._ready:
            async with self._passing:
                await self._pass_on()
        await self._backpressure.keep_pace(len(chunk))

    def take(self, chunk: bytes, source: Source) -> None:
        """Take in `chunk`, at most CHUNK bytes, from `source`. Its batches go to the queue with the next ones."""
        lines = source.splitter.feed(chunk)
        self._latest = len(lines), len(chunk)
        self._take_lines(lines, source)

    async def end(self, source: Source) -> None:
        """End `source`. Its last line counts even without a newline."""
        self.cut_off(source)
        async with self._passing:
            await self._pass_on()

    def cut_off(self, source: Source) -> None:
        """End `source` without waiting. Its last line is passed on with the next lines."""
        self._take_lines(source.splitter.finish(), source)

    def count_more(self) -> float:
        """Return how many more chunks such as the latest fit the batch that is being filled, about."""
        lines, length = self._latest
        return self._batcher.count_more(lines, length) if lines else math.inf

    @property
    def memory_bytes(self) -> int:
        """What the lines take that are in no queue yet."""
        return self._batcher.filled + sum(batch.size for batch in self._ready)

    @property
    def unrecorded(self) -> list[Span]:
        """Where lines stand in files that are held and not recorded yet."""
        return [*self._batcher.spans, *(span for batch in self._unrecorded for span in batch.spans)]

    async def resume(self, batch: Batch) -> None:
        """Take in a batch that an earlier process had closed."""
        async with self._passing:
            self._accounts.read(batch.lines)
            self._ready.append(batch)
            await self._pass_on()

    def hold_input(self) -> None:
        """Stop dropping: wait for room in the queue as long as it takes."""
        self._backpressure.patience = None

    async def finish(self) -> None:
        """End the input, and put every line that is held here into the queue.

        The last line counts even without a newline. Nothing is dropped any more.
        """
        async with self._writing, self._passing:
            self.hold_input()
            self.cut_off(self._own)
            self._flush()
            await self._pass_on()
            self._queue.close()

    async def save(self) -> None:
        """Record the lines that are held here in the journal; they do not go to the queue any more."""
        self.cut_off(self._own)
        self._flush()
        if self._journal is not None:
            await self._journal.record(self._unrecorded)
            self._unrecorded = []

    def close(self) -> None:
        """Take nothing more in, and forget the batches that are not in the queue. Writers that wait get an error.

        An incomplete last line is counted here, since `finish` may have been cancelled before it counted it.
        """
        self.cut_off(self._own)
        self._queue.close()
        self._ready.clear()
        if self._batcher.lines:
            self._batcher.close()

    async def run(self) -> None:
        """Flush each batch when it is due, until cancelled or closed. While there are no lines, the task sleeps."""
        with contextlib.suppress(anyio.ClosedResourceError):
            while True:
                due = self._batcher.due
                if due is None:
                    self._opened = anyio.Event()
                    await self._opened.wait()
                    continue
                await anyio.sleep_until(due)
                async with self._passing:
                    if self._batcher.due == due:
                        self._flush()
                        await self._pass_on()

    def _take_lines(self, lines: list[bytes], source: Source) -> None:
        """Count `lines`, and add them to the batch that is being filled."""
        if malformed := source.splitter.take_malformed():
            self._accounts.losses.reject(malformed)
        if not lines:
            return
        if self._queue.closed:
            if source.position is None:  # else the next start reads them again
                self._accounts.read(len(lines))
                self._accounts.losses.give_up(len(lines), "read after the end")
            return
        self._accounts.read(len(lines))
        now = self._clocks.monotonic()
        if source.position:
            source.position.cut(source.splitter.take_cuts())
        stamp = make_stamp(self._clocks.wall())
        for batch in self._batcher.add(lines, stamp=stamp, now=now, framer=source.framer, position=source.position):
            self._close(batch, now)
        if self._batcher.lines and not self._opened.is_set():
            self._opened.set()

    def _flush(self) -> None:
        if self._batcher.lines:
            self._close(self._batcher.close(), self._clocks.monotonic())

    def _close(self, batch: Batch, now: float) -> None:
        self._ready.append(batch)
        if self._journal is not None:
            self._unrecorded.append(batch)
        self._accounts.close_batch(batch, now)

    async def _pass_on(self) -> None:
        """Move the batches that are ready to the queue, or drop them. With a journal, record them first."""
        while self._ready:
            if self._unrecorded and self._journal is not None:  # again each time: more may have come meanwhile
                batches = list(self._unrecorded)
                await self._journal.record(batches)
                del self._unrecorded[: len(batches)]
                continue  # what was ready may be gone: it may have been given up meanwhile
            batch = self._ready[0]
            taken = await self._backpressure.put(batch)
            self._ready.popleft()
            if not taken:
                self._accounts.losses.drop(batch.lines)
                await anyio.lowlevel.checkpoint()  # a host that writes without a pause leaves the outlets their turn
