"""The journal: keeps lines beyond the end of the process, in files with checkpoints or in the spool."""

from collections.abc import Sequence
from typing import Protocol

from shuttle.core.batch import Batch
from shuttle.core.position import Span


class Journal(Protocol):
    """Keeps every batch, from before it is sent until all of it is delivered or lost."""

    rereads: bool
    """Whether the next process reads again what was never recorded, as it does of files."""

    async def record(self, batches: Sequence[Batch]) -> None:
        """Record `batches` where they outlive this process. None of them has been sent yet."""

    def settle(self, batch: Batch) -> None:
        """Note that every line of `batch` is delivered or counted as lost."""

    def narrow(self, batch: Batch, left: Sequence[Batch]) -> None:
        """Note that only the parts `left` of `batch` are unsettled, after sending has ended."""

    async def run(self) -> None:
        """Write down which batches are settled, until cancelled."""

    async def release(self) -> None:
        """Write down the final state for the next process. A second call does nothing."""

    def count_kept(self, unrecorded: Sequence[Span]) -> int:
        """Return how many of the held lines the next process delivers. `unrecorded` lines were never recorded."""
