"""The size limit: how large a request may be on a link that is too slow for the time-out."""

from shuttle.core.batch import Batch

LEAST = 16 * 1024  # bytes; what cannot be sent in time though it is smaller has another reason
FAST = 0.25  # of the time after which a request was too late: an answer within it shows that twice as much would do


class SizeLimit:
    """Learns how much can be sent in time from requests that had no answer in time."""

    def __init__(self) -> None:
        self._limit: int | None = None  # bytes
        self._wanted = 0  # bytes that were too many
        self._late = 0.0  # seconds after which they were too late

    def excludes(self, part: Batch) -> bool:
        """Return whether `part` is too large for one request, and can be halved."""
        return self._limit is not None and len(part.body) > self._limit and part.lines > 1

    def tighten(self, size: int, seconds: float, *, arrived: float = 1.0) -> None:
        """Send less at once than `size` bytes, which were too many for so many `seconds`.

        It is half of them at most, and half of what did arrive: a share of them, from 0 to 1.
        """
        if size > LEAST:
            self._limit = min(self._limit or size, max(LEAST, int(size * arrived) // 2))
            self._wanted = max(self._wanted, size)
            self._late = seconds

    def relax(self, seconds: float) -> None:
        """Allow twice as much if the drain has taken a request in a fraction of the time; `seconds` is what it took."""
        if self._limit is not None and seconds < FAST * self._late:
            self._limit *= 2
            if self._limit >= self._wanted:
                self._limit, self._wanted = None, 0
