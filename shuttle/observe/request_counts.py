"""Requests to the drain: how many there were by the code of the answer, and how long they took."""

from bisect import bisect_left

NO_ANSWER = "none"
OTHER = "other"
MOST_CODES = 32  # that are told apart: a drain may answer with any number, and each is kept for good
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram's buckets in seconds; the last bucket has none. `-timeout` is one of them."""


class RequestCounts:
    """Counts each attempt once it is over."""

    def __init__(self) -> None:
        self.accepted_at: float | None = None
        """When the drain took something last, in seconds of the monotonic clock; None if it never has."""
        self.seconds = 0.0
        """Of all requests."""
        self.buckets = [0] * (len(BOUNDS) + 1)
        """Requests by how long they took; each is in one bucket."""
        self._statuses: dict[int | None, int] = {}

    def note(self, status: int | None, seconds: float, now: float, *, accepted: bool) -> None:
        """Count a request that took `seconds` and got `status`, or no answer; `accepted` if the drain took lines."""
        known = self._statuses
        if status not in known and len(known) >= MOST_CODES:
            status = -1
        known[status] = known.get(status, 0) + 1
        self.seconds += seconds
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        if accepted:
            self.accepted_at = now

    @property
    def codes(self) -> dict[str, int]:
        """How many requests got each code; those without an answer are under NO_ANSWER."""
        names = {None: NO_ANSWER, -1: OTHER}
        return {names.get(status) or str(status): count for status, count in self._statuses.items()}
