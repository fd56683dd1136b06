"""Reserves disk space: on a full disk SQLite's log cannot grow, and nothing could be removed without it."""

import contextlib
import os
from pathlib import Path

from shuttle.store.private import UnsafeError, open_file

_MOST = 2 * 1024 * 1024  # bytes: to remove a batch touches a page or two of each table, and of the list of free pages


class Reserve:
    """A file of nothing, which is deleted when its room is needed."""

    def __init__(self, path: Path, *, most_bytes: int) -> None:
        self.bytes = min(_MOST, most_bytes // 8)
        self._path = path
        self._kept = False

    def keep(self) -> None:
        """Reserve the space, if the disk has it."""
        if not self._kept:
            with contextlib.suppress(OSError):
                file = self._open()
                try:
                    os.posix_fallocate(file, 0, self.bytes)
                    self._kept = True
                finally:
                    os.close(file)

    def _open(self) -> int:
        """Open the file; what somebody else has put in its place is removed, and never grown."""
        try:
            return open_file(self._path, os.O_WRONLY)
        except UnsafeError:
            self._path.unlink()
            return open_file(self._path, os.O_WRONLY)

    def renew(self) -> None:
        """Reserve the space again if it was freed."""
        with contextlib.suppress(OSError):
            if self._kept and not (self._path.exists() and self._path.lstat().st_size >= self.bytes):
                self._kept = False
                self.keep()

    def free(self) -> None:
        """Free the reserved space, because it is needed now.

        Raises:
            OSError: That is not possible.
        """
        self._path.unlink(missing_ok=True)
        self._kept = False

    def forget(self) -> None:
        """Note that the directory was deleted."""
        self._kept = False
