"""The outlets: take batches from the queue, send each until it is delivered or lost, and report to the accounts.

Theory of operation. A `Delivery` is a batch on its way. It has parts. At first there is one: the batch itself. The
current part is loaded into a shipment, which makes attempts. The outcome of each attempt decides how it goes on:

- DELIVERED, LOST: the part is done.
- MORE: what is left of the part is sent at once.
- HALVE: two halves replace the part.
- RETRY, DENIED: the attempt has failed, and steps.py decides.

A part that cannot be handled, because its body is not the frames that its batch says (a spool may hold anything), is
lost with all that is left of its batch. So is one at whose handling an error comes that nobody expected. An error
in an attempt is a failure of that attempt.

In the last round of a landing every batch gets one more attempt. If it fails, the delivery is put aside, so that the
batches behind it get their attempt. When the queue is empty, the deliveries put aside are tried again, in turn. Batches
in a journal are not put aside: the next process delivers them. Shortly before the end attempts that hang are broken off
(landing.py).
"""

from collections.abc import Callable

from shuttle.clock import Clock
from shuttle.core.batch import Batch
from shuttle.core.frame import FramesError
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome, Verdict
from shuttle.delivery.accounts import Accounts, Attempted
from shuttle.delivery.deliveries import Deliveries
from shuttle.delivery.delivery import Delivery, Part
from shuttle.delivery.gate import Gate
from shuttle.delivery.queue import Queue
from shuttle.delivery.shipment import Drain, Shipment
from shuttle.delivery.size_limit import SizeLimit
from shuttle.delivery.steps import Limits, NextStep, Steps
from shuttle.event_loop import is_stray

HOPELESS = 16  # lines of a batch refused one by one, by a hopeless drain, before the rest is given up
REFUSALS = 1000  # in a row make a drain hopeless: as many as a batch of 500 bad lines; before it took any, it is one


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
        self._clock = clock
        self._deliveries = Deliveries(queue, outlets=limits.outlets, clock=clock, attempts=lambda: gate.attempts)
        self._size_limit = SizeLimit()
        self._steps = Steps(self._deliveries, gate, self._size_limit, limits=limits, random=random, clock=clock)

    @property
    def oldest(self) -> float | None:
        """When the first line of the oldest batch under way was read, in seconds of the monotonic clock."""
        return self._deliveries.oldest

    @property
    def memory_bytes(self) -> int:
        """What the batches under way take in memory."""
        return self._deliveries.memory_bytes

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
            if delivery.shipment is None and self._size_limit.excludes(delivery.part.batch):
                self._halve(delivery)
                continue
            outcome = await self._attempt(delivery)
            if outcome.failed:
                if not self._handle_failure(delivery):
                    return False
                continue
            self._steps.note_success(delivery)
            match outcome.verdict:
                case Verdict.MORE:
                    self._accounts.note_progress()
                    delivery.part.note_progress()
                case Verdict.HALVE:
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
        """Take the next step of a delivery that has failed. Return False if it is to be put aside."""
        step = self._steps.choose(delivery)
        leaves = self._steps.is_to_leave(delivery)
        match step:
            case NextStep.GIVE_UP:
                self._conclude(delivery)
                while delivery.parts and self._steps.is_too_old(delivery):
                    self._conclude(delivery)
                return True
            case NextStep.CONVICT:
                delivery.outcome = delivery.outcome._replace(
                    error=f"the drain fails on this line, and takes others: {delivery.outcome.error}"
                )
                self._conclude(delivery)
                return True
            case NextStep.HALVE:
                self._halve(delivery)
                leaves = False  # its halves may have another fate
            case NextStep.POSTPONE:
                self._unload(delivery)
                delivery.postpone_part(behind_all=self._steps.is_to_go_last(delivery))
        return not (self._steps.is_to_leave(delivery) if delivery.is_suspect else leaves)

    async def _attempt(self, delivery: Delivery) -> Outcome:
        """Make one attempt as soon as the gate lets it through."""
        part = delivery.part
        number = part.failures + 1
        leave = await self._gate.enter(part.find_start(self._gate.attempts), tried=delivery.tried_last)
        delivery.tried_last = self._gate.is_last_round
        if part.suspicion is None:
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
            self._gate.leave(leave, outcome, suspect=part.is_suspect)
        seconds = self._clock() - delivery.began
        if outcome.accepted:
            self._size_limit.relax(seconds)
        self._accounts.note_attempt(Attempted(part.batch, outcome, number, seconds, len(self._queue)))
        delivery.outcome = outcome
        return outcome

    def _load(self, delivery: Delivery) -> Shipment:
        if delivery.untold:
            delivery.owed, delivery.untold = self._accounts.take_owed(), False
        stamp = self._accounts.losses.stamp() if delivery.owed else ""
        delivery.shipment = self._drain.load(delivery.part.batch, delivery.owed, stamp=stamp)
        return delivery.shipment

    def _unload(self, delivery: Delivery) -> None:
        """Finish a shipment. If the drain does not have its reports, or there is no shipment, they are owed again."""
        if not (delivery.shipment and delivery.shipment.told):
            self._accounts.put_back(delivery.owed)
        delivery.shipment, delivery.owed = None, Owed()

    def _halve(self, delivery: Delivery) -> None:
        """Send the current part as two halves, the first one next."""
        self._unload(delivery)
        delivery.parts[-1:] = reversed(delivery.part.halve(self._clock()))

    def _conclude(self, delivery: Delivery) -> None:
        """Count the lines of the current part that were taken as delivered, and the rest as lost."""
        part = delivery.parts.pop().batch
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
