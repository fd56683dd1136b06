"""The queue between intake and outlets: its protocol, and how its two ends wait for each other."""

from collections import deque
from typing import Protocol

import anyio

from shuttle.core.batch import Batch


class Queue(Protocol):
    """Bounded batches, first in, first out."""

    @property
    def closed(self) -> bool:
        """Whether no more batches come."""

    @property
    def taken(self) -> int:
        """Batches that takers got so far."""

    @property
    def memory_bytes(self) -> int:
        """What the batches that wait take in memory."""

    def __len__(self) -> int:
        """Return how many batches wait to be taken."""

    def offer(self, batch: Batch) -> bool:
        """Take `batch` if there is room and say whether there was.

        Raises:
            anyio.ClosedResourceError: The queue is closed.
        """

    async def put(self, batch: Batch) -> None:
        """Take `batch` as soon as there is room.

        Raises:
            anyio.ClosedResourceError: The queue is closed, or was while this waited.
        """

    async def take(self) -> Batch | None:
        """Return the oldest batch as soon as there is one; None when the queue is closed and empty."""

    async def wait_below(self, batches: int) -> None:
        """Return as soon as fewer than `batches` batches wait, or the queue is closed."""

    def close(self) -> None:
        """Close the queue: takers get the remaining batches, then None; a waiting put raises an error."""


class Waiters:
    """The tasks that wait at a queue: takers for a batch, in order; and tasks that wait for room, all at once.

    Each call of a wait method ends with an event, never at once: a loop round it cannot spin.
    """

    def __init__(self) -> None:
        self.closed = False
        """No more batches come."""
        self._takers: deque[anyio.Event] = deque()
        self._room: anyio.Event | None = None  # created when a task waits: each costs as much as taking a batch

    async def wait_for_batch(self) -> None:
        """Wait to be called; if cancelled at that moment, pass the call on."""
        call = anyio.Event()
        self._takers.append(call)
        try:
            await call.wait()
        except BaseException:  # cancelled
            if call in self._takers:
                self._takers.remove(call)
            else:
                self.call_taker()
            raise

    def call_taker(self) -> None:
        """Call the taker that waits longest: a batch has come, or may be had."""
        if self._takers:
            self._takers.popleft().set()

    def call_takers(self) -> None:
        """Call every taker."""
        while self._takers:
            self.call_taker()

    def next_room(self) -> anyio.Event:
        """Return the event that is set when there may be room that is not there now, or the queue is closed."""
        self._room = self._room or anyio.Event()
        return self._room

    def call_putters(self) -> None:
        """Wake all tasks that wait for room."""
        if self._room:
            self._room.set()
            self._room = None

    def close(self) -> None:
        """Call everybody."""
        self.closed = True
        self.call_takers()
        self.call_putters()
