"""The accounts: the one place where intake and outlets report what happened to lines.

They keep ledger and statistics consistent, and inform the journal and the landing.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from shuttle.clock import Clock
from shuttle.core.batch import Batch
from shuttle.core.ledger import Ledger, Owed
from shuttle.core.outcome import Outcome, Verdict
from shuttle.delivery.journal import Journal
from shuttle.delivery.losses import Losses
from shuttle.observe.log import Logger
from shuttle.observe.statistics import Statistics


class Attempted(NamedTuple):
    """One attempt, as statistics and log show it."""

    part: Batch
    outcome: Outcome
    number: int
    """1 for the first attempt."""
    seconds: float
    waiting: int
    """Batches in the queue."""


class Accounts:
    """Records what happened to lines.

    `progress` is called whenever lines are delivered or lost. If `attempts` is given, every attempt is logged there.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        losses: Losses,
        statistics: Statistics,
        journal: Journal | None,
        progress: Callable[[], None],
        attempts: Logger | None,
        clock: Clock,
    ) -> None:
        self.ledger = ledger
        self.losses = losses
        self.note_progress = progress
        """To be called also when the drain takes a part of a batch."""
        self.batched = 0
        """Lines in batches that were closed."""
        self._statistics = statistics
        self._journal = journal
        self._attempts = attempts
        self._clock = clock

    def read(self, lines: int) -> None:
        """Count lines that were read. They are held from now on."""
        self.ledger.take_in(lines)

    def close_batch(self, batch: Batch, now: float) -> None:
        """Count a batch that was closed at `now`."""
        self.batched += batch.lines
        self._statistics.fill.update(now - batch.born, now)

    def deliver(self, lines: int) -> None:
        """Count lines that the drain has taken."""
        self.ledger.deliver(lines)
        self.note_progress()

    def lose(self, lines: int, outcome: Outcome) -> None:
        """Count lines that were refused or given up."""
        self.losses.lose(lines, outcome)
        self.note_progress()

    def settle(self, batch: Batch) -> None:
        """Note that every line of `batch` is delivered or lost."""
        if self._journal is not None:
            self._journal.settle(batch)

    def narrow(self, batch: Batch, left: Sequence[Batch]) -> None:
        """Note that only the parts `left` of `batch` are unsettled, after sending has ended."""
        if self._journal is not None:
            self._journal.narrow(batch, left)

    def note_attempt(self, attempted: Attempted) -> None:
        """Count an attempt in the statistics, and log it if every attempt is logged."""
        part, outcome, number, seconds, waiting = attempted
        timer = self._statistics.success if outcome.accepted else self._statistics.failure
        now = self._clock()
        timer.update(seconds, now)
        self._statistics.requests.note(outcome.status, seconds, now, accepted=outcome.accepted)
        if self._attempts is not None:
            self._attempts.debug(
                "post",
                retry=outcome.verdict is Verdict.RETRY,
                msgcount=part.frames,
                **{"inbox.length": waiting},
                request_id=part.id,
                attempts=number,
                status=outcome.status,
                error=outcome.error,
            )

    def take_owed(self) -> Owed:
        """Return the counts that the next report carries. If the report fails, `put_back` returns them."""
        return self.ledger.take()

    def put_back(self, owed: Owed) -> None:
        """Take back the counts of a report that failed."""
        self.ledger.put_back(owed)
