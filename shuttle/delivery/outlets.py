"""Runs all outlets of a shuttle until the queue is closed and empty, or they are cancelled."""

import anyio

from shuttle.core.batch import Batch
from shuttle.delivery.outlet import Outlet


class Outlets:
    """Runs `count` outlets."""

    def __init__(self, outlet: Outlet, *, count: int) -> None:
        self.ended = anyio.Event()
        """Set when the queue is closed and empty, and nothing is under way any more."""
        self._outlet = outlet
        self._count = count

    async def run(self) -> None:
        """Deliver batches until the queue is closed and empty. It may run again after a cancellation."""
        while not self.ended.is_set():
            async with anyio.create_task_group() as tasks:
                for _ in range(self._count):
                    tasks.start_soon(self._outlet.run)
            if not tasks.cancel_scope.cancel_called:  # asyncio cancels the scope of a task that it cancels
                self.ended.set()

    def close(self) -> None:
        """Release the deliveries that were interrupted by a cancellation."""
        self._outlet.close()

    @property
    def oldest(self) -> float | None:
        """When the first line of the oldest batch under way was read, in seconds of the monotonic clock."""
        return self._outlet.oldest

    @property
    def memory_bytes(self) -> int:
        """What the batches under way take in memory."""
        return self._outlet.memory_bytes

    @property
    def others_wait(self) -> bool:
        """Whether batches wait for an outlet."""
        return self._outlet.others_wait

    def break_off(self, begun_before: float) -> None:
        """Interrupt attempts that began before that time and have no answer."""
        self._outlet.break_off(begun_before)

    async def report(self, batch: Batch) -> None:
        """Send the reports that are owed in `batch`, which has no lines."""
        await self._outlet.report(batch)
