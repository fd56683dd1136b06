"""A file that is read forward, whatever its path leads to meanwhile.

It keeps its head and what was read last. From these it makes its fingerprint at any offset within them without a system
call, and compares the bytes before the offset with what stands there now.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from shuttle.core.fingerprint import HEAD, TAIL, Fingerprint, Trail
from shuttle.delivery.source import Source
from shuttle.input.files.content import Content

Key = tuple[int, int]
"""Device and inode."""
Read = Callable[[int, int], bytes]
"""Gives the bytes at an offset, at most so many; none behind the end."""
_COMPARED = 64  # bytes before the offset that are looked at before each read: log lines seldom repeat so many in place
_COUNTED_AT_ONCE = 4 * 1024 * 1024  # bytes: two milliseconds, in which nothing else happens
_NO_LIMIT = 1 << 62
_PIECE = 256 * 1024  # bytes


class FileState(Enum):
    """What has become of a file."""

    LIVE = "live"
    """Its path leads to it."""
    MOVED = "moved"
    """Its path does not lead to it any more, and whoever has it open may go on to write."""
    WHOLE = "whole"
    """Nothing more is written to it: a sibling that rotation left."""


@dataclass(slots=True, eq=False)
class File:
    """A file and how far it was read."""

    path: Path
    """By which it is followed."""
    key: Key
    read_at: Read
    stat: Callable[[], os.stat_result]
    close: Callable[[], None]
    state: FileState
    content: Content | None = None
    """What gives the bytes of a sibling."""
    source: Source = field(init=False)
    """Of its lines; given with its number."""
    begun: int = 0
    """The offset from which it is read."""
    offset: int = 0
    """Bytes read."""
    head: bytes = b""
    """Its first HEAD bytes, as far as they were read."""
    recent: bytes = b""
    """Bytes that were read before the chunk: TAIL, and what of a line is not complete."""
    chunk: bytes = b""
    """What was read last, until it is taken in."""
    grown: float = 0.0
    """When it last had something to read, in seconds of the monotonic clock."""
    unread: int = 0
    """Newlines counted behind the offset."""
    counted: int = 0
    """The offset up to which they were counted."""
    _seen: bytes = b""  # before `counted`
    _seen_head: bytes = b""

    def resume(self) -> None:
        """Read again what is to be known of the bytes before the offset."""
        self.head = self.read_at(0, min(HEAD, self.offset))
        start = max(0, self.offset - TAIL)
        self.recent = self.read_at(start, self.offset - start)
        self.chunk = b""

    def read(self, length: int) -> bytes:
        """Return what comes next, at most `length` bytes; nothing at the end. It is known until `take_in`."""
        data = self.read_at(self.offset, length)
        if data:
            if len(self.head) < HEAD:
                self.head += data[: HEAD - len(self.head)]
            if self.counted > self.offset:
                self.unread -= data.count(b"\n", 0, self.counted - self.offset)
            self.chunk = data
            self.offset += len(data)
        return data

    def take_in(self) -> None:
        """Forget of the chunk what no fingerprint needs any more: thousands of files must not hold one each."""
        self.recent = self._look_back(0, TAIL + self.partial)
        self.chunk = b""

    def fingerprint(self, offset: int) -> Fingerprint:
        """Return its fingerprint as it was when it had been read up to `offset`, which lies within what is known."""
        tail = self._look_back(self.offset - offset, TAIL)
        return Trail(*self.key, offset, self.head[: min(HEAD, offset)], tail).fingerprint()

    def is_cut(self) -> bool:
        """Say whether it was truncated: it is shorter than it was, or other bytes stand where some are known."""
        if self.stat().st_size < max(self.offset, self.counted):
            return True
        known = self._look_back(0, _COMPARED)
        seen = self._seen[-_COMPARED:] if self.counted > self.offset else b""
        return (
            self.read_at(self.offset - len(known), len(known)) != known
            or self.read_at(self.counted - len(seen), len(seen)) != seen
        )

    def _look_back(self, behind: int, length: int) -> bytes:
        """Return `length` bytes, or as many as are known, that end `behind` bytes before the offset."""
        end = len(self.chunk) - behind
        if end >= length:
            return self.chunk[end - length : end]
        known = self.recent + self.chunk[:end] if end > 0 else self.recent[: len(self.recent) + end]
        return known[-length:]

    def count_unread(self, most: int = _COUNTED_AT_ONCE) -> bool:
        """Count lines that are there and not read: should they vanish, it can be told how many they were.

        Returns:
            Whether there may be more: some `most` bytes were counted.
        """
        if self.counted < self.offset or not self.counted:
            self.counted, self.unread, self._seen = self.offset, 0, self._look_back(0, TAIL)
        end = self.counted + most
        while self.counted < end and (data := self.read_at(self.counted, _PIECE)):
            if self.counted < HEAD:
                self._seen_head = (self._seen_head[: self.counted] + data)[:HEAD]
            self.unread += data.count(b"\n")
            self.counted += len(data)
            self._seen = (self._seen + data)[-TAIL:]
        return self.counted >= end

    def count_rest(self) -> int:
        """Return how many lines begin behind the offset."""
        self.count_unread(_NO_LIMIT)
        return self.count_lost()

    def count_lost(self) -> int:
        """Return how many of the lines that were counted are lost if nothing of the rest can be read."""
        if self.counted <= self.offset:
            return 0
        # The first newline ends the line whose beginning was read; behind the last one a line may have begun.
        return max(0, self.unread - bool(self.partial)) + (not self._seen.endswith(b"\n"))

    def fingerprint_seen(self) -> Fingerprint:
        """Return its fingerprint as far as it was read, or if nothing of it was, as far as it was counted."""
        if self.offset or not self.counted:
            return self.fingerprint(self.offset)
        return Trail(*self.key, self.counted, self._seen_head, self._seen).fingerprint()

    def go_on(self, file: "File") -> None:
        """Be read where `file` was, as a copy of it."""
        self.source, self.offset = file.source, file.offset
        self.head, self.recent, self.chunk = file.head, file.recent, file.chunk
        self.count_unread(_NO_LIMIT)

    def forget(self) -> None:
        """Know nothing of its bytes any more."""
        self.counted = self.unread = 0
        self._seen = self._seen_head = b""

    def count_left(self) -> int:
        """Return the bytes that are there and not read; of a compressed file, no more than it has on the disk."""
        return max(0, self.stat().st_size - self.offset)

    @property
    def is_deleted(self) -> bool:
        """It has no name any more, and is gone as soon as nobody has it open."""
        return self.stat().st_nlink == 0

    @property
    def number(self) -> int:
        """What the checkpoints call it."""
        assert self.source.position
        return self.source.position.file

    @property
    def taken(self) -> int:
        """Bytes of it that are in lines."""
        assert self.source.position
        return self.source.position.offset

    @property
    def partial(self) -> int:
        """Bytes of a last line that no newline has ended yet."""
        return self.offset - self.source.position.offset if self.source.position else 0


def open_path(path: Path) -> tuple[int, os.stat_result]:
    """Open a file, or a FIFO without waiting for whoever writes to it; return descriptor and status.

    Raises:
        OSError: It is not there, cannot be read, or is a directory.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        os.close(fd)
        raise IsADirectoryError(f"{path} is a directory")
    return fd, status


def read_descriptor(fd: int) -> Read:
    """Return what reads the file that is open as `fd`."""
    return lambda offset, length: os.pread(fd, length, offset)
