"""The margins of a landing: how long before the deadline its last steps begin.

Before the end of a landing attempts that hang are broken off, and before that the last round begins. After it the drain
is told what was lost. While the drain is down, that report would probably fail as well. So most of its time goes to the
lines then. If the drain answers fast, the report needs less time anyway.
"""

import math

REPORT_TIME = 1.0  # seconds kept back, at most, for a last report of what was dropped or lost
REPORT_SHARE = 0.1  # of the time for landing: the most that is kept back
LEAST_REPORT_TIME = 0.2  # seconds that are kept back, at least, for a drain that answers
REPORT_ANSWERS = 2  # and the time of this many answers
DOWN_SHARE = 0.25  # of what is kept back: what is left of it while the drain is down
LAST_ROUND = 2.0  # seconds that the last round begins before the deadline, at most
LAST_ROUND_SHARE = 0.2  # of the time for landing: the most that the last round gets
HANGING = 1.0  # seconds before the deadline, at most, when attempts without an answer are broken off
HANGING_SHARE = 0.1  # of the time for landing: the most that this takes of it
SILENT_ANSWERS = 2  # a drain that is silent for the time of this many answers has stopped answering
HANGING_ANSWERS = 4  # an attempt that takes as long as this many answers hangs


class Margins:
    """The margins, in seconds, of a landing that takes `timeout` seconds unless there is progress or a limit."""

    def __init__(self, timeout: float) -> None:
        self.last_round = min(LAST_ROUND, LAST_ROUND_SHARE * timeout)
        """How long before the deadline the last round begins."""
        self.hanging = min(HANGING, HANGING_SHARE * timeout)
        """How long before the deadline attempts are broken off that hang."""
        self._kept_back = min(REPORT_TIME, REPORT_SHARE * timeout)
        self._is_down = False

    @property
    def kept_back(self) -> float:
        """How long before the limit delivering ends."""
        return DOWN_SHARE * self._kept_back if self._is_down else self._kept_back

    @property
    def report(self) -> float:
        """How long a report may take after that."""
        return self._kept_back

    def limit(self, time: float, *, slowest_answer: float) -> None:
        """Fit the margins to a landing that takes `time` seconds at most; `slowest_answer` is how long answers take."""
        needed = LEAST_REPORT_TIME + REPORT_ANSWERS * slowest_answer
        self._kept_back = min(REPORT_TIME, REPORT_SHARE * time, needed)
        self.hanging = min(HANGING, HANGING_SHARE * time)

    def note_drain(self, *, is_down: bool) -> None:
        """Note whether the drain is down."""
        self._is_down = is_down

    def is_reached(self, time_left: float) -> bool:
        """Return whether `time_left` before the limit is kept for the report of a drain that is up."""
        return time_left <= self._kept_back

    def measure_silence(self, slowest_answer: float) -> float:
        """Return after how many seconds without progress every attempt is hanging."""
        return max(self.last_round, SILENT_ANSWERS * slowest_answer if slowest_answer < math.inf else 0.0)

    def measure_hanging(self, slowest_answer: float) -> float:
        """Return after how many seconds an attempt is hanging, since the drain answers others in `slowest_answer`."""
        return max(self.last_round, HANGING_ANSWERS * slowest_answer)
