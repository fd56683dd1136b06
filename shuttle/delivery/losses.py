"""Losses: counts dropped and lost lines in the ledger, and logs them and unexpected errors."""

import traceback
from pathlib import Path

from shuttle.clock import Clocks
from shuttle.core.frame import make_stamp
from shuttle.core.ledger import Ledger
from shuttle.core.outcome import Outcome, Verdict
from shuttle.observe.log import Logger
from shuttle.observe.throttle import Throttle

MOST_CRASHES = 100  # different ones that are logged
_MALFORMED_ADVICE = "each frame must begin with its length in bytes; an unreadable stretch counts as one lost line"


class Losses:
    """Counts every loss at once, and logs each kind of loss at most once in ten seconds."""

    def __init__(self, ledger: Ledger, log: Logger, clocks: Clocks) -> None:
        self._ledger = ledger
        self._log = log
        self._clocks = clocks
        self._dropped = Throttle()
        self._lost = Throttle()
        self._malformed = False
        self._crashes: set[str] = set()  # what happened, and where

    def drop(self, lines: int) -> None:
        """Count held lines for which the queue had no room."""
        self._ledger.drop(lines, self.stamp())
        self._tell(self._dropped, "lines.dropped", lines, error="the queue is full")

    def lose(self, lines: int, outcome: Outcome) -> None:
        """Count held lines that were refused or given up, because of `outcome`."""
        self._ledger.lose(lines, self.stamp())
        told = {"status": outcome.status, "error": outcome.error, "advice": outcome.advice}
        self._tell(self._lost, "lines.lost", lines, **told)

    def give_up(self, lines: int, reason: str) -> None:
        """Count held lines as lost that are not tried any more."""
        self._ledger.lose(lines, self.stamp())
        self._tell(self._lost, "lines.lost", lines, error=reason)

    def reject(self, lines: int) -> None:
        """Count malformed stretches of input. Each counts as one line, read and lost."""
        self.miss(lines)
        if not self._malformed:
            self._malformed = True
            self._log.warning("input.malformed", advice=_MALFORMED_ADVICE)

    def miss(self, lines: int, *, stretches: int = 0) -> None:
        """Count lines that vanished before they were read, and stretches of them that nobody can count.

        The drain is told that they are lost. A stretch counts as one line, which is the least that it can have been.
        """
        self._ledger.take_in(lines + stretches)
        self._ledger.lose(lines + stretches, self.stamp())
        self._ledger.missed += stretches

    def note_crash(self, error: BaseException) -> Outcome:
        """Log an error that nobody expected, with its traceback, once of each kind; return it as a failed attempt."""
        text = f"{type(error).__name__}: {error}"
        trace = traceback.extract_tb(error.__traceback__)
        where = " < ".join(f"{frame.name} {Path(frame.filename).name}:{frame.lineno}" for frame in reversed(trace))
        kind = f"{type(error).__name__} {where.partition(' < ')[0]}"
        if kind not in self._crashes and len(self._crashes) < MOST_CRASHES:
            self._crashes.add(kind)
            advice = "this is a bug in log-shuttle: please report this line"
            self._log.error("attempt.crashed", error=text, advice=advice, traceback=where)
        return Outcome(Verdict.RETRY, error=text)

    def stamp(self) -> str:
        """Return the time as frames have it."""
        return make_stamp(self._clocks.wall())

    def _tell(self, throttle: Throttle, event: str, lines: int, **reason: object) -> None:
        untold = throttle.admit(lines, self._clocks.monotonic())
        if untold is not None:
            self._log.warning(event, lines=untold, **{key: value for key, value in reason.items() if value})
