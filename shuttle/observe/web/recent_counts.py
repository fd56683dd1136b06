"""Recent counts: those of the last ten minutes, for charts, and for whether lines were lost of late."""

from collections import deque
from typing import NamedTuple

from shuttle.observe.snapshot import Snapshot

STEP = 5.0  # seconds
KEPT = 120  # steps: ten minutes
RECENT = 60.0  # seconds in which a loss is recent


class Moment(NamedTuple):
    """What is kept of a snapshot."""

    at: float
    """Seconds of the monotonic clock."""
    read: int
    delivered: int
    missing: int
    """Lines dropped or lost."""
    held: int


class RecentCounts:
    """Moments, STEP seconds from each other, the oldest first."""

    def __init__(self) -> None:
        self.moments: deque[Moment] = deque(maxlen=KEPT + 1)

    def note(self, seen: Snapshot, now: float) -> None:
        """Keep what was seen at `now`."""
        self.moments.append(Moment(now, seen.read, seen.delivered, seen.dropped + seen.lost, seen.held))

    def count_missing(self, seen: Snapshot, now: float) -> int:
        """Return how many lines were dropped or lost in the last RECENT seconds, or up to a step more."""
        older = [moment for moment in self.moments if moment.at <= now - RECENT]
        before = older[-1].missing if older else 0
        return seen.dropped + seen.lost - before
