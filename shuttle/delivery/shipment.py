"""The drain as the outlets see it: it loads a batch into a shipment, and each attempt to send it has an outcome.

Some drains take a batch in one request. Their shipment sends the same request at each attempt. Others take records.
Their shipment makes as many requests as it needs, each with the records that are left. The outlet's loop is the same
for both.
"""

from typing import Protocol

from shuttle.core.batch import Batch
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome


class Shipment(Protocol):
    """The part of a batch that is still to be sent."""

    @property
    def taken(self) -> int:
        """The number of lines that the drain has completely."""

    @property
    def told(self) -> bool:
        """Whether the drain has the reports of the shipment."""

    @property
    def divisible(self) -> bool:
        """Whether the batch can be halved between two attempts: the drain takes all of it or nothing."""

    async def attempt(self) -> Outcome:
        """Make one attempt and return its outcome. A failure is an outcome, not an exception."""


class Drain(Protocol):
    """A receiver of batches."""

    def load(self, batch: Batch, owed: Owed, *, stamp: str) -> Shipment:
        """Return the shipment of `batch` and of the reports that are `owed`, with the time `stamp`."""

    def break_off(self, begun_before: float) -> None:
        """Interrupt requests that began before that time and have no answer: their attempts fail now."""
