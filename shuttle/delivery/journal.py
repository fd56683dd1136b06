"""What keeps lines beyond the end of a process: files with their checkpoints, or the spool."""

from collections.abc import Sequence
from typing import Protocol

from shuttle.core.batch import Batch


class Keeper(Protocol):
    """Knows of every batch from before it is sent until all of it is delivered or lost."""

    async def record(self, batches: Sequence[Batch]) -> None:
        """Put `batches`, of which nothing has been sent, where they outlive this process."""

    def settle(self, batch: Batch) -> None:
        """Take note that every line of `batch` is delivered or accounted lost."""

    async def run(self) -> None:
        """Write down what is settled, until cancelled."""

    async def release(self) -> None:
        """Write down all that is known, and leave it to the next process. A second time does nothing."""

    def count_kept(self, unrecorded: int) -> int:
        """Return how many of the held lines the next process delivers; so many lines were never recorded."""
