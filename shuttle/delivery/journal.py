"""The journal: what keeps lines beyond the end of a process, be it files with checkpoints or the spool."""

from collections.abc import Sequence
from typing import Protocol

from shuttle.core.batch import Batch


class Journal(Protocol):
    """Knows of every batch from before it is sent until all of it is delivered or lost."""

    rereads: bool
    """Whether the next process reads again what was never recorded, as it does of files."""

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
