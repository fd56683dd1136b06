"""The gate: decides for all outlets when the next attempt may begin.

Theory of operation. While the drain is up, the gate is open and every outlet passes. The first failure shuts it. When
the delay is over, one outlet passes: the probe. Only one probe is on its way at a time. But a batch that has not failed
yet goes first, and does not wait for the probe of one that has. If the drain takes or refuses the probe's batch, the
gate opens for all outlets. Suspect batches (core/suspicion.py) do not shut the gate: if they fail, that says nothing of
the drain.

While the endpoint denies everything (401, 404 and their like), the delays grow longer: somebody has to put it right.
If it has never accepted anything, and every request was answered, the gate calls the drain hopeless.

Some requests are on their way when the gate shuts, and are answered later. If one of them fails, the delay does not
grow, because the gate has shut since the request passed. If one is accepted, the gate opens, and a pause that the drain
asked for ends, because the drain takes batches. If one is refused, the pause goes on.

While the shuttle lands, delays are short, and a pause that the drain asks for lasts a quarter of the remaining time at
most. So a drain that is back in the last second still gets what is held. At `last_round_from` the last round begins:
every batch that has not been tried since then passes at once. So each batch gets one more attempt before the end,
whatever the drain asked for. But while the drain takes batches, no attempt begins in the last round that would hardly
be answered before the landing ends: its lines would arrive, and be called lost.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import anyio

from shuttle.clock import Clocks
from shuttle.core.backoff import LONGEST_DELAY, next_delay, read_retry_after
from shuttle.core.outcome import Outcome, Verdict
from shuttle.core.suspicion import Attempts
from shuttle.delivery.landing_times import LandingTimes
from shuttle.observe.log import Logger
from shuttle.observe.throttle import Throttle

LONGEST_DENIED_DELAY = 30.0  # seconds; after correcting a password or path, people look for lines within half a minute
UNTRIED_FIRST = 0.02  # seconds that a batch which has failed lets others go first, when the gate may be probed


class Pass(NamedTuple):
    """Permission to make one attempt."""

    epoch: int
    probe: bool
    untried: bool = True
    """Of a batch that has not failed before."""
    at: float = 0.0
    """When it was given, in seconds of the monotonic clock."""


class Gate:
    """Lets outlets make attempts, and logs when the drain goes down and when it is back.

    `random` gives numbers from 0 to 1.
    """

    def __init__(self, *, log: Logger, random: Callable[[], float], clocks: Clocks) -> None:
        self._log = log
        self._clock = clocks.monotonic
        self._wall = clocks.wall
        self._random = random
        self._changed = anyio.Event()
        self._epoch = 0  # counts the times the gate shut or stayed shut
        self._failures = 0  # in a row; 0: the gate is open
        self._delayed_until = 0.0
        self._asked_until = 0.0
        self._probing = {True: False, False: False}  # whether a probe is on its way: of an untried batch, of another
        self._landing = LandingTimes()
        self._down_since = 0.0
        self._reported = False  # the drain is down and a line said so
        self._reports = Throttle()
        self.last = Outcome(Verdict.RETRY)
        """Outcome of the last failed attempt."""
        self._inside = 0  # passes that were not given back
        self._untried = 0  # batches at the gate that have not failed yet
        self.attempts = Attempts(0, 0)
        self.refusals = math.inf
        """Answers that refuse a batch, in a row; without end as long as the drain has taken none."""

    @property
    def is_open(self) -> bool:
        """Whether the drain is up, as far as is known."""
        return not self._failures

    @property
    def is_hopeless(self) -> bool:
        """Whether the endpoint denies everything, and has never accepted anything."""
        denied = bool(self._failures) and self.last.verdict is Verdict.DENIED
        return denied and not self.attempts.accepted and not self._inside

    @property
    def is_landing(self) -> bool:
        """Whether the shuttle lands."""
        return self._landing.since <= self._clock()

    @property
    def is_last_round(self) -> bool:
        """Whether the last round has begun."""
        return self._clock() >= self._landing.last_round_from

    @property
    def slowest_answer(self) -> float:
        """Duration in seconds of the slowest of the last accepted attempts; infinite before the first."""
        return self._landing.slowest_answer

    @property
    def down_for(self) -> float:
        """For how many seconds the drain has been down; 0 while it is up."""
        return self._clock() - self._down_since if self._failures else 0.0

    @property
    def pause(self) -> float:
        """The seconds until the next attempt may begin, whatever a batch's own delay is; 0 while the drain is up."""
        until = max(self._asked_until, self._delayed_until if self._failures else 0.0)
        return max(0.0, until - self._clock())

    async def enter(self, not_before: float = 0.0, *, tried: bool = False) -> Pass:
        """Return as soon as an attempt may be made, but not before `not_before` unless the shuttle is landing.

        `not_before` is 0 for a batch that has not failed yet. Once the last round has begun, a batch that has not been
        `tried` in it passes at once. Give every pass back with `leave`.
        """
        untried = not not_before
        self._untried += untried
        try:
            return await self._wait(not_before, untried=untried, tried=tried)
        finally:
            self._untried -= untried

    async def _wait(self, not_before: float, *, untried: bool, tried: bool) -> Pass:
        now = entered = self._clock()
        while True:
            changed = self._changed
            last_round_from = math.inf if tried else self._landing.last_round_from
            if not self._failures and self._landing.is_too_late(now):
                await changed.wait()  # the drain would take the batch, and could not say so in time
                now = self._clock()
                continue
            if now >= last_round_from:
                return self._pass(probe=False, untried=untried)
            probe = bool(self._failures)
            since = max(entered, self._landing.since)
            own = min(not_before, since + self._landing.limit_delay(since))
            opens = self._delayed_until + (UNTRIED_FIRST if self._untried and not untried else 0.0)
            ready = max(self._asked_until, own, opens if probe else 0.0)
            blocked = probe and (self._probing[True] or (self._probing[False] and not untried))
            if blocked or now < ready:
                deadline = min(last_round_from, math.inf if blocked else ready)
                if deadline == math.inf:
                    await changed.wait()
                else:
                    with anyio.CancelScope(deadline=deadline):
                        await changed.wait()
            else:
                self._probing[untried] |= probe
                return self._pass(probe=probe, untried=untried)
            now = self._clock()

    def _pass(self, *, probe: bool, untried: bool) -> Pass:
        self._inside += 1
        return Pass(self._epoch, probe, untried, self._clock())

    def leave(self, leave: Pass, outcome: Outcome | None, *, suspect: bool = False) -> None:
        """Give back a pass with the outcome of its attempt; None if the attempt was cancelled.

        A failure of a `suspect` batch does not shut the gate.
        """
        was_shut = bool(self._failures)
        self._inside -= 1
        if leave.probe:
            self._probing[leave.untried] = False
        if outcome and outcome.failed:
            self.note_chance(not suspect)
            if was_shut or not suspect:
                self._shut(leave, outcome)
        elif outcome and outcome.accepted:
            self.attempts = self.attempts._replace(accepted=self.attempts.accepted + 1)
            self.refusals = 0
            self._landing.note_answer(self._clock() - leave.at)
            self._asked_until = 0.0
            self._open()
        elif outcome:
            self.refusals += 1
            if leave.epoch == self._epoch or self._clock() >= self._asked_until:
                self._open()
        if was_shut or self._failures:
            self._change()

    def note_chance(self, failures: int) -> None:
        """Note that so many more attempts have failed by chance, as far as is known: not because of their lines."""
        self.attempts = self.attempts._replace(failed=self.attempts.failed + failures)

    def land(self, *, by: float, last_round_from: float, ends_at: float = math.inf) -> None:
        """Shorten the delays: the shuttle ends at `by`, and its last round begins at `last_round_from`.

        Progress may move both to later times, but not beyond `ends_at`.
        """
        now = self._clock()
        self._landing.set(by=by, last_round_from=last_round_from, ends_at=ends_at)
        self._landing.since = min(self._landing.since, now)
        self._delayed_until = min(self._delayed_until, now + self._landing.limit_delay(now))
        self._asked_until = min(self._asked_until, self._landing.limit_pause(now))
        self._change()

    def postpone(self, *, by: float, last_round_from: float, ends_at: float) -> None:
        """Move the end and the last round of a landing that makes progress to later times."""
        self._landing.set(by=by, last_round_from=last_round_from, ends_at=ends_at)

    async def wait_hopeless(self) -> None:
        """Return when the drain is hopeless."""
        while not self.is_hopeless:
            await self._changed.wait()

    async def wait_until(self, *, is_open: bool) -> None:
        """Return when the drain is up, or when it is down."""
        while self.is_open is not is_open:
            await self._changed.wait()

    def describe(self) -> dict[str, object]:
        """Return the state of the drain as the keys and values of a log line."""
        if not self._failures:
            return {"drain": "up"}
        last = {"status": self.last.status, "error": self.last.error}
        state = {"drain": "down", "down": self.down_for, "failures": self._failures}
        return {**state, **{key: value for key, value in last.items() if value}}

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _open(self) -> None:
        """Let every outlet pass: the drain takes batches, or refuses them because of their content."""
        if self._reported:
            self._log.info("drain.up", down=self.down_for, failures=self._failures)
        self._reported = False
        self._failures = 0

    def _shut(self, leave: Pass, outcome: Outcome) -> None:
        """Let one outlet at a time pass, after a delay: an attempt failed, and not because of its lines."""
        now = self._clock()
        self.last = outcome
        if leave.epoch == self._epoch:
            self._down_since = self._down_since if self._failures else now
            self._epoch += 1
            self._failures += 1
            longest = LONGEST_DENIED_DELAY if outcome.verdict is Verdict.DENIED else LONGEST_DELAY
            if self._landing.since <= now:
                longest = self._landing.limit_delay(now)
            self._delayed_until = now + next_delay(self._failures, self._random, longest)
            self._report(now, outcome)
        asked_until = now + read_retry_after(outcome.retry_after, self._wall())
        self._asked_until = max(self._asked_until, min(asked_until, self._landing.limit_pause(now)))

    def _report(self, now: float, outcome: Outcome) -> None:
        """Log that the drain is down, once for each outage, and less often if the drain flaps."""
        if self._reported or (count := self._reports.admit(1, now)) is None:
            return
        told = {
            "status": outcome.status,
            "error": outcome.error,
            "advice": outcome.advice,
            "unreported": count - 1,
        }
        self._log.warning("drain.down", **{key: value for key, value in told.items() if value})
        self._reported = True
