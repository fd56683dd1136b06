"""A log line that would come for every batch, rationed."""

from shuttle.observe.log import Logger

QUIET = 10.0  # seconds between two lines of one kind; each counts what happened since the one before


class Notice:
    """Tells of lines that went missing: at once for the first time, then at most once in ten seconds."""

    def __init__(self, log: Logger, event: str) -> None:
        self._log = log
        self._event = event
        self._quiet_until = float("-inf")
        self._lines = 0

    def tell(self, lines: int, *, now: float, **data: object) -> None:
        """Log that `lines` went missing, and those not logged yet; `now` is in seconds of the monotonic clock."""
        self._lines += lines
        if now < self._quiet_until:
            return
        self._log.warning(self._event, lines=self._lines, **{key: value for key, value in data.items() if value})
        self._lines = 0
        self._quiet_until = now + QUIET
