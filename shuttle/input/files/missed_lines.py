"""Lines that vanished before they were read: to the drain they are lost."""

from collections.abc import Callable
from pathlib import Path

from shuttle.observe.log import Logger


class MissedLines:
    """Counts lines that vanished before they were read, and logs why."""

    def __init__(self, count: Callable[[int], None], log: Logger) -> None:
        self._count = count
        self._log = log

    def note(self, path: Path, lines: int, reason: str) -> None:
        """Count `lines` lines of the file at `path`; 0 if nobody knows how many they were, or if there were any."""
        self._count(lines)
        (self._log.warning if lines else self._log.info)("file.missed", path=path, lines=lines, error=reason)
