"""The intake: chunks to lines, to batches, to the buffer; what to do when that is full."""

import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import anyio
import anyio.lowlevel

from shuttle.clock import Clock
from shuttle.core.batch import Batch, Batcher
from shuttle.core.frame import make_stamp
from shuttle.core.ledger import Ledger
from shuttle.core.lines import Splitter
from shuttle.delivery.queue import Queue
from shuttle.delivery.source import Source
from shuttle.delivery.turn import Turn
from shuttle.observe.log import Logger
from shuttle.observe.statistics import Timer
from shuttle.observe.throttle import Notice

CHUNK = 256 * 1024  # bytes that are split at once: enough to make a batch's costs small, little enough to stay flat
PLENTY = 16  # batches that wait: more keep no outlet busier, and memory that is used again soon stays in the caches
PACE = 0.005  # seconds that a chunk then waits for the outlets at most: 50 MB/s, 300,000 lines/s, are taken in anyway


class Intake:
    """Takes bytes in and passes batches on to the buffer, in order.

    While the drain takes batches, a source that is faster is read at the drain's pace, unless that is below 50 MB/s:
    what would wait in the buffer can wait in the pipe as well. When the buffer is full and lines may be dropped, the
    input is held for at most `patience` seconds; then batches are dropped, and counted, until the drain has taken one.
    When they may not, the input is held until there is room. `wall` gives the seconds since the epoch.
    """

    def __init__(
        self,
        *,
        splitter: Splitter,
        batcher: Batcher,
        buffer: Queue,
        ledger: Ledger,
        patience: float | None,
        record: Callable[[Sequence[Batch]], Awaitable[None]] | None = None,
        fill: Timer,
        log: Logger,
        wall: Callable[[], float],
        clock: Clock = anyio.current_time,
    ) -> None:
        self._own = Source(splitter)
        self._record = record
        self._batcher = batcher
        self._buffer = buffer
        self._ledger = ledger
        self.patience = patience
        """Seconds; None: hold the input as long as it takes."""
        self._fill = fill
        self._log = log
        self._dropped = Notice(log, "lines.dropped")
        self._wall = wall
        self._clock = clock
        self.batched = 0
        """Lines in batches that were closed."""
        self._writing = Turn()  # one chunk at a time
        self._passing = Turn()  # of whoever writes or flushes: batches reach the buffer in order
        self._ready: deque[Batch] = deque()  # full, and not in the buffer yet; a cancellation loses none of them
        self._unrecorded: list[Batch] = []  # full, and to be recorded before anything of them is sent
        self._opened = anyio.Event()  # a batch has got its first line
        self._patience_ended_at: int | None = None  # the lines delivered when it did; more means a new stall
        self._ahead = 0  # bytes taken in since the last wait for the outlets, while plenty waited
        self._stuck_at: int | None = None  # the batches taken when a wait for the outlets was in vain
        self._malformed = False

    async def write(self, chunk: bytes, source: Source | None = None) -> None:
        """Take `chunk` in, whole lines or parts; return when the batches it fills are in the buffer or dropped.

        It continues `source`, or the stream that every chunk without one is part of.

        A cancellation loses nothing of up to CHUNK bytes of a single writer.

        Raises:
            anyio.ClosedResourceError: Nothing more is taken in.
        """
        source = source or self._own
        async with self._writing:
            for start in range(0, len(chunk), CHUNK):
                if self._buffer.closed:
                    raise anyio.ClosedResourceError
                self._take_lines(source.splitter.feed(chunk[start : start + CHUNK]), source)
                # Only now: whoever is cancelled while it waits for its turn has nothing that is not counted.
                async with self._passing:
                    await self._pass_on()
                await self._keep_pace(min(CHUNK, len(chunk) - start))

    async def end(self, source: Source) -> None:
        """Take the end of `source`: its last line counts without its newline."""
        async with self._writing:
            self._take_lines(source.splitter.finish(), source)
            async with self._passing:
                await self._pass_on()

    def cut_off(self, source: Source) -> None:
        """Take the end of `source` without waiting: its last line goes out with those that come next."""
        self._take_lines(source.splitter.finish(), source)

    @property
    def unrecorded(self) -> int:
        """Lines from files that are held and not recorded yet."""
        return self._batcher.kept + sum(span.lines for batch in self._unrecorded for span in batch.spans)

    async def resume(self, batch: Batch) -> None:
        """Take in a batch that an earlier process had closed."""
        async with self._passing:
            self._ledger.take_in(batch.lines)
            self._ready.append(batch)
            await self._pass_on()

    async def finish(self) -> None:
        """Take the end of the input: the last line counts without its newline, and what is held goes to the buffer.

        Nothing is dropped any more.
        """
        async with self._writing, self._passing:
            self.patience = None
            self._take_lines(self._own.splitter.finish(), self._own)
            self._flush()
            await self._pass_on()
            self._buffer.close()

    async def save(self) -> None:
        """Record what is held here, since nobody waits for the buffer to take it any more."""
        self._take_lines(self._own.splitter.finish(), self._own)
        self._flush()
        if self._record:
            await self._record(self._unrecorded)
            self._unrecorded = []

    def close(self) -> None:
        """Take nothing more in, and forget what is not in the buffer; whoever waits to write gets an error.

        A line that was not complete is counted: `finish` may have been given up before it took it.
        """
        self._take_lines(self._own.splitter.finish(), self._own)
        self._buffer.close()
        self._ready.clear()
        if self._batcher.lines:
            self._batcher.close()

    async def run(self) -> None:
        """Flush each batch whose age is up, until cancelled or closed. Without lines nothing wakes it."""
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
        stamp = make_stamp(self._wall())
        now = self._clock()
        if malformed := source.splitter.take_malformed():
            self._ledger.take_in(malformed)
            self._ledger.lose(malformed, stamp)
            if not self._malformed:
                self._malformed = True
                advice = (
                    "frames begin with their length in bytes; what cannot be read is counted lost, a line each time"
                )
                self._log.warning("input.malformed", advice=advice)
        if lines:
            self._ledger.take_in(len(lines))
            if source.place:
                source.place.cut(source.splitter.take_cuts())
            for batch in self._batcher.add(lines, stamp=stamp, now=now, framer=source.framer, place=source.place):
                self._close(batch, now)
            if self._batcher.lines:
                self._opened.set()

    def _flush(self) -> None:
        if self._batcher.lines:
            self._close(self._batcher.close(), self._clock())

    def _close(self, batch: Batch, now: float) -> None:
        self._ready.append(batch)
        if self._record:
            self._unrecorded.append(batch)
        self.batched += batch.lines
        self._fill.update(now - batch.born, now)

    async def _pass_on(self) -> None:
        """Move what is ready to the buffer, or drop it; what is to outlive this process is recorded first."""
        while self._ready:
            if self._unrecorded and self._record:  # again each time: more may have come while this waited for room
                batches = list(self._unrecorded)
                await self._record(batches)
                del self._unrecorded[: len(batches)]
                continue  # what was ready may be gone: it may have been given up meanwhile
            batch = self._ready[0]
            if self._buffer.offer(batch) or await self._wait_for_room(batch):
                self._ready.popleft()
            else:
                self._ready.popleft()
                self._ledger.drop(batch.lines, make_stamp(self._wall()))
                self._dropped.tell(batch.lines, now=self._clock(), error="the buffer is full")
                await anyio.lowlevel.checkpoint()  # a host that writes without a pause leaves the outlets their turn

    async def _keep_pace(self, length: int) -> None:
        """Leave the outlets time to take some of what waits, if they take anything; `length` bytes have been added."""
        taken = self._buffer.taken
        if len(self._buffer) < PLENTY:
            self._ahead = 0
            return
        self._ahead += length
        if self._ahead < CHUNK or taken == self._stuck_at:
            await anyio.lowlevel.checkpoint()
            return
        self._ahead = 0
        with anyio.move_on_after(PACE):
            await self._buffer.wait_below(PLENTY // 2)
        if self._buffer.taken == taken:
            self._stuck_at = taken

    async def _wait_for_room(self, batch: Batch) -> bool:
        """Wait as long as patience lasts and say whether the buffer took `batch`."""
        if self.patience is None:
            await self._buffer.put(batch)
            return True
        if self._patience_ended_at == self._ledger.delivered:
            return False
        with anyio.move_on_after(self.patience):
            await self._buffer.put(batch)
            return True
        self._patience_ended_at = self._ledger.delivered
        return self._buffer.offer(batch)  # False, but for an error if it was closed meanwhile
