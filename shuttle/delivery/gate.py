"""The gate before the drain: one back-off for all outlets.

Strategy: while the drain is up everyone passes. The first failure shuts the gate; then one outlet at a time passes, the
probe, when the delay is over. An answer that says the drain takes batches opens the gate for all. Outlets whose
requests were on their way when the gate shut fail too; they find that the gate has shut since they passed, and the
delay does not grow with each of them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from shuttle.clock import Clock
from shuttle.core.backoff import LONGEST_DELAY, next_delay, read_retry_after
from shuttle.core.outcome import Outcome, Verdict, judge
from shuttle.observe.log import Logger
from shuttle.observe.throttle import Throttle

LANDING_DELAY = 1.0  # seconds; at the end of a process every chance to deliver counts


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to make one attempt."""

    epoch: int
    probe: bool


class Gate:
    """Says when an outlet may make an attempt, and logs when the drain goes down and when it is back.

    `random` gives numbers from 0 to 1; `wall` the seconds since the epoch.
    """

    def __init__(
        self,
        *,
        log: Logger,
        random: Callable[[], float],
        wall: Callable[[], float],
        clock: Clock = anyio.current_time,
    ) -> None:
        self._log = log
        self._clock = clock
        self._random = random
        self._wall = wall
        self._changed = anyio.Event()
        self._epoch = 0  # counts the times the gate shut or stayed shut
        self._failures = 0  # in a row; 0: the gate is open
        self._delayed_until = 0.0
        self._asked_until = 0.0
        self._probing = False
        self._landing_since = math.inf
        self._down_since = 0.0
        self._reports = Throttle()
        self._reported = False  # the drain is down and a line said so
        self.refusals = math.inf
        """Answers that refuse a batch, in a row; without end as long as the drain has taken none."""

    async def enter(self, not_before: float = 0.0) -> Pass:
        """Return as soon as an attempt may be made, at `not_before` at the earliest, but for landing.

        Every pass is given back by `leave`.
        """
        now = entered = self._clock()
        while True:
            changed = self._changed
            probe = bool(self._failures)
            own = min(not_before, max(entered, self._landing_since) + LANDING_DELAY)
            ready = max(self._asked_until, own, self._delayed_until if probe else 0.0)
            if probe and self._probing:
                await changed.wait()
            elif now < ready:
                with anyio.CancelScope(deadline=ready):
                    await changed.wait()
            else:
                self._probing = self._probing or probe
                return Pass(self._epoch, probe)
            now = self._clock()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def leave(self, leave: Pass, outcome: Outcome | None) -> None:
        """Give back a pass with what came of its attempt; None if it was broken off."""
        was_shut = bool(self._failures)
        if leave.probe:
            self._probing = False
        verdict = outcome and judge(outcome.status, lines=1)
        if outcome and verdict is Verdict.RETRY:
            self._shut(leave, outcome)
        elif outcome:
            self.refusals = 0 if verdict is Verdict.DELIVERED else self.refusals + 1
            # A request that was on its way when the drain asked for a pause does not end the pause.
            if leave.epoch == self._epoch or self._clock() >= self._asked_until:
                self._open()
        if was_shut or self._failures:
            self._change()

    def _open(self) -> None:
        """Let everyone pass: the drain takes batches, or refuses them for what they are."""
        if self._reported:
            self._log.info("drain.up", down=self._clock() - self._down_since, failures=self._failures)
        self._reported = False
        self._failures = 0

    def _shut(self, leave: Pass, outcome: Outcome) -> None:
        """Let one outlet at a time pass, after a delay: an attempt failed in a way that says nothing of its lines."""
        now = self._clock()
        if leave.epoch == self._epoch:
            self._down_since = self._down_since if self._failures else now
            self._epoch += 1
            self._failures += 1
            longest = LANDING_DELAY if self._landing_since <= now else LONGEST_DELAY
            self._delayed_until = now + next_delay(self._failures, self._random, longest)
            self._report(now, outcome)
        self._asked_until = max(self._asked_until, now + read_retry_after(outcome.retry_after, self._wall()))

    def land(self) -> None:
        """Shorten the delays, but for those that the drain asks for: the process ends soon."""
        self._landing_since = self._clock()
        self._delayed_until = min(self._delayed_until, self._landing_since + LANDING_DELAY)
        self._change()

    def _report(self, now: float, outcome: Outcome) -> None:
        """Log that the drain is down: once an outage, and not each outage if it flaps."""
        if self._reported or (failures := self._reports.admit(1, now)) is None:
            return
        self._reported = True
        why = {"status": outcome.status, "error": outcome.error, "advice": outcome.advice, "unreported": failures - 1}
        self._log.warning("drain.down", **{key: value for key, value in why.items() if value})
