"""Outcomes as the drain's protocol makes them of replies."""

from typing import Any

from shuttle.core.outcome import Outcome, Reply, judge


def make_outcome(status: int | None = None, *, lines: int = 1, **reply: Any) -> Outcome:
    """Return the outcome of an attempt that got a reply of `status`, or none."""
    return judge(Reply(status, **reply), lines=lines)
