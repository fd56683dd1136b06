"""All outlets of a shuttle, at work until the queue is empty or they are cancelled."""

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
        """Deliver batches until the queue is closed and empty. Whoever cancels this may run it again."""
        while not self.ended.is_set():
            async with anyio.create_task_group() as tasks:
                for _ in range(self._count):
                    tasks.start_soon(self._outlet.run)
            if not tasks.cancel_scope.cancel_called:  # as it is if asyncio cancels one of them
                self.ended.set()

    def close(self) -> None:
        """Release what was under way when they were cancelled."""
        self._outlet.close()

    def break_off(self) -> None:
        """Break off the attempts that have no answer yet, if batches wait for their last one."""
        self._outlet.break_off()

    async def report(self, batch: Batch) -> None:
        """Send the reports that are owed in `batch`, which has no lines."""
        await self._outlet.report(batch)
