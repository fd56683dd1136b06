"""Rations a log line that would come again and again."""

QUIET = 10.0  # seconds between two lines of one kind; each counts what happened since the one before


class Throttle:
    """Lets a line through at once for the first time, then at most once in QUIET seconds."""

    def __init__(self) -> None:
        self._quiet_until = float("-inf")
        self._amount = 0

    def admit(self, amount: int, now: float) -> int | None:
        """Count `amount`, and return all that no line has told yet, if a line may be written now; else None.

        `now` is in seconds of the monotonic clock.
        """
        self._amount += amount
        if now < self._quiet_until:
            return None
        self._quiet_until = now + QUIET
        admitted, self._amount = self._amount, 0
        return admitted
