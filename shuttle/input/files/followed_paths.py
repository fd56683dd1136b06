"""The paths that are followed, and those that cannot be read."""

import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from shuttle.input.files.discovery import Discovery
from shuttle.input.files.rotation.rotated_path import RotatedPath
from shuttle.observe.log import Logger

if TYPE_CHECKING:
    import anyio

_LIMIT = "raise the limit of open files (ulimit -n), or name fewer: those that wait are not read"


class FollowedPaths:
    """Which paths are followed. What keeps a path from being read is logged once."""

    def __init__(self, discovery: Discovery, log: Logger) -> None:
        self.rotated: dict[Path, RotatedPath] = {}
        """Those that lead, or may lead, to files."""
        self.fifos: set[Path] = set()
        """Those that lead to something else, which is being read."""
        self.idle_fifos: dict[Path, anyio.CancelScope] = {}
        """Those of `fifos` that have given nothing since they were opened, and what ends the wait for it."""
        self._discovery = discovery
        self._log = log
        self._unreadable: set[Path] = set()
        self._waiting = False  # there are more files than can be open

    def forget(self, path: RotatedPath) -> bool:
        """Stop following `path` if it only matched a pattern and leads nowhere; say whether that was so."""
        over = not path.files and not self._discovery.is_named(path.path) and not os.path.lexists(path.path)
        if over:
            self.rotated.pop(path.path, None)
        return over

    def check(self, path: Path, opened: os.stat_result) -> None:
        """Check what was opened at `path`; raise PermissionError if it may not be read."""
        self._discovery.check(path, opened)

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
        """Whether a path cannot be read, or waits because too many files are open."""
        return bool(self._unreadable) or self._waiting

    def note_readable(self, path: Path) -> None:
        """Note that `path` can be read, or is not there."""
        self._unreadable.discard(path)

    def note_unreadable(self, path: Path, error: OSError) -> None:
        """Log that `path` cannot be read, if that is new."""
        if path not in self._unreadable:
            self._log.warning("file.unreadable", path=path, error=error.strerror or str(error))
        self._unreadable.add(path)

    def note_waiting(self, files: int) -> None:
        """Log that paths wait because `files` files are open."""
        if not self._waiting:
            self._log.warning("files.waiting", open=files, error=os.strerror(errno.EMFILE), advice=_LIMIT)
        self._waiting = True
