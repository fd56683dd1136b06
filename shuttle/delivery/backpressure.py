"""Backpressure: stops reading while the queue is full, and reads a flood at the drain's pace."""

import anyio
import anyio.lowlevel

from shuttle.core.batch import Batch
from shuttle.core.ledger import Ledger
from shuttle.delivery.queue import Queue
from shuttle.delivery.source import CHUNK

PLENTY = 16  # batches that wait: more keep no outlet busier, and memory that is used again soon stays in the caches
PACE = 0.005  # seconds that a chunk then waits for the outlets at most: 50 MB/s, 300,000 lines/s, are taken in anyway


class Backpressure:
    """Puts batches into `queue`, and makes the input wait.

    While the drain takes batches, a source that is faster is read at the drain's pace, unless that is below 50 MB/s.
    What would wait in the queue can wait in the pipe as well. When the queue is full, the input is held for at most
    `patience` seconds. Then batches are refused until the drain has taken one. If `patience` is None, the input is held
    as long as it takes.
    """

    def __init__(self, queue: Queue, ledger: Ledger, *, patience: float | None) -> None:
        self.patience = patience
        self._queue = queue
        self._ledger = ledger
        self._patience_ended_at: int | None = None  # the lines delivered when it did; more means a new stall
        self._ahead = 0  # bytes taken in since the last wait for the outlets, while plenty waited
        self._stuck_at: int | None = None  # the batches taken when a wait for the outlets was in vain

    async def put(self, batch: Batch) -> bool:
        """Put `batch` into the queue as soon as it has room, and return True. Return False if the patience is over.

        Raises:
            anyio.ClosedResourceError: The queue is closed.
        """
        if self._queue.offer(batch):
            return True
        if self.patience is None:
            await self._queue.put(batch)
            return True
        if self._patience_ended_at == self._ledger.delivered:
            return False
        with anyio.move_on_after(self.patience):
            await self._queue.put(batch)
            return True
        self._patience_ended_at = self._ledger.delivered
        return self._queue.offer(batch)  # False, but for an error if it was closed meanwhile

    async def keep_pace(self, length: int) -> None:
        """Give the outlets time to take batches, if they take any. `length` bytes have been added."""
        taken = self._queue.taken
        if len(self._queue) < PLENTY:
            self._ahead = 0
            return
        self._ahead += length
        if self._ahead < CHUNK or taken == self._stuck_at:
            await anyio.lowlevel.checkpoint()
            return
        self._ahead = 0
        with anyio.move_on_after(PACE):
            await self._queue.wait_below(PLENTY // 2)
        if self._queue.taken == taken:
            self._stuck_at = taken
