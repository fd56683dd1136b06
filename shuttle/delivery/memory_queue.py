"""The queue in memory: a bounded number of batches. A full queue refuses an offer, or makes a put wait."""

from collections import deque

import anyio

from shuttle.core.batch import Batch
from shuttle.delivery.queue import Waiters


class MemoryQueue:
    """Batches first in, first out, bounded by bytes in memory and, if given, by number.

    An empty queue takes any batch, however large. Closing it is the signal to the outlets that no more will come.
    """

    def __init__(self, *, max_bytes: int, max_batches: int | None = None) -> None:
        self._max_bytes = max_bytes
        self._max_batches = max_batches
        self._batches: deque[Batch] = deque()
        self._bytes = 0
        self._waiters = Waiters()
        self.taken = 0
        """Batches that takers got so far."""

    @property
    def closed(self) -> bool:
        """Whether no more batches come."""
        return self._waiters.closed

    @property
    def memory_bytes(self) -> int:
        """What the batches that wait take in memory."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._batches)

    def offer(self, batch: Batch) -> bool:
        """Take `batch` if there is room and say whether there was.

        Raises:
            anyio.ClosedResourceError: The queue is closed.
        """
        if self.closed:
            raise anyio.ClosedResourceError
        if self._batches and self._bytes + batch.size > self._max_bytes:
            return False
        if self._max_batches is not None and len(self._batches) >= self._max_batches:
            return False
        self._batches.append(batch)
        self._bytes += batch.size
        self._waiters.call_taker()
        return True

    async def put(self, batch: Batch) -> None:
        """Take `batch` as soon as there is room. If this is cancelled, the queue does not hold it.

        Raises:
            anyio.ClosedResourceError: The queue is closed, or was while this waited.
        """
        while not self.offer(batch):
            await self._waiters.next_room().wait()

    async def take(self) -> Batch | None:
        """Return the oldest batch as soon as there is one; None when the queue is closed and empty."""
        while not self._batches:
            if self.closed:
                return None
            await self._waiters.wait_for_batch()
        batch = self._batches.popleft()
        self._bytes -= batch.size
        self.taken += 1
        self._waiters.call_putters()
        return batch

    async def wait_below(self, batches: int) -> None:
        """Return as soon as fewer than `batches` batches wait, or the queue is closed."""
        while len(self) >= batches and not self.closed:
            await self._waiters.next_room().wait()

    def close(self) -> None:
        """Close the queue: takers get the remaining batches, then None; a waiting put raises an error."""
        self._waiters.close()
