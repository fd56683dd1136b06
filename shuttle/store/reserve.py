"""Room that is kept on a disk: on a full one SQLite's log cannot grow, and without it nothing could be removed."""

import contextlib
import os
from pathlib import Path

_MOST = 2 * 1024 * 1024  # bytes: to remove a batch touches a page or two of each table, and of the list of free pages
_PRIVATE = 0o600


class Reserve:
    """A file of nothing, which is deleted when its room is needed."""

    def __init__(self, path: Path, *, most_bytes: int) -> None:
        self.bytes = min(_MOST, most_bytes // 8)
        self._path = path
        self._kept = False

    def keep(self) -> None:
        """Keep the room, if the disk has it."""
        if not self._kept:
            with contextlib.suppress(OSError):
                file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
                try:
                    os.posix_fallocate(file, 0, self.bytes)
                    self._kept = True
                finally:
                    os.close(file)

    def free(self) -> None:
        """Give the room to whoever needs it now.

        Raises:
            OSError: That is not possible.
        """
        self._path.unlink(missing_ok=True)
        self._kept = False

    def forget(self) -> None:
        """Note that the directory was deleted."""
        self._kept = False
