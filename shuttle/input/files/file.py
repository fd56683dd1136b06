"""A file that is read forward, whatever its path leads to meanwhile.

It keeps its head and what was read last. From these it makes its fingerprint at any offset within them without a system
call, and compares the bytes before the offset with what stands there now.
"""

from dataclasses import dataclass, field
from pathlib import Path

from shuttle.core.fingerprint import HEAD, TAIL, Fingerprint, Read, Trail
from shuttle.delivery.source import Source
from shuttle.input.files.open_file import FileState, OpenFile

_COMPARED = 64  # bytes before the offset that are looked at before each read: log lines seldom repeat so many in place
_COUNTED_AT_ONCE = 4 * 1024 * 1024  # bytes: two milliseconds, in which nothing else happens
_NO_LIMIT = 1 << 62
_PIECE = 256 * 1024  # bytes


@dataclass(slots=True, eq=False)
class File:
    """A file and how far it was read."""

    path: Path
    """By which it is followed."""
    opened: OpenFile
    source: Source
    """Of its lines; it has the file's number."""
    grown: float
    """When it last had something to read, in seconds of the monotonic clock."""
    begun: int = 0
    """The offset from which it is read."""
    offset: int = 0
    """Bytes read."""
    head: bytes = b""
    """Its first HEAD bytes, as far as they were read."""
    recent: bytes = b""
    """The bytes before the chunk: TAIL of them, and all of a line that is not complete."""
    chunk: bytes = b""
    """What was read last, until it is taken in."""
    unread: int = 0
    """Newlines counted behind the offset."""
    counted: int = 0
    """The offset up to which they were counted."""
    size: int = 0
    """Its size when it was looked at last."""
    state: FileState = field(init=False)
    read_at: Read = field(init=False)
    _seen: bytes = b""  # before `counted`
    _seen_head: bytes = b""

    def __post_init__(self) -> None:
        self.state = self.opened.state
        self.read_at = self.opened.read_at

    def begin(self, source: Source, trail: Trail) -> None:
        """Read on from where `trail` ends, as lines of `source`."""
        self.source = source
        self.begun = self.offset = trail.offset
        self.head, self.recent, self.chunk = trail.head, trail.tail, b""

    def move_to(self, copy: OpenFile, now: float) -> "File":
        """Return the file that reads on in `copy` where this one stopped."""
        offset, head, recent, chunk = self.offset, self.head, self.recent, self.chunk
        file = File(self.path, copy, self.source, now, offset=offset, head=head, recent=recent, chunk=chunk)
        file.count_unread(_NO_LIMIT)
        return file

    def forget(self) -> None:
        """Forget what was counted and not read."""
        self.counted = self.unread = self.size = 0
        self._seen = self._seen_head = b""

    def read(self, length: int) -> bytes:
        """Return what comes next, at most `length` bytes; nothing at the end. It is kept until `take_in`."""
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
        """Keep of the chunk only what fingerprints need: thousands of files must not hold one each."""
        self.recent = self._look_back(0, TAIL + self.partial)
        self.chunk = b""

    def fingerprint(self, offset: int) -> Fingerprint:
        """Return its fingerprint as read up to `offset`, which lies within the bytes that are kept."""
        tail = self._look_back(self.offset - offset, TAIL)
        return Trail(*self.opened.key, offset, self.head[: min(HEAD, offset)], tail).fingerprint()

    def is_cut(self) -> bool:
        """Say whether it was truncated: it is shorter than it was, or other bytes stand before the offset.

        Raises:
            OSError: It cannot be read.
        """
        size = self.opened.stat().st_size
        if size < max(self.offset, self.counted) and (size or not self.read_at(0, 1)):
            return True  # those of /proc have no size, and yet something in them
        known = self._look_back(0, _COMPARED)
        seen = self._seen[-_COMPARED:] if self.counted > self.offset else b""
        if self.read_at(self.offset - len(known), len(known)) != known:
            return True
        if self.read_at(self.counted - len(seen), len(seen)) != seen:
            return True
        self.size = size
        return False

    def _look_back(self, behind: int, length: int) -> bytes:
        """Return the `length` bytes that end `behind` bytes before the offset, or as many of them as are kept."""
        end = len(self.chunk) - behind
        if end >= length:
            return self.chunk[end - length : end]
        known = self.recent + self.chunk[:end] if end > 0 else self.recent[: len(self.recent) + end]
        return known[-length:]

    def count_unread(self, most: int = _COUNTED_AT_ONCE) -> bool:
        """Count the lines that are there and not read: should they vanish, their number is known.

        Returns:
            Whether there may be more: about `most` bytes were counted.
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

    def count_lost(self) -> int:
        """Return how many of the counted lines are lost if nothing more of the file can be read."""
        if self.counted <= self.offset:
            return 0
        # The first newline ends the line whose beginning was read; behind the last one a line may have begun.
        return max(0, self.unread - bool(self.partial)) + (not self._seen.endswith(b"\n"))

    @property
    def has_uncounted(self) -> bool:
        """There was more, when it was looked at last, than was read or counted."""
        return self.size > max(self.offset, self.counted)

    def fingerprint_seen(self) -> Fingerprint:
        """Return its fingerprint as read so far; if nothing was read, as counted so far."""
        if self.offset or not self.counted:
            return self.fingerprint(self.offset)
        return Trail(*self.opened.key, self.counted, self._seen_head, self._seen).fingerprint()

    def count_left(self) -> int:
        """Return the bytes that are there and not read; of a compressed file, at most its bytes on the disk."""
        return max(0, self.opened.stat().st_size - self.offset)

    @property
    def is_deleted(self) -> bool:
        """It has no name any more, and is gone once nobody has it open."""
        return self.opened.stat().st_nlink == 0

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
