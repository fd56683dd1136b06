"""What the page shows, as JSON."""

from itertools import pairwise

from shuttle import __version__
from shuttle.observe.recent_lines import RecentLines
from shuttle.observe.snapshot import Snapshot
from shuttle.observe.web.health import find_reasons
from shuttle.observe.web.recent_counts import RecentCounts

_COUNTS = ("read", "delivered", "dropped", "lost", "held", "missed", "held_bytes", "oldest_age", "landing")


def describe(seen: Snapshot, history: RecentCounts, recent: RecentLines, now: float) -> dict[str, object]:
    """Return the state of the agent at `now`, seconds of the monotonic clock; times are seconds before it."""
    return {
        "version": __version__,
        **{name: getattr(seen, name) for name in _COUNTS},
        "drain": seen.drain._asdict(),
        "spool": seen.spool._asdict() if seen.spool else None,
        "unread": dict(seen.unread),
        "codes": dict(seen.codes),
        "reasons": list(find_reasons(seen, history, now)),
        "rates": _compute_rates(history, now),
        "log": [line._asdict() for line in recent.lines],
    }


def _compute_rates(history: RecentCounts, now: float) -> list[tuple[float, ...]]:
    """Return for each step how long ago it ended, lines read, delivered and missing a second, and lines held."""
    return [
        (
            round(now - after.at, 1),
            *(round((after[place] - before[place]) / max(0.1, after.at - before.at), 2) for place in (1, 2, 3)),
            after.held,
        )
        for before, after in pairwise(history.moments)
    ]
