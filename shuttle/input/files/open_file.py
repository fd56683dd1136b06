"""A file that is open, compressed or not: how its bytes are read before anybody knows which file it is."""

import contextlib
import os
import stat
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import NamedTuple

from shuttle.core.fingerprint import HEAD, TAIL, Read, Trail
from shuttle.input.files.content import Content, open_content

Key = tuple[int, int]
"""Device and inode."""


class FileState(Enum):
    """What has become of a file."""

    LIVE = "live"
    """Its path leads to it."""
    MOVED = "moved"
    """Its path leads elsewhere. Whoever has it open may go on to write."""
    WHOLE = "whole"
    """Nothing more is written to it: rotation has compressed it."""


class OpenFile(NamedTuple):
    """A file that is open."""

    key: Key
    state: FileState
    read_at: Read
    stat: Callable[[], os.stat_result]
    close: Callable[[], None]
    content: Content | None = None
    """What reads it, if rotation left it: it may be compressed."""

    @property
    def is_broken(self) -> bool:
        """Reading met a place beyond which the file cannot be decompressed."""
        return self.content is not None and self.content.broken

    def read_trail(self, offset: int) -> Trail:
        """Return what fingerprints the file as read up to `offset`; less if it ends before.

        Raises:
            OSError: It cannot be read.
        """
        head = self.read_at(0, min(HEAD, offset))
        start = max(0, offset - TAIL)
        return Trail(*self.key, offset, head, self.read_at(start, offset - start))


def open_path(path: Path) -> tuple[int, os.stat_result]:
    """Open a file, or a FIFO without waiting for whoever writes to it; return descriptor and status.

    Raises:
        OSError: It is not there, cannot be read, or is a directory.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(f"{path} is a directory")
    except OSError:
        os.close(fd)
        raise
    return fd, status


def open_live(path: Path) -> OpenFile | None:
    """Open what `path` leads to; None if that is no regular file, or nothing.

    Raises:
        OSError: It cannot be read, or is a directory.
    """
    try:
        fd, status = open_path(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        return None
    key = (status.st_dev, status.st_ino)
    return OpenFile(key, FileState.LIVE, read_descriptor(fd), partial(os.fstat, fd), partial(os.close, fd))


def open_sibling(path: Path) -> OpenFile | None:
    """Open what rotation left at `path`; None if it is gone or cannot be read."""
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        content = stack.enter_context(open_content(path))
        status = content.stat()
        key = (status.st_dev, status.st_ino)
        # Whoever has it open may go on to write, unless it was compressed since.
        state = FileState.WHOLE if content.packed else FileState.MOVED
        stack.pop_all()
        return OpenFile(key, state, content.read, content.stat, content.close, content)
    return None


def read_descriptor(fd: int) -> Read:
    """Return what reads the file that is open as `fd`."""
    return lambda offset, length: os.pread(fd, length, offset)
