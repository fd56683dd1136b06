"""The paths that are followed, and those that cannot be read."""

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from shuttle.clock import Clock
from shuttle.input.files.discovery import Discovery
from shuttle.input.files.path_errors import PathErrors, leads_nowhere
from shuttle.input.files.rotation.rotated_path import RotatedPath
from shuttle.observe.log import Logger

if TYPE_CHECKING:
    import anyio

_BRACES = "braces have no meaning here: give each name a -file of its own"
_HAS_BRACES = re.compile(r"\{.*,.*\}")


class FollowedPaths:
    """Which paths are followed. What keeps a path from being read is logged once, and tried again with back-off."""

    def __init__(self, discovery: Discovery, log: Logger, clock: Clock) -> None:
        self.errors = PathErrors(log, clock)
        """What fails with each of them."""
        self.rotated: dict[Path, RotatedPath] = {}
        """Those that lead, or may lead, to files."""
        self.fifos: set[Path] = set()
        """Those that lead to something else, which is being read."""
        self.idle_fifos: dict[Path, anyio.CancelScope] = {}
        """Those of `fifos` that have given nothing since they were opened, and what ends the wait for it."""
        self.trust = discovery.trust
        self._discovery = discovery
        self._log = log

    def forget(self, path: RotatedPath) -> bool:
        """Stop following `path` if it only matched a pattern and leads nowhere; say whether that was so."""
        over = not path.files and not self._discovery.is_named(path.path) and _is_gone(path.path)
        if over:
            self.rotated.pop(path.path, None)
        return over

    def list_covered(self) -> set[Path]:
        """Return the directories in which something matches a pattern, or could."""
        return self._discovery.list_covered()

    def clear(self) -> None:
        """Follow nothing any more."""
        self.rotated.clear()
        self.fifos.clear()

    def count_left(self) -> int:
        """Return the bytes that are there and not read; of a compressed file, at most its bytes on the disk."""
        left = 0
        for path in self.rotated.values():
            with contextlib.suppress(OSError):  # who reads it tells of that
                left += path.count_left()
        return left

    @property
    def incomplete(self) -> bool:
        """Whether a path cannot be read."""
        return bool(self.errors)

    def note_absent(self, path: Path, reason: str) -> None:
        """Log that nothing is at `path`, or matches it, when the process starts: it may be misspelt."""
        advice = {"advice": _BRACES} if _HAS_BRACES.search(path.name) else {}
        self._log.warning("file.absent", path=path, error=reason, **advice)


def _is_gone(path: Path) -> bool:
    """Say whether nothing is at `path`; no if nobody can tell."""
    try:
        path.lstat()
    except OSError as error:
        return leads_nowhere(error)
    return False
