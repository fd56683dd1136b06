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
from shuttle.input.files.content import Content, LiveContent, open_content, seek_nothing
from shuttle.input.files.trust import Opener, open_named

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
    """What reads it, if it may be compressed."""
    seek: Callable[[int, int], int] = seek_nothing
    """Takes an offset, and SEEK_DATA or SEEK_HOLE; returns where the next one begins."""

    @property
    def packed(self) -> bool:
        """It is compressed."""
        return self.content is not None and self.content.packed

    @property
    def unpacks(self) -> bool:
        """It is compressed, and there may be more to decompress."""
        return self.content is not None and self.content.unpacks

    @property
    def expands(self) -> bool:
        """It is compressed, and what was read is beyond measure for what it takes on the disk."""
        return self.content is not None and self.content.expands

    @property
    def unfinished(self) -> bool:
        """Reading has met its end where something is missing: it is being compressed, or was cut off."""
        return self.content is not None and self.content.unfinished

    @property
    def damage(self) -> str:
        """Why nothing can be read from a place on that reading has met."""
        return self.content.damage if self.content else ""

    def find_end(self) -> int:
        """Return the offset from which on only what is appended is read. To a compressed file nothing is.

        Raises:
            OSError: It cannot be told.
        """
        return self.content.find_end() if self.content else self.stat().st_size

    def count_left(self, offset: int) -> int:
        """Return the bytes that were not read if it was read up to `offset`; of a compressed file, those on the disk.

        Raises:
            OSError: They cannot be told.
        """
        return self.content.count_left(offset) if self.content else max(0, self.stat().st_size - offset)

    def read_trail(self, offset: int) -> Trail:
        """Return what fingerprints the file as read up to `offset`; less if it ends before.

        Raises:
            OSError: It cannot be read.
        """
        head = self.read_at(0, min(HEAD, offset))
        start = max(0, offset - TAIL)
        tail = self.read_at(start, offset - start)
        if self.packed and offset:
            self.read_at(offset, 1)  # at the end of a stream the memory that it took is free again
        return Trail(*self.key, offset, head, tail)


def open_live(path: Path, opener: Opener = open_named) -> OpenFile | None:
    """Open what `path` leads to; None if that is no regular file, or nothing.

    Raises:
        OSError: It cannot be read, is a directory, or is compressed and cannot be decompressed.
    """
    try:
        fd, status = opener(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        _close(partial(os.close, fd))
        return None
    try:
        content = LiveContent(fd)
    except OSError:
        _close(partial(os.close, fd))
        raise
    key = (status.st_dev, status.st_ino)
    close = partial(_close, content.close)
    return OpenFile(key, FileState.LIVE, content.read, content.stat, close, content, content.seek)


def open_sibling(path: Path, opener: Opener) -> OpenFile | None:
    """Open what rotation left at `path`; None if it is gone or cannot be read."""
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        content = stack.enter_context(open_content(path, opener))
        status = content.stat()
        key = (status.st_dev, status.st_ino)
        # Whoever has it open may go on to write, unless it was compressed since.
        state = FileState.WHOLE if content.packed else FileState.MOVED
        stack.pop_all()
        close = partial(_close, content.close)
        return OpenFile(key, state, content.read, content.stat, close, content, content.seek)
    return None


def is_copy(file: OpenFile, live: OpenFile) -> bool:
    """Say whether all that `file` holds is the beginning of `live`: whoever made it may be about to truncate that.

    A compressed file is none: it is made when the truncation is over.

    Raises:
        OSError: One of them cannot be read.
    """
    if file.packed or file.key == live.key:
        return False
    size = file.stat().st_size
    if not 0 < size <= live.stat().st_size:
        return False
    start = max(0, size - TAIL)
    ends = (file.read_at(start, size - start), live.read_at(start, size - start))
    head = min(size, HEAD)
    return file.read_at(0, head) == live.read_at(0, head) and ends[0] == ends[1]


def _close(close: Callable[[], None]) -> None:
    """Close what was only read. The descriptor is gone even if that fails, and nobody could do anything about it."""
    with contextlib.suppress(OSError):
        close()
