"""The outlets: take batches from the queue, send each until it is delivered or lost, and report to the accounts.

Theory of operation. A `Delivery` is a batch on its way. It has parts. At first there is one: the batch itself. The
current part is loaded into a shipment, which makes attempts. The outcome of each attempt decides how it goes on:

- DELIVERED, LOST: the part is done.
- MORE: what is left of the part is sent at once.
- RETRY: the part waits at the gate and is tried again. It is lost when it has failed `max_attempts` times, or when an
  attempt fails that began after the part was `max_age` old. So a part does not lose its next attempt because the
  process was stopped.
- DENIED: the same, but only age counts, and in a journal not even that: somebody may put the endpoint right.
- HALVE: two halves replace the part.

A part that fails is halved in each of these cases, too:

- It is suspect (core/suspicion.py).
- It is too large for the time-out: it was too late LATE times, or once and had not arrived.
- Only failing batches can be tried, and this one failed FAILURES times with an answer, or was too late HANGS times.
  If outlets are idle because nothing waits, it takes LONE_FAILURES.

A single line that fails lets the other parts of its batch go first. If it is certain to be the culprit, it is lost. If
a part is lost because it is too old, so are the other parts of its batch that are too old: the drain is down, and they
need no attempt each.

A part that cannot be handled, because its body is not the frames that its batch says (a spool may hold anything), is
lost with all that is left of its batch. So is one at whose handling an error comes that nobody expected. An error
in an attempt is a failure of that attempt.

In the last round of a landing every batch gets one more attempt. If it fails, the delivery is put aside, so that the
batches behind it get their attempt. When the queue is empty, the deliveries put aside are tried again, in turn. Batches
in a journal are not put aside: the next process delivers them. Shortly before the end attempts that hang are broken off
(landing.py).
"""

from collections.abc import Callable
from typing import NamedTuple

from shuttle.clock import Clock
from shuttle.core.backoff import LONGEST_DELAY, next_delay
from shuttle.core.batch import Batch
from shuttle.core.frame import FramesError
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome, Verdict
from shuttle.core.suspicion import Suspicion
from shuttle.delivery.accounts import Accounts, Attempted
from shuttle.delivery.deliveries import Deliveries, Delivery, Part
from shuttle.delivery.gate import Gate
from shuttle.delivery.queue import Queue
from shuttle.delivery.shipment import Drain, Shipment
from shuttle.delivery.size_limit import SizeLimit
from shuttle.event_loop import is_stray

HOPELESS = 16  # lines of a batch refused one by one, by a hopeless drain, before the rest is given up
REFUSALS = 1000  # in a row make a drain hopeless: as many as a batch of 500 bad lines; before it took any, it is one
LATE = 2  # requests of a batch that were sent and had no answer in time show that it is too large
LONE_FAILURES = 12  # after which a batch is halved if no other is tried: in a short outage it keeps its id
HANGS = 4  # time-outs after which a batch is halved if no other can be tried; the drain may have it, under its own id
FAILURES = 3  # after which a batch that is answered is halved if no other can be tried
STRUCK_DELAY = 1.0  # seconds, the longest for a suspect batch while the drain takes others
UNSTRUCK_DELAY = 30.0  # seconds, the longest for one while there are no others: nothing new can be learned
ORDER_PATIENCE = 60.0  # seconds that a single outlet stays with a line that fails, since the order matters


class Limits(NamedTuple):
    """How often and how long a batch is tried, and by how many outlets."""

    max_attempts: int | None
    """None: as often as its age allows."""
    max_age: float
    """Seconds."""
    journaled: bool
    """The next process delivers what is left."""
    outlets: int


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
        self._deliveries = Deliveries(queue, outlets=limits.outlets)
        self._size_limit = SizeLimit()

    @property
    def oldest(self) -> float | None:
        """When the first line of the oldest batch under way was read, in seconds of the monotonic clock."""
        return self._deliveries.oldest

    async def run(self) -> None:
        """Deliver batches until the queue is closed and empty. A batch that is interrupted is the next one."""
        while delivery := await self._deliveries.take():
            try:
                done = await self._deliver(delivery)
            except BaseException:  # cancelled
                self._deliveries.put_back(delivery)
                raise
            finally:
                self._deliveries.release(delivery)
            if not done:
                self._deliveries.put_aside(delivery)

    def close(self) -> None:
        """Release the deliveries that are aside. Lines that the drain has count as delivered; the rest stays held."""
        for delivery in self._deliveries.clear_aside():
            left = [part.batch for part in delivery.parts]
            self._release(delivery)
            if sum(part.lines for part in left) < delivery.batch.lines:
                self._accounts.narrow(delivery.batch, left)

    @property
    def others_wait(self) -> bool:
        """Whether batches wait for an outlet."""
        return len(self._queue) > 0

    def break_off(self, begun_before: float) -> None:
        """Break off the attempts begun before that time that have no answer yet; with a journal there is a next try."""
        if not self._limits.journaled:
            self._drain.break_off(begun_before)

    async def report(self, batch: Batch) -> None:
        """Send the reports that are owed in `batch`, which has no lines. There is one attempt."""
        delivery = Delivery(batch, [Part(batch)])
        try:
            await self._attempt(delivery)
        finally:
            self._release(delivery)

    async def _deliver(self, delivery: Delivery) -> bool:
        """Deliver or lose every line, and return True. Return False if the delivery is to be put aside."""
        try:
            done = await self._send(delivery)
        except Exception as error:  # noqa: BLE001  # it is no reason to lose other lines
            self._give_up(delivery, error)
            done = True
        if done:
            self._accounts.settle(delivery.batch)
        return done

    async def _send(self, delivery: Delivery) -> bool:
        """Send the parts until none is left, and return True. Return False if the delivery is to be put aside."""
        while delivery.parts:
            if delivery.shipment is None and self._is_hopeless(delivery):
                self._conclude(delivery)
                continue
            if delivery.shipment is None and self._size_limit.excludes(delivery.part):
                self._halve(delivery)
                continue
            outcome = await self._attempt(delivery)
            if outcome.failed:
                if not self._handle_failure(delivery):
                    return False
                continue
            self._deliveries.note_success(delivery)
            match outcome.verdict:
                case Verdict.MORE:
                    self._accounts.note_progress()
                    delivery.failures = delivery.counted = delivery.late = 0
                    delivery.not_before = 0.0
                case Verdict.HALVE:
                    delivery.suspicion = None  # the drain has read it
                    self._halve(delivery)
                case Verdict.DELIVERED | Verdict.LOST:
                    self._conclude(delivery)
        return True

    def _give_up(self, delivery: Delivery, error: Exception) -> None:
        """Count what is left of a delivery as lost that cannot be handled, such as one whose body is no frames."""
        delivery.outcome = self._accounts.losses.note_crash(error)._replace(verdict=Verdict.LOST)
        while delivery.parts:
            self._conclude(delivery)

    def _handle_failure(self, delivery: Delivery) -> bool:
        """Decide how a delivery goes on that has failed. Return False if it is to be put aside."""
        self._note_failure(delivery)
        if self._is_exhausted(delivery):
            self._conclude(delivery)
            while delivery.parts and self._is_too_old(delivery):
                self._conclude(delivery)
        elif self._is_culprit(delivery):
            delivery.outcome = delivery.outcome._replace(
                error=f"the drain fails on this line, and takes others: {delivery.outcome.error}"
            )
            self._conclude(delivery)
            delivery.clear_suspicions()  # the other parts are not suspect any more
        elif self._is_to_halve(delivery):
            self._halve(delivery)
            return not (delivery.is_suspect and self._deliveries.is_to_step_aside(delivery))
        elif self._is_to_postpone(delivery):
            delivery.postpone_part()
            self._unload(delivery)
            delivery.take_up_part()
        elif self._is_to_wait(delivery) or self._deliveries.is_to_step_aside(delivery):
            return False
        return True

    async def _attempt(self, delivery: Delivery) -> Outcome:
        """Make one attempt as soon as the gate lets it through."""
        leave = await self._gate.enter(delivery.not_before, tried=delivery.tried_last)
        delivery.tried_last = self._gate.is_last_round
        if delivery.suspicion is None:
            delivery.before = self._gate.attempts
        outcome = None
        delivery.began = self._clock()
        try:
            shipment = delivery.shipment or self._load(delivery)
            outcome = await shipment.attempt()
        except FramesError:  # no attempt can be made
            raise
        except BaseException as error:
            if not isinstance(error, Exception) and not is_stray(error):
                raise
            outcome = self._accounts.losses.note_crash(error)  # it is no reason to lose other lines
        finally:
            self._gate.leave(leave, outcome, suspect=delivery.is_suspect)
        part, number = delivery.part, delivery.failures + 1
        seconds = self._clock() - delivery.began
        if outcome.accepted:
            self._size_limit.relax(seconds)
        self._accounts.note_attempt(Attempted(part, outcome, number, seconds, len(self._queue)))
        delivery.outcome = outcome
        return outcome

    def _load(self, delivery: Delivery) -> Shipment:
        if delivery.untold:
            delivery.owed, delivery.untold = self._accounts.take_owed(), False
        stamp = self._accounts.losses.stamp() if delivery.owed else ""
        delivery.shipment = self._drain.load(delivery.part, delivery.owed, stamp=stamp)
        return delivery.shipment

    def _unload(self, delivery: Delivery) -> None:
        """Finish a shipment. If the drain does not have its reports, or there is no shipment, they are owed again."""
        if not (delivery.shipment and delivery.shipment.told):
            self._accounts.put_back(delivery.owed)
        delivery.shipment, delivery.owed = None, Owed()

    def _halve(self, delivery: Delivery) -> None:
        """Send the current part as two halves, the first one next."""
        halves, suspicion = delivery.part.halve(), delivery.suspicion
        delivery.parts[-1:] = [Part(half, suspicion and suspicion.copy()) for half in reversed(halves)]
        self._unload(delivery)
        delivery.take_up_part()

    def _conclude(self, delivery: Delivery) -> None:
        """Count the lines of the current part that were taken as delivered, and the rest as lost."""
        part = delivery.parts.pop().batch
        taken = delivery.shipment.taken if delivery.shipment else 0
        self._unload(delivery)
        delivery.take_up_part()
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

    def _note_failure(self, delivery: Delivery) -> None:
        outcome = delivery.outcome
        delivery.failures += 1
        delivery.counted += outcome.verdict is not Verdict.DENIED
        if delivery.failures == 1:
            delivery.failing_since = self._clock()
        if outcome.sent:
            delivery.suspicion = delivery.suspicion or Suspicion(delivery.before)
            delivery.suspicion.note_failure(self._gate.attempts)
        if outcome.sent and outcome.late:
            delivery.late += 1
            if outcome.arrived < 1 or delivery.late >= LATE:
                seconds = self._clock() - delivery.began
                self._size_limit.tighten(len(delivery.part.body), seconds, arrived=outcome.arrived)
        self._deliveries.note_failure(delivery)
        if delivery.suspicion is None or not delivery.is_suspect:
            longest = LONGEST_DELAY
        else:
            longest = STRUCK_DELAY if delivery.suspicion.is_struck else UNSTRUCK_DELAY
        delivery.not_before = self._clock() + next_delay(delivery.failures, self._random, longest)

    def _is_hopeless(self, delivery: Delivery) -> bool:
        return delivery.refused >= HOPELESS and self._gate.refusals >= REFUSALS

    def _is_exhausted(self, delivery: Delivery) -> bool:
        """Return whether the attempt that failed was the last."""
        denied = delivery.outcome.verdict is Verdict.DENIED
        if denied and self._limits.journaled:
            return False
        return self._is_too_old(delivery) or (delivery.counted == self._limits.max_attempts and not denied)

    def _is_too_old(self, delivery: Delivery) -> bool:
        """Return whether the last attempt began when the batch was too old already."""
        return delivery.began >= delivery.batch.born + self._limits.max_age

    def _is_culprit(self, delivery: Delivery) -> bool:
        divisible = delivery.shipment and delivery.shipment.divisible
        certain = delivery.suspicion is not None and delivery.suspicion.is_certain
        return bool(divisible) and delivery.part.lines == 1 and delivery.failures >= FAILURES and certain

    def _is_to_halve(self, delivery: Delivery) -> bool:
        if delivery.part.lines <= 1 or not (delivery.shipment and delivery.shipment.divisible):
            return False
        late = delivery.late >= LATE or delivery.outcome.arrived < 1
        too_large = late and self._size_limit.excludes(delivery.part)
        lone = delivery.failures >= LONE_FAILURES and self._deliveries.all_fail()
        fails = self._fails_without_limit(delivery) and (lone or self._deliveries.is_stuck())
        return delivery.is_suspect or too_large or fails

    def _is_to_postpone(self, delivery: Delivery) -> bool:
        """Return whether the other parts of the batch are to go before a single line that fails."""
        if len(delivery.parts) <= 1 or self._limits.max_attempts is not None:
            return False
        in_order = self._limits.outlets == 1 and not self._gate.is_landing
        patient = in_order and self._clock() < delivery.failing_since + ORDER_PATIENCE
        return delivery.is_suspect or (self._fails_without_limit(delivery) and not patient)

    def _fails_without_limit(self, delivery: Delivery) -> bool:
        """Return whether the drain keeps failing on the part in hand, and `max_attempts` does not end that."""
        fails = delivery.late >= HANGS or (delivery.failures >= FAILURES and delivery.outcome.answered)
        return fails and self._limits.max_attempts is None

    def _is_to_wait(self, delivery: Delivery) -> bool:
        """Return whether a delivery that failed in the last round lets others go first."""
        return delivery.tried_last and self._deliveries.others_wait and not self._limits.journaled
