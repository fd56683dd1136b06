"""Limits how often a log line is written that would otherwise come for every batch or failure."""

QUIET = 10.0  # seconds between two lines of one kind; each counts what happened since the one before


class Throttle:
    """Says when the next line of one kind may be written, and what it has to count.

    The first line may be written at once, then at most one in QUIET seconds. No amount is left out: a line counts all
    that came since the line before.
    """

    def __init__(self) -> None:
        self._amount = 0
        self._quiet_until = float("-inf")

    def admit(self, amount: int, now: float) -> int | None:
        """Count `amount`; return all that is counted since the last line if one may be written now, else None.

        `now` is in seconds of the monotonic clock.
        """
        self._amount += amount
        if now < self._quiet_until:
            return None
        counted, self._amount = self._amount, 0
        self._quiet_until = now + QUIET
        return counted
