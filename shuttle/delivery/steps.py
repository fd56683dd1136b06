"""The steps: how a delivery goes on when an attempt to send its part in hand has failed.

Theory of operation. The first of these that holds is the next step:

- GIVE UP: the part has failed `max_attempts` times, or the attempt began after the part was `max_age` old. So a part
  does not lose its next attempt because the process was stopped. If the endpoint has denied it, only age counts, and in
  a journal not even that: somebody may put the endpoint right. The part is lost. If that is because of its age, so are
  the other parts that are too old: the drain is down, and they need no attempt each.
- CONVICT: it is a single line, and certain to be the culprit (core/suspicion.py). It is lost.
- HALVE, with proof: it is suspect, or a half of a batch that failed, and the drain has accepted something between its
  last two failures. So a half is halved as soon as it fails after the other half was accepted.
- HALVE, because of its size: it was too late LATE times, or once and had not arrived.
- HALVE, without proof: only failing batches can be tried, and this one has failed FAILURES times with an answer, or
  HANGS times with none. If outlets are idle because nothing waits, it takes LONE_FAILURES. Its halves are halved at
  their first failure, until the drain accepts something or the delivery has failed DESCENT times in a row. Then it
  takes FAILURES of each. So if the drain is down, a batch is in few parts when it is back. No line is lost by that.
- POSTPONE: it is suspect, or a half, or fails without proof, and other parts of its batch are left. They go first: if
  the drain takes one of them, that is proof. If there is no other proof to be had, only one goes first, as long as the
  drain takes them.
- STAY.

A suspect part is tried again after STRUCK_DELAY at most if the drain has accepted something since it failed. Else
nothing can be learned, and the delay grows with each failure of the delivery up to UNPROVEN_DELAY for each of its
parts. The outlet does not wait with it: the delivery steps aside (deliveries.py). While the shuttle lands, no part that
has failed waits longer than LEAST_LANDING_DELAY once the drain has accepted something.

With a single outlet, order matters. So a part stays in its place, and is not postponed, until its delivery has failed
for ORDER_PATIENCE without a part accepted; for PROVEN_PATIENCE if it has a strike; or not at all if it is suspect. With
one that is struck, or that comes after a batch that is aside, there is no patience if others wait for the outlet.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

from shuttle.clock import Clock
from shuttle.core.backoff import LONGEST_DELAY, next_delay
from shuttle.core.outcome import Verdict
from shuttle.core.suspicion import Suspicion
from shuttle.delivery.deliveries import Deliveries
from shuttle.delivery.delivery import Delivery
from shuttle.delivery.gate import Gate
from shuttle.delivery.landing_times import LEAST_LANDING_DELAY
from shuttle.delivery.size_limit import SizeLimit

LATE = 2  # requests of a batch that were sent and had no answer in time show that it is too large
LONE_FAILURES = 12  # after which a batch is halved if no other is tried: in a short outage it keeps its id
HANGS = 4  # failures without an answer; the drain may have the batch, under its own id
FAILURES = 3  # with an answer: the drain does not have the batch
DESCENT = 12  # failures: as many as lead from 500 lines to one
STRUCK_DELAY = 1.0  # seconds; as short as any retry while the drain is up
UNPROVEN_DELAY = 30.0  # seconds; enough to notice that the drain, and not the line, was put right
ORDER_PATIENCE = 60.0  # seconds; an outage that is shorter costs no order
PROVEN_PATIENCE = 5.0  # seconds; the drain is up, most probably


class Limits(NamedTuple):
    """How often and how long a batch is tried, and by how many outlets."""

    max_attempts: int | None
    """None: as often as its age allows."""
    max_age: float
    """Seconds."""
    journaled: bool
    """The next process delivers what is left."""
    outlets: int


class NextStep(Enum):
    """How a delivery goes on that has failed."""

    GIVE_UP = auto()
    CONVICT = auto()
    HALVE = auto()
    POSTPONE = auto()
    STAY = auto()


class Steps:
    """Knows how often each part has failed, and chooses the next step. `random` gives numbers from 0 to 1."""

    def __init__(
        self,
        deliveries: Deliveries,
        gate: Gate,
        size_limit: SizeLimit,
        *,
        limits: Limits,
        random: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._deliveries = deliveries
        self._gate = gate
        self._size_limit = size_limit
        self._limits = limits
        self._random = random
        self._clock = clock

    def note_success(self, delivery: Delivery) -> None:
        """Note that the drain has taken the part in hand, or has read it and refuses it."""
        self._deliveries.note_success(delivery)
        delivery.failing_since = None
        if suspicion := delivery.part.suspicion:
            self._gate.note_chance(suspicion.acquit())
            delivery.part.suspicion = None

    def choose(self, delivery: Delivery) -> NextStep:
        """Note that the last attempt has failed, and return the next step."""
        self._note_failure(delivery)
        if self._is_exhausted(delivery):
            return NextStep.GIVE_UP
        if self._is_culprit(delivery):
            return NextStep.CONVICT
        if self._is_to_halve(delivery):
            return NextStep.HALVE
        if self._is_to_postpone(delivery):
            return NextStep.POSTPONE
        return NextStep.STAY

    def is_to_leave(self, delivery: Delivery) -> bool:
        """Return whether a delivery that has failed leaves its outlet to others."""
        if delivery.tried_last and self._deliveries.queue_waits and not self._limits.journaled:
            return True  # its attempt in the last round has failed
        patient = self._is_patient(delivery) and not delivery.part.is_struck
        return self._deliveries.is_to_step_aside(delivery, patient=patient)

    def is_to_go_last(self, delivery: Delivery) -> bool:
        """Return whether a part that is postponed goes behind all others of its batch, and not only behind the next."""
        learns = delivery.part.is_struck or delivery.part.failures == 1
        return not (learns and self._deliveries.all_fail())

    def is_too_old(self, delivery: Delivery) -> bool:
        """Return whether the last attempt began when the batch was too old already."""
        return delivery.began >= delivery.batch.born + self._limits.max_age

    def _note_failure(self, delivery: Delivery) -> None:
        part, outcome, now = delivery.part, delivery.outcome, self._clock()
        part.failures += 1
        part.counted += outcome.verdict is not Verdict.DENIED
        if delivery.failing_since is None:
            delivery.failing_since = now
        if outcome.sent:
            part.suspicion = part.suspicion or Suspicion(delivery.before)
            part.suspicion.note_failure(self._gate.attempts)
        if outcome.sent and outcome.late:
            part.late += 1
            if outcome.arrived < 1 or part.late >= LATE:
                self._size_limit.tighten(len(part.batch.body), now - delivery.began, arrived=outcome.arrived)
        delivery.unproven = 1 if part.is_struck else delivery.unproven + 1
        self._deliveries.note_failure(delivery)
        self._delay(delivery, now)

    def _delay(self, delivery: Delivery, now: float) -> None:
        """Set when the part that has failed may be tried again."""
        part = delivery.part
        longest = STRUCK_DELAY if part.is_suspect else LONGEST_DELAY
        part.not_before = part.not_before_if_proven = now + next_delay(part.failures, self._random, longest)
        if part.is_suspect and not part.is_struck:
            longest = UNPROVEN_DELAY * len(delivery.parts)  # so that as many requests are made whatever they are
            part.not_before = now + next_delay(delivery.unproven, self._random, longest)
        if self._gate.is_landing:  # with a drain that is back every moment counts
            part.not_before_if_proven = min(part.not_before_if_proven, now + LEAST_LANDING_DELAY)

    def _is_exhausted(self, delivery: Delivery) -> bool:
        """Return whether the attempt that failed was the last."""
        denied = delivery.outcome.verdict is Verdict.DENIED
        if denied and self._limits.journaled:
            return False
        return self.is_too_old(delivery) or (delivery.part.counted == self._limits.max_attempts and not denied)

    def _is_culprit(self, delivery: Delivery) -> bool:
        part = delivery.part
        divisible = delivery.shipment is not None and delivery.shipment.divisible
        if not divisible or part.batch.lines > 1 or part.failures < FAILURES:
            return False
        quiet = delivery.unproven >= LONE_FAILURES and self._deliveries.all_fail()
        if part.suspicion is None or not part.suspicion.is_certain(quiet=quiet):
            return False
        part.suspicion.convict()
        return True

    def _is_to_halve(self, delivery: Delivery) -> bool:
        part = delivery.part
        if part.batch.lines <= 1 or not (delivery.shipment and delivery.shipment.divisible):
            return False
        if part.is_struck and (part.is_suspect or part.is_half):
            return True
        late = part.late >= LATE or delivery.outcome.arrived < 1
        too_large = late and self._size_limit.excludes(part.batch)
        lone = (part.is_half or part.failures >= LONE_FAILURES) and self._deliveries.all_fail()
        return too_large or (self._fails_without_limit(delivery) and (lone or self._deliveries.is_stuck()))

    def _is_to_postpone(self, delivery: Delivery) -> bool:
        """Return whether the other parts of the batch are to go before the one that fails."""
        part = delivery.part
        if len(delivery.parts) <= 1 or self._limits.max_attempts is not None:
            return False
        fails = part.is_half or self._fails_without_limit(delivery)
        return part.is_suspect or (fails and (self._gate.is_landing or not self._is_patient(delivery)))

    def _is_patient(self, delivery: Delivery) -> bool:
        """Return whether a part that fails keeps its place, since the order matters."""
        if self._limits.outlets > 1 or delivery.is_suspect:
            return False
        since = delivery.failing_since
        patience = PROVEN_PATIENCE if delivery.part.has_strikes else ORDER_PATIENCE
        recent = since is None or self._clock() < since + patience
        return recent and not self._deliveries.is_behind(delivery)

    def _fails_without_limit(self, delivery: Delivery) -> bool:
        """Return whether the drain keeps failing on the part in hand, and `max_attempts` does not end that."""
        part, outcome = delivery.part, delivery.outcome
        if not outcome.sent or self._limits.max_attempts is not None:
            return False
        if part.is_half:
            return part.failures >= FAILURES or delivery.unproven <= DESCENT
        return part.failures >= (FAILURES if outcome.answered else HANGS)
