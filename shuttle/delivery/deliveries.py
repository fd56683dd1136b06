"""The deliveries: batches that were taken from the queue and are not settled yet, with an outlet or put aside.

Theory of operation. A drain may fail on a batch whenever it is sent, and take all others. Such batches must not keep
every outlet busy. So one outlet is always free for batches that have not failed. If the last free outlet fails, its
batch is put aside and the outlet takes the next one. A suspect batch (core/suspicion.py) is put aside, too: it goes
behind the others.

At most MOST_ASIDE batches are aside, suspect ones left out, so that a drain that fails on everything does not empty the
queue into memory. Then a batch that has failed PATIENCE times changes places with the one that has been aside longest.
If there is a single outlet, order matters. Then a batch is put aside only if it is suspect, or if it was sent PATIENCE
times without an answer.

What is aside comes before the queue, but not to the last free outlet. A single outlet takes QUEUE_SHARE batches
from the queue for each from aside.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from shuttle.core.batch import Batch
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome, Verdict
from shuttle.core.suspicion import Attempts, Suspicion
from shuttle.delivery.queue import Queue
from shuttle.delivery.shipment import Shipment

MOST_ASIDE = 8  # batches that are not suspect; each takes -batch-bytes of memory at most
MOST_SUSPECTS = 64  # batches; a wrong word in every tenth of them may be found out at once
PATIENCE = 3  # failures
QUEUE_SHARE = 4  # batches from the queue, for each from aside


class Part(NamedTuple):
    """A batch, or a half of one, that is sent as one."""

    batch: Batch
    suspicion: Suspicion | None = None
    """Against what it was a half of, when it was halved."""
    failures: int = 0
    """Those so far, if it was postponed: parts that fail in turn must not be sent in a circle, without a delay."""
    failing_since: float = 0.0
    not_before: float = 0.0


@dataclass(slots=True, eq=False)
class Delivery:
    """A batch on its way."""

    batch: Batch
    parts: list[Part]
    """What is still to be sent; the last one is in hand."""
    before: Attempts = Attempts(0, 0, 0)  # noqa: RUF009  # it never changes
    """How the attempts of all batches had ended when the last attempt began. It stays once there is a suspicion."""
    suspicion: Suspicion | None = None
    """Against the part in hand, once it has failed."""
    shipment: Shipment | None = None
    """Of the part in hand, once it was loaded."""
    owed: Owed = field(default_factory=Owed)
    """What the shipment tells the drain."""
    untold: bool = True
    """A report may still ride on it."""
    failures: int = 0
    """Failed attempts to send the part in hand."""
    counted: int = 0
    """How many of these count for `max_attempts`."""
    late: int = 0
    """How many of these were sent and had no answer in time."""
    failing_since: float = 0.0
    """When the first of them failed."""
    not_before: float = 0.0
    refused: int = 0
    tried_last: bool = False
    """It had its attempt in the last round."""
    began: float = 0.0
    """When the last attempt did."""
    outcome: Outcome = field(default_factory=lambda: Outcome(Verdict.LOST))
    """Of the last attempt."""

    @property
    def part(self) -> Batch:
        """The part in hand."""
        return self.parts[-1].batch

    @property
    def is_suspect(self) -> bool:
        """Whether the part in hand is the problem, rather than the drain."""
        return self.suspicion is not None and self.suspicion.is_suspect

    def postpone_part(self) -> None:
        """Put the part in hand behind the others."""
        part = self.parts.pop()
        self.parts.insert(0, Part(part.batch, self.suspicion, self.failures, self.failing_since, self.not_before))

    def take_up_part(self) -> None:
        """Begin with the part that is in hand now, or go on with it."""
        part = self.parts[-1] if self.parts else Part(self.batch)
        self.suspicion = part.suspicion
        self.failures, self.failing_since, self.not_before = part.failures, part.failing_since, part.not_before
        self.counted = self.late = 0

    def clear_suspicions(self) -> None:
        """Forget what is held against the parts: the culprit was found."""
        self.parts = [Part(part.batch) for part in self.parts]
        self.take_up_part()


class Deliveries:
    """Gives deliveries to `outlets` outlets, from the queue and from aside."""

    def __init__(self, queue: Queue, *, outlets: int) -> None:
        self._queue = queue
        self._outlets = outlets
        self._held: set[Delivery] = set()
        self._failing: set[Delivery] = set()  # of those held, the ones whose last attempt has failed
        self._aside: deque[Delivery] = deque()
        self._from_queue = 0

    @property
    def others_wait(self) -> bool:
        """Whether a batch waits for an outlet."""
        return len(self._queue) > 0 or bool(self._aside)

    @property
    def oldest(self) -> float | None:
        """When the first line of the oldest batch was read, in seconds of the monotonic clock; None without any."""
        return min((delivery.batch.born for delivery in (*self._held, *self._aside)), default=None)

    async def take(self) -> Delivery | None:
        """Return the next delivery as soon as there is one; None when the queue is closed and nothing is left."""
        delivery = self._take_aside()
        if delivery is None and (batch := await self._queue.take()):
            delivery = Delivery(batch, [Part(batch)], untold=not batch.again)
            self._from_queue += 1
        if delivery is None and self._aside:
            delivery = next((each for each in self._aside if not each.tried_last), self._aside[0])
            self._aside.remove(delivery)
        if delivery:
            self._held.add(delivery)
            if delivery.failures:
                self._failing.add(delivery)
        return delivery

    def release(self, delivery: Delivery) -> None:
        """Note that no outlet has `delivery` any more."""
        self._held.discard(delivery)
        self._failing.discard(delivery)

    def note_failure(self, delivery: Delivery) -> None:
        """Note that the last attempt has failed."""
        self._failing.add(delivery)

    def note_success(self, delivery: Delivery) -> None:
        """Note that the last attempt has not failed."""
        self._failing.discard(delivery)

    def put_aside(self, delivery: Delivery) -> None:
        """Keep a delivery that no outlet has."""
        self._aside.append(delivery)

    def put_back(self, delivery: Delivery) -> None:
        """Keep a delivery whose outlet was interrupted. It is the next one."""
        self._aside.appendleft(delivery)
        self._from_queue = QUEUE_SHARE

    def clear_aside(self) -> list[Delivery]:
        """Return what is aside, and forget it."""
        aside = list(self._aside)
        self._aside.clear()
        return aside

    def is_to_step_aside(self, delivery: Delivery) -> bool:
        """Return whether `delivery`, which has just failed, is to leave the outlet to another one."""
        if not self.others_wait:
            return False
        if delivery.is_suspect:
            return True
        if self._is_full() and delivery.failures < PATIENCE:
            return False
        if not delivery.outcome.sent or len(self._failing) < self._outlets:
            return False
        return self._outlets > 1 or (delivery.failures >= PATIENCE and not delivery.outcome.answered)

    def is_stuck(self) -> bool:
        """Return whether only batches can be tried that fail, or order forbids that others are tried."""
        if len(self._queue) > 0 and self._outlets > 1 and not self._is_full():
            return False
        ended = self._queue.closed and len(self._queue) == 0
        return ended or len(self._failing) >= max(1, self._outlets - 1)

    def all_fail(self) -> bool:
        """Return whether nothing waits in the queue, and every batch that an outlet has is failing."""
        return len(self._queue) == 0 and len(self._failing) == len(self._held)

    def _is_full(self) -> bool:
        return sum(not delivery.is_suspect for delivery in self._aside) >= MOST_ASIDE

    def _take_aside(self) -> Delivery | None:
        """Return the first delivery from aside if it is to be taken now; in the last round one that had no attempt."""
        found = next((delivery for delivery in self._aside if not delivery.tried_last), None)
        if found is None or not self._is_due():
            return None
        self._from_queue = 0
        self._aside.remove(found)
        return found

    def _is_due(self) -> bool:
        """Return whether a delivery from aside is taken before the queue."""
        suspects = sum(delivery.is_suspect for delivery in self._aside)
        if len(self._aside) - suspects > MOST_ASIDE or suspects > MOST_SUSPECTS:
            return True
        if self._outlets == 1:
            return self._from_queue >= QUEUE_SHARE or len(self._queue) == 0
        return len(self._failing) < self._outlets - 1
