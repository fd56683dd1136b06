"""An outlet: takes batches from the buffer, sends them, judges what came of it and counts."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from shuttle.clock import Clock
from shuttle.config import Config
from shuttle.core.backoff import next_delay
from shuttle.core.batch import Batch
from shuttle.core.frame import make_stamp
from shuttle.core.ledger import Ledger, Owed
from shuttle.core.outcome import Outcome, Verdict, judge
from shuttle.delivery.gate import Gate
from shuttle.delivery.queue import Queue
from shuttle.delivery.shipment import Drain, Shipment
from shuttle.drain.http.attempt import attempt
from shuttle.observe.log import Logger
from shuttle.observe.statistics import Statistics
from shuttle.observe.throttle import Notice

HOPELESS = 16  # lines of a batch refused one by one, by a hopeless drain, before the rest is given up
REFUSALS = 1000  # in a row make a drain hopeless: as many as a batch of 500 bad lines; before it took any, it is one


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlet:
    """One sender. All outlets of a shuttle share everything they are given."""

    config: Config
    buffer: Queue
    gate: Gate
    drain: Drain
    transport: httpx.AsyncBaseTransport
    ledger: Ledger
    statistics: Statistics
    lost: Notice
    log: Logger
    settled: Callable[[Batch], None] | None
    """Called with each batch all of which is delivered or lost."""
    progress: Callable[[], None]
    """Called whenever lines were delivered or lost."""
    random: Callable[[], float]
    wall: Callable[[], float]
    clock: Clock

    async def run(self) -> None:
        """Deliver batches until the buffer is closed and empty."""
        while batch := await self.buffer.take():
            await self._settle(batch)

    async def report(self, batch: Batch) -> None:
        """Tell the drain what it is owed by `batch`, which has no lines; one attempt, and no second."""
        await self._try(batch, self.ledger.take(), max_attempts=1)

    async def _settle(self, batch: Batch) -> None:
        """Bring every line of `batch` to delivered or lost. A batch that is refused as a whole is divided."""
        parts = [batch]
        first = True
        refused = 0
        outcome = Outcome()
        while parts:
            part = parts.pop()
            owed = self.ledger.take() if first and not batch.again else Owed()
            first = False
            taken = 0
            verdict = Verdict.LOST
            if refused < HOPELESS or self.gate.refusals < REFUSALS:
                verdict, outcome, taken = await self._try(part, owed, max_attempts=self.config.max_attempts)
            if verdict is Verdict.HALVE:
                parts += reversed(part.halve())
                continue
            self.ledger.deliver(taken)
            if taken < part.lines:
                refused += 1
                self._lose(part.lines - taken, outcome)
            self.progress()
        if self.settled:
            self.settled(batch)

    def _lose(self, lines: int, outcome: Outcome) -> None:
        self.ledger.lose(lines, make_stamp(self.wall()))
        reason = {"status": outcome.status, "error": outcome.error, "advice": outcome.advice}
        self.lost.tell(lines, now=self.clock(), **reason)

    async def _try(self, part: Batch, owed: Owed, *, max_attempts: int | None = None) -> tuple[Verdict, Outcome, int]:
        """Make attempts until one says what becomes of `part`; return that, why, and how many lines the drain took.

        What was owed is owed again unless the drain took it.
        """
        shipment = self.drain.load(part, owed, stamp=make_stamp(self.wall()) if owed else "")
        failures = 0
        not_before = 0.0
        try:
            while True:
                outcome, now = await self._attempt(part, shipment, failures, not_before)
                verdict = shipment.judge(outcome)
                if verdict is Verdict.MORE:
                    self.progress()
                    failures, not_before = 0, 0.0
                    continue
                if verdict is not Verdict.RETRY:
                    return verdict, outcome, shipment.taken
                failures += 1
                if failures == max_attempts or now >= part.born + self.config.age_limit:
                    return Verdict.LOST, outcome, shipment.taken
                not_before = now + next_delay(failures, self.random)
        except BaseException:  # cancelled, and nobody counts what was taken of it
            self.ledger.deliver(shipment.taken)
            raise
        finally:
            self.ledger.put_back(Owed() if shipment.told else owed)

    async def _send(self, shipment: Shipment) -> Outcome:
        try:
            request = await shipment.make_request()
        except httpx.TransportError as error:
            return Outcome(error=str(error))
        return await attempt(self.transport, request, self.config.timeout, self.clock, shown=self.drain.answer_limit)

    async def _attempt(
        self, part: Batch, shipment: Shipment, failures: int, not_before: float
    ) -> tuple[Outcome, float]:
        """Return what came of one attempt, and when."""
        leave = await self.gate.enter(not_before)
        outcome = None
        started = self.clock()
        try:
            outcome = shipment.read(await self._send(shipment))
        finally:
            self.gate.leave(leave, outcome)
        now = self.clock()
        verdict = judge(outcome.status, part.lines)
        timer = self.statistics.success if verdict is Verdict.DELIVERED else self.statistics.failure
        timer.update(now - started, now)
        if self.config.verbose:
            self.log.debug(
                "post",
                retry=verdict is Verdict.RETRY,
                msgcount=part.frames,
                **{"inbox.length": len(self.buffer)},
                request_id=part.id,
                attempts=failures + 1,
                status=outcome.status,
                error=outcome.error,
            )
        return outcome, now
