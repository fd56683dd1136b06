"""The times of a landing, as the gate needs them: how short delays are, and when it is too late for an attempt."""

import math
from collections import deque

LANDING_DELAY = 1.0  # seconds; at the end of a process every chance to deliver counts
LEAST_LANDING_DELAY = 0.1  # seconds that a delay may last even so: ten requests a second hurt no drain
LANDING_SHARE = 0.25  # of the time that is left: the longest delay or pause while landing
ANSWERS = 8  # the last ones: the fastest of them tells how long an answer takes, whatever has held up the others


class LandingTimes:
    """The times of a landing, in seconds of the monotonic clock. Until it begins they are infinite."""

    def __init__(self) -> None:
        self.since = math.inf
        """When it began."""
        self.last_round_from = math.inf
        """When the last round begins: from then on each batch is tried once more."""
        self._by = math.inf  # when it ends, unless there is progress
        self._ends_at = math.inf  # when it ends whatever comes
        self._answer_times: deque[float] = deque(maxlen=ANSWERS)  # seconds that accepted attempts took

    def set(self, *, by: float, last_round_from: float, ends_at: float) -> None:
        """Set the end without progress, the begin of the last round, and the final end."""
        self._by, self.last_round_from, self._ends_at = by, last_round_from, ends_at

    def note_answer(self, seconds: float) -> None:
        """Note how long an accepted attempt took."""
        self._answer_times.append(seconds)

    @property
    def slowest_answer(self) -> float:
        """How many seconds the slowest of the last answers took; infinite before the first."""
        return max(self._answer_times, default=math.inf)

    def limit_delay(self, now: float) -> float:
        """Return how many seconds a delay that begins `now` lasts at most while landing."""
        return min(LANDING_DELAY, max(LEAST_LANDING_DELAY, LANDING_SHARE * (self._by - now)))

    def limit_pause(self, now: float) -> float:
        """Return the latest time until which the drain may ask for a pause."""
        if self.since > now:
            return math.inf
        return now + max(LEAST_LANDING_DELAY, LANDING_SHARE * (self._by - now))

    def is_too_late(self, now: float) -> bool:
        """Return whether an attempt that begins `now` would hardly be answered in time, though the drain takes it."""
        return now >= self.last_round_from and now + min(self._answer_times, default=0.0) > self._ends_at
