"""Health: why an agent is not ready."""

from collections.abc import Iterator

from shuttle.observe.snapshot import Snapshot
from shuttle.observe.web.recent_counts import RECENT, RecentCounts


def find_reasons(seen: Snapshot, history: RecentCounts, now: float) -> Iterator[str]:
    """Yield why lines do not get to the drain: it is down, or some of them were dropped or lost of late."""
    drain = seen.drain
    if not drain.is_up:
        yield f"the drain is down for {drain.down_for:.0f} s: {drain.error}"
    if missing := history.count_missing(seen, now):
        yield f"lines dropped or lost within the last {RECENT:.0f} s: {missing}"
