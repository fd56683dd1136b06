"""Lines that vanished before they were read: to the drain they are lost."""

from pathlib import Path
from typing import Protocol

from shuttle.observe.log import Logger


class Count(Protocol):
    """Counts lines that vanished before they were read."""

    def __call__(self, lines: int, *, stretches: int = 0) -> None:
        """Count `lines` lines, and stretches of unknown length."""


class MissedLines:
    """Counts lines that vanished before they were read, and logs why."""

    def __init__(self, count: Count, log: Logger) -> None:
        self._count = count
        self._log = log

    def note(self, path: Path, lines: int, reason: str, *, uncounted: bool = False) -> None:
        """Count `lines` lines of the file at `path`; 0 if nobody knows whether there were any.

        `uncounted` says that there were more, and that nobody can count them.
        """
        self._count(lines, stretches=int(uncounted))
        warn = self._log.warning if lines or uncounted else self._log.info
        warn("file.missed", path=path, lines=lines, **({"uncounted": True} if uncounted else {}), error=reason)
