"""The outlets: take batches from the queue, send each until it is delivered or lost, and report to the accounts.

Theory of operation. A `Delivery` is a batch on its way. It has parts. At first there is one: the batch itself. The
current part is loaded into a shipment, which makes attempts. The outcome of each attempt decides how it goes on:

- DELIVERED, LOST: the part is done.
- MORE: what is left of the part is sent at once.
- RETRY: the part waits at the gate and is tried again. It is lost when it has failed `max_attempts` times, or when an
  attempt fails that began after the part was `max_age` old. So a part does not lose its next attempt because the
  process was stopped.
- HALVE: two halves replace the part.

In the last round of a landing every batch gets one more attempt. If it fails, the delivery is put aside, so that the
batches behind it get their attempt. When the queue is empty, the deliveries put aside are tried again, in turn. Batches
in a journal are not put aside: the next process delivers them. Shortly before the end attempts that have no answer yet
are broken off if batches wait.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from shuttle.clock import Clock
from shuttle.core.backoff import next_delay
from shuttle.core.batch import Batch
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome, Verdict
from shuttle.delivery.accounts import Accounts, Attempted
from shuttle.delivery.gate import Gate
from shuttle.delivery.queue import Queue
from shuttle.delivery.shipment import Drain, Shipment

HOPELESS = 16  # lines of a batch refused one by one, by a hopeless drain, before the rest is given up
REFUSALS = 1000  # in a row make a drain hopeless: as many as a batch of 500 bad lines; before it took any, it is one


class Limits(NamedTuple):
    """How often and how long a batch is tried."""

    max_attempts: int | None
    """None: as often as its age allows."""
    max_age: float
    """Seconds."""
    journaled: bool
    """The next process delivers what is left."""


@dataclass(slots=True, eq=False)
class Delivery:
    """A batch on its way."""

    batch: Batch
    parts: list[Batch]
    """What is still to be sent; the last one is in hand."""
    shipment: Shipment | None = None
    """Of the part in hand, once it was loaded."""
    owed: Owed = field(default_factory=Owed)
    """What the shipment tells the drain."""
    untold: bool = True
    """A report may still ride on it."""
    failures: int = 0
    not_before: float = 0.0
    refused: int = 0
    tried_last: bool = False
    """It had its attempt in the last round."""
    began: float = 0.0
    """When the last attempt did."""
    outcome: Outcome = field(default_factory=lambda: Outcome(Verdict.LOST))
    """Of the last attempt."""


class Outlet:
    """Sends batches. All outlets of a shuttle share this object and everything it is given."""

    def __init__(
        self,
        *,
        queue: Queue,
        gate: Gate,
        drain: Drain,
        accounts: Accounts,
        limits: Limits,
        random: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._gate = gate
        self._drain = drain
        self._accounts = accounts
        self._limits = limits
        self._random = random
        self._clock = clock
        self._aside: deque[Delivery] = deque()

    async def run(self) -> None:
        """Deliver batches until the queue is closed and empty."""
        while delivery := await self._take():
            try:
                done = await self._deliver(delivery)
            except BaseException:  # cancelled
                self._release(delivery)
                raise
            if not done:
                self._aside.append(delivery)

    def close(self) -> None:
        """Release the deliveries put aside. Lines that the drain has count as delivered; the rest stays held."""
        while self._aside:
            self._release(self._aside.popleft())

    def break_off(self) -> None:
        """Break off the attempts that have no answer yet, if batches wait for their last one."""
        if len(self._queue) and not self._limits.journaled:
            self._drain.break_off()

    async def report(self, batch: Batch) -> None:
        """Send the reports that are owed in `batch`, which has no lines. There is one attempt."""
        delivery = Delivery(batch, [batch])
        try:
            await self._attempt(delivery)
        finally:
            self._release(delivery)

    async def _take(self) -> Delivery | None:
        batch = await self._queue.take()
        if batch:
            return Delivery(batch, [batch], untold=not batch.again)
        return self._aside.popleft() if self._aside else None

    async def _deliver(self, delivery: Delivery) -> bool:
        """Deliver or lose every line, and return True. Return False if the delivery is to be put aside."""
        while delivery.parts:
            if delivery.shipment is None and self._is_hopeless(delivery):
                self._conclude(delivery)
                continue
            outcome = await self._attempt(delivery)
            match outcome.verdict:
                case Verdict.MORE:
                    self._accounts.note_progress()
                    delivery.failures, delivery.not_before = 0, 0.0
                case Verdict.RETRY:
                    if self._is_exhausted(delivery):
                        self._conclude(delivery)
                    elif self._is_to_wait(delivery):
                        return False
                case Verdict.HALVE:
                    halves = delivery.parts.pop().halve()
                    self._unload(delivery)
                    delivery.parts += reversed(halves)
                case Verdict.DELIVERED | Verdict.LOST:
                    self._conclude(delivery)
        self._accounts.settle(delivery.batch)
        return True

    async def _attempt(self, delivery: Delivery) -> Outcome:
        """Make one attempt as soon as the gate lets it through."""
        shipment = delivery.shipment or self._load(delivery)
        leave = await self._gate.enter(delivery.not_before, tried=delivery.tried_last)
        delivery.tried_last = self._gate.is_last_round
        outcome = None
        delivery.began = self._clock()
        try:
            outcome = await shipment.attempt()
        finally:
            self._gate.leave(leave, outcome)
        part, number = delivery.parts[-1], delivery.failures + 1
        seconds = self._clock() - delivery.began
        self._accounts.note_attempt(Attempted(part, outcome, number, seconds, len(self._queue)))
        delivery.outcome = outcome
        return outcome

    def _load(self, delivery: Delivery) -> Shipment:
        if delivery.untold:
            delivery.owed, delivery.untold = self._accounts.take_owed(), False
        stamp = self._accounts.losses.stamp() if delivery.owed else ""
        delivery.shipment = self._drain.load(delivery.parts[-1], delivery.owed, stamp=stamp)
        return delivery.shipment

    def _unload(self, delivery: Delivery) -> None:
        """Finish a shipment. If the drain does not have its reports, they are owed again."""
        if delivery.shipment and not delivery.shipment.told:
            self._accounts.put_back(delivery.owed)
        delivery.shipment, delivery.owed = None, Owed()
        delivery.failures, delivery.not_before = 0, 0.0

    def _conclude(self, delivery: Delivery) -> None:
        """Count the lines of the current part that were taken as delivered, and the rest as lost."""
        part = delivery.parts.pop()
        taken = delivery.shipment.taken if delivery.shipment else 0
        self._unload(delivery)
        if taken:
            self._accounts.deliver(taken)
        if taken < part.lines:
            delivery.refused += 1
            self._accounts.lose(part.lines - taken, delivery.outcome)

    def _release(self, delivery: Delivery) -> None:
        """Release an unfinished delivery. Lines that the drain has count as delivered; the rest stays held."""
        if delivery.shipment and delivery.shipment.taken:
            self._accounts.deliver(delivery.shipment.taken)
        self._unload(delivery)

    def _is_hopeless(self, delivery: Delivery) -> bool:
        return delivery.refused >= HOPELESS and self._gate.refusals >= REFUSALS

    def _is_exhausted(self, delivery: Delivery) -> bool:
        """Count a failed attempt, and return whether it was the last."""
        delivery.failures += 1
        delivery.not_before = self._clock() + next_delay(delivery.failures, self._random)
        too_old = delivery.began >= delivery.parts[-1].born + self._limits.max_age
        return too_old or delivery.failures == self._limits.max_attempts

    def _is_to_wait(self, delivery: Delivery) -> bool:
        """Return whether a delivery that failed in the last round lets others go first."""
        others = len(self._queue) > 0 or bool(self._aside)
        return delivery.tried_last and others and not self._limits.journaled
