"""What every drain has in common: a batch is loaded, and its shipment says what is to be sent next and what came of it.

Strategy: a drain that takes a batch in one request has a shipment that is the same request each time. One that takes
records has as many requests as it needs, each of what is left. Either way the outlet's loop is the same.
"""

from typing import Protocol

import httpx

from shuttle.core.batch import Batch
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome, Verdict


class Shipment(Protocol):
    """What is still to be sent of a batch."""

    @property
    def taken(self) -> int:
        """Lines of it that the drain has, each in whole."""

    @property
    def told(self) -> bool:
        """Whether the drain has what was owed to it."""

    async def make_request(self) -> httpx.Request:
        """Return the request of the next attempt."""

    def read(self, outcome: Outcome) -> Outcome:
        """Take what came of that attempt, and return what it means for the drain as HTTP has it."""

    def judge(self, outcome: Outcome) -> Verdict:
        """Return what becomes of the batch after what `read` has returned."""


class Drain(Protocol):
    """Where batches go."""

    answer_limit: int
    """Bytes of an answer's body that `read` is to see."""

    def load(self, batch: Batch, owed: Owed, *, stamp: str) -> Shipment:
        """Return the shipment of `batch`, and of what is `owed`; `stamp` is the time of the latter."""
