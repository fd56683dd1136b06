"""The latest lines of the log, for whoever looks at a page and not at stderr."""

from collections import deque
from typing import NamedTuple

KEPT = 60  # lines
LONGEST = 1000  # characters of a line


class LoggedLine(NamedTuple):
    """One line of the log, without credentials and without control characters."""

    number: int
    """Counted from 1."""
    level: str
    text: str


class RecentLines:
    """Remembers the KEPT latest lines."""

    def __init__(self) -> None:
        self.lines: deque[LoggedLine] = deque(maxlen=KEPT)
        self._count = 0

    def note(self, level: str, text: str) -> None:
        """Remember a line as it is logged."""
        self._count += 1
        self.lines.append(LoggedLine(self._count, level, text if len(text) <= LONGEST else f"{text[:LONGEST]}..."))
