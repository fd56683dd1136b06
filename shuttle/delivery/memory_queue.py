"""The buffer: bounded batches; offer (refused when full) or put (waits for room)."""

from collections import deque

import anyio

from shuttle.core.batch import Batch


class MemoryQueue:
    """Batches first in, first out, bounded by bytes in memory and, if given, by number.

    An empty buffer takes any batch, however large. Closing it is the signal to the outlets that no more will come.
    """

    def __init__(self, *, max_bytes: int, max_batches: int | None = None) -> None:
        self._max_bytes = max_bytes
        self._max_batches = max_batches
        self._batches: deque[Batch] = deque()
        self._bytes = 0
        self.closed = False
        """No more batches come."""
        self.taken = 0
        """Batches that takers got so far."""
        self._takers: deque[anyio.Event] = deque()
        self._room: anyio.Event | None = None

    def __len__(self) -> int:
        return len(self._batches)

    def offer(self, batch: Batch) -> bool:
        """Take `batch` if there is room and say whether there was.

        Raises:
            anyio.ClosedResourceError: The buffer is closed.
        """
        if self.closed:
            raise anyio.ClosedResourceError
        if self._batches and self._bytes + batch.size > self._max_bytes:
            return False
        if self._max_batches is not None and len(self._batches) >= self._max_batches:
            return False
        self._append(batch)
        return True

    def _append(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._bytes += batch.size
        self._call_taker()

    def _call_taker(self) -> None:
        if self._takers:
            self._takers.popleft().set()

    async def put(self, batch: Batch) -> None:
        """Take `batch` as soon as there is room. If this is cancelled, the buffer does not hold it.

        Raises:
            anyio.ClosedResourceError: The buffer is closed, or was while this waited.
        """
        while not self.offer(batch):
            self._room = self._room or anyio.Event()
            await self._room.wait()

    async def take(self) -> Batch | None:
        """Return the oldest batch as soon as there is one; None when the buffer is closed and empty."""
        while not self._batches:
            if self.closed:
                return None
            await self._wait_for_more()
        return self._hand_out()

    async def _wait_for_more(self) -> None:
        """Return when a batch has come, or may have, or none will any more."""
        arrival = anyio.Event()
        self._takers.append(arrival)
        try:
            await arrival.wait()
        except BaseException:  # cancelled
            self._leave(arrival)
            raise

    def _hand_out(self) -> Batch:
        batch = self._batches.popleft()
        self._bytes -= batch.size
        self.taken += 1
        self._make_room()
        return batch

    def _make_room(self) -> None:
        if self._room:
            self._room.set()
            self._room = None

    async def wait_below(self, batches: int) -> None:
        """Return as soon as fewer than `batches` batches wait, or the buffer is closed."""
        while len(self) >= batches and not self.closed:
            self._room = self._room or anyio.Event()
            await self._room.wait()

    def _leave(self, arrival: anyio.Event) -> None:
        """Let a taker go that was cancelled; if it was already called, the next one is called in its place."""
        if arrival in self._takers:
            self._takers.remove(arrival)
        elif len(self):
            self._call_taker()

    def close(self) -> None:
        """Say that no more batches come: takers get what is left, then None; whoever waits to put gets an error."""
        self.closed = True
        while self._takers:
            self._call_taker()
        self._make_room()
