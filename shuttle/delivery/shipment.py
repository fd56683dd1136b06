"""What a drain is to the outlets: it loads a batch into a shipment, and each attempt of a shipment has an outcome.

A drain that takes a batch in one request has a shipment that sends the same request at each attempt. One that takes
records has as many requests as it needs, each with what is left. Either way the outlet's loop is the same.
"""

from typing import Protocol

from shuttle.core.batch import Batch
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome


class Shipment(Protocol):
    """What is still to be sent of a batch."""

    @property
    def taken(self) -> int:
        """The lines of the batch that the drain has, each in whole."""

    @property
    def told(self) -> bool:
        """Whether the drain has the reports that the shipment carried."""

    async def attempt(self) -> Outcome:
        """Make one attempt and return what came of it. A failure is an outcome, not an exception."""


class Drain(Protocol):
    """Where batches go."""

    def load(self, batch: Batch, owed: Owed, *, stamp: str) -> Shipment:
        """Return the shipment of `batch` and of a report of what is `owed`, which has the time `stamp`."""
