"""The landing: ends a shuttle in order, by a deadline, and decides what happens to the lines still held.

Theory of operation. There are three phases and one deadline:

    running ──begin──▶ landing ──everything delivered, deadline, abort──▶ over

- `begin`: the input has ended, or the host has left the shuttle's block. Everything held is delivered. The deadline is
  `timeout` seconds after the last progress.
- `limit`: a signal came. The deadline is the given time at the latest. A limit may come in any phase and more than
  once. A later one can only shorten the time.
- `hurry`: the host was cancelled, or its event loop ends. The landing begins, with a limit of a second.
- `note_progress`: lines were delivered or lost. The deadline moves away again, but not beyond a limit.
- `abort`: the landing gives up now. So it does as soon as the gate calls the drain hopeless.

Each may be called while another is being handled, in any order and more than once. At the end the landing decides once
what happens to the lines that are still held. Those in files with checkpoints or in the spool stay held, and the rest
is lost. Then the drain is told how many lines were dropped or lost, if there is time.

asyncio's loop cancels every task as it ends, those of the crew too. Then they begin again, for as long as the landing
takes: what was interrupted is done anew.

A part of the time before a limit is kept for that report (`margins`).

Before the deadline the last round begins: each batch gets one more attempt, whatever the gate says. Shortly before the
deadline attempts that have no answer yet are broken off if others wait, and the drain has taken nothing for a while. If
it takes others, only attempts are broken off that have taken much longer than those: each is made once more.
"""

import math
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import anyio

from shuttle.clock import Clocks, Limit
from shuttle.core.batch import Batch
from shuttle.core.margins import Margins
from shuttle.delivery.accounts import Accounts
from shuttle.delivery.gate import Gate
from shuttle.delivery.intake import Intake
from shuttle.delivery.journal import Journal
from shuttle.delivery.outage import OutageLog
from shuttle.delivery.outlets import Outlets
from shuttle.event_loop import outlast

REPORT_PATIENCE = 5.0  # seconds for a last report if all was delivered and no limit was set
CANCELLED_TIMEOUT = 1.0  # seconds that landing takes, at most, when the host is cancelled or its event loop ends
GRACE = 1.0  # seconds for what has arrived, if the process was stopped until the deadline


class Phase(Enum):
    """The phase of a landing."""

    RUNNING = "running"
    LANDING = "landing"
    OVER = "over"


class Crew(NamedTuple):
    """The parts that a landing works with."""

    intake: Intake
    outlets: Outlets
    outages: OutageLog
    accounts: Accounts
    journal: Journal | None
    new_report: Callable[[], Batch]
    """Returns a batch without lines, for a report to travel in."""


class Landing:
    """Decides when a shuttle gives up: after `timeout` seconds without progress, or at a limit."""

    def __init__(self, gate: Gate, *, timeout: float, clocks: Clocks) -> None:
        self.phase = Phase.RUNNING
        self._gate = gate
        self._timeout = timeout
        self._clock = clocks.monotonic
        self._limit = math.inf
        self._margins = Margins(timeout)
        self._progress_at = 0.0
        self._aborted = False
        self._hurried = False
        self._gave_up = False
        self._moved = anyio.Event()
        self._began = anyio.Event()
        self._ended = anyio.Event()
        self._delivering = Limit(clocks, math.inf, grace=GRACE)
        self._reporting = Limit(clocks, math.inf, grace=0.0)

    @property
    def deadline(self) -> float:
        """The time when delivering ends, in seconds of the monotonic clock; infinite while the shuttle runs."""
        if self.phase is Phase.RUNNING:
            return math.inf
        return min(self._ends_at, self._progress_at + self._timeout)

    def begin(self) -> None:
        """Begin to land: the input has ended."""
        if self.phase is Phase.RUNNING:
            self.phase = Phase.LANDING
            self._progress_at = self._clock()
            self._move()
            self._began.set()

    def limit(self, by: float) -> None:
        """End at the time `by` of the monotonic clock at the latest."""
        if by < self._limit:
            self._limit = by
            self._margins.limit(max(0.0, by - self._clock()), slowest_answer=self._gate.slowest_answer)
        self._reporting.deadline = min(self._reporting.deadline, self._limit)
        if self.phase is Phase.LANDING:
            self._move()

    def hurry(self) -> None:
        """Land now, and within a second: the host is cancelled, or its event loop ends."""
        self._hurried = True
        self.limit(self._clock() + min(CANCELLED_TIMEOUT, self._timeout))
        self.begin()

    def note_progress(self) -> None:
        """Note that lines were delivered or lost."""
        if self.phase is Phase.LANDING:
            self._progress_at = self._clock()
            self._delivering.deadline = self.deadline
            self._gate.postpone(by=self.deadline, last_round_from=self._last_round_from, ends_at=self._ends_at)

    def abort(self) -> None:
        """Give up now."""
        self._aborted = True
        self.begin()
        self._delivering.cancel()
        self._reporting.cancel()

    async def wait(self) -> None:
        """Return when the landing is over."""
        await self._ended.wait()

    async def run(self, crew: Crew) -> None:
        """Run the crew until the landing is over, and decide what happens to the lines still held.

        A cancellation by the event loop hurries the landing, but breaks nothing off for good.
        """
        try:
            with outlast(self.hurry), self._delivering:
                while not crew.outlets.ended.is_set():
                    with outlast(self.hurry):
                        await self._deliver(crew)
        finally:
            while not self._gave_up:
                with outlast(self.hurry):
                    await self._give_up(crew)
        if crew.accounts.ledger.owed and not self._aborted:
            self._gate.land(by=self._limit, last_round_from=self._last_round_from)  # the report is never too late
            self._reporting.deadline = min(self._limit, self._clock() + self._report_timeout)
            with outlast(self.abort), self._reporting:
                await crew.outlets.report(crew.new_report())

    async def _deliver(self, crew: Crew) -> None:
        """Deliver until the landing has begun and nothing is left."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(crew.outlets.run)
            tasks.start_soon(crew.intake.run)
            tasks.start_soon(crew.outages.run)
            if crew.journal is not None:
                tasks.start_soon(crew.journal.run)
            await self._began.wait()
            tasks.start_soon(self._break_off_hanging, crew.outlets)
            tasks.start_soon(self._leave_hopeless)
            tasks.start_soon(self._share_reserve)
            await crew.intake.finish()
            await crew.outlets.ended.wait()
            tasks.cancel_scope.cancel()

    async def _leave_hopeless(self) -> None:
        """Give up as soon as the drain is hopeless: a wrong password in a first try must not cost the whole time."""
        await self._gate.wait_hopeless()
        self._delivering.cancel()

    async def _share_reserve(self) -> None:
        """While the drain is down, give most of the report's time to the lines."""
        while True:
            await self._gate.wait_until(is_open=False)
            self._margins.note_drain(is_down=True)
            self._move()
            await self._gate.wait_until(is_open=True)
            if not self._margins.is_reached(self._limit - self._clock()):
                self._margins.note_drain(is_down=False)
                self._move()

    async def _break_off_hanging(self, outlets: Outlets) -> None:
        """Break off attempts that have no answer shortly before the deadline; progress may put that off."""
        while self._clock() < self.deadline - self._margins.hanging:
            moved = self._moved
            with anyio.CancelScope(deadline=self.deadline - self._margins.hanging):
                await moved.wait()
        now, answer = self._clock(), self._gate.slowest_answer
        if outlets.others_wait and now - self._progress_at >= self._margins.measure_silence(answer):
            outlets.break_off(begun_before=now)
        elif self._gate.is_open:
            outlets.break_off(begun_before=now - self._margins.measure_hanging(answer))

    def end(self) -> None:
        """Note that the landing is over and everything is released."""
        self.phase = Phase.OVER
        self._ended.set()

    async def _give_up(self, crew: Crew) -> None:
        """Decide what happens to the lines still held. Nothing is delivered and nothing is taken in any more."""
        crew.outlets.close()
        if crew.journal is not None and not crew.journal.rereads:
            await crew.intake.save()
        unrecorded = crew.intake.unrecorded
        crew.intake.close()
        kept = 0
        if crew.journal is not None:
            await crew.journal.release()
            kept = crew.journal.count_kept(unrecorded)
        if (held := crew.accounts.ledger.held - kept) > 0:
            if self._gate.is_hopeless:
                crew.accounts.losses.lose(held, self._gate.last._replace(advice=""))  # told when the drain went down
            else:
                crew.accounts.losses.give_up(held, self._reason)
        self._gave_up = True

    @property
    def _reason(self) -> str:
        """Why lines are given up, as the log says it."""
        if self._aborted:
            return "not delivered: told to end at once"
        if self._hurried:
            return f"not delivered within {min(CANCELLED_TIMEOUT, self._timeout):g}s of the cancellation"
        return f"not delivered within -land-timeout ({self._timeout:g}s)"

    def _move(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()
        self._delivering.deadline = self.deadline
        self._gate.land(by=self.deadline, last_round_from=self._last_round_from, ends_at=self._ends_at)

    @property
    def _report_timeout(self) -> float:
        return self._margins.report if self._delivering.caught or self._limit < math.inf else REPORT_PATIENCE

    @property
    def _ends_at(self) -> float:
        """When delivering ends, whatever comes."""
        return self._limit - self._margins.kept_back

    @property
    def _last_round_from(self) -> float:
        return self.deadline - self._margins.last_round
