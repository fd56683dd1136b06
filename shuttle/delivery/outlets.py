"""All outlets of a shuttle, at work until the queue is empty or they are cancelled."""

import anyio
from anyio.abc import TaskStatus

from shuttle.core.batch import Batch
from shuttle.delivery.outlet import Outlet


class Outlets:
    """Runs `count` outlets."""

    def __init__(self, outlet: Outlet, *, count: int) -> None:
        self.ended = anyio.Event()
        """Set when none of them works any more."""
        self._outlet = outlet
        self._count = count
        self._scope = anyio.CancelScope()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Deliver batches until the queue is closed and empty, or `cancel` is called."""
        try:
            task_status.started()
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    for _ in range(self._count):
                        tasks.start_soon(self._outlet.run)
        finally:
            self._outlet.close()
            self.ended.set()

    def cancel(self) -> None:
        """Cancel every attempt."""
        self._scope.cancel()

    async def report(self, batch: Batch) -> None:
        """Send the reports that are owed in `batch`, which has no lines."""
        await self._outlet.report(batch)
