"""The lines of a file that are there and not read, counted: should they vanish, their number is known."""

from shuttle.core.fingerprint import HEAD, TAIL, Fingerprint, Trail
from shuttle.input.files.data_reader import AT_ONCE, DataReader, Gap
from shuttle.input.files.open_file import OpenFile

_PIECE = 256 * 1024  # bytes
_COSTS = 32 * 1024  # bytes that are counted in the time that it takes to find a gap


class UnreadLines:
    """What was counted of one file, ahead of its reading."""

    __slots__ = ("_opened", "_reader", "_tail", "ends", "head", "offset")

    def __init__(self, opened: OpenFile) -> None:
        self.offset = 0
        """Up to where they were counted."""
        self.ends = 0
        """The ends of lines between there and what was read: newlines, and gaps behind something else."""
        self._opened = opened
        self._reader = DataReader(opened)
        self.head = b""
        """Its first bytes, if they were counted."""
        self._tail = b""

    def count(self, offset: int, before: bytes, most: int = AT_ONCE) -> bool:
        """Count on, about `most` bytes; up to `offset` the file was read, and `before` stands before that.

        Returns:
            Whether there may be more.

        Raises:
            OSError: The file cannot be read.
        """
        if self.offset < offset or not self.offset:
            self.offset, self.ends, self._tail = offset, 0, before[-TAIL:]
        end = self.offset + most
        while self.offset < end:
            data, gap = self._reader.read(self.offset, _PIECE), self._reader.gap
            if data:
                self.ends += data.count(b"\n")
                self._see(data, self.offset + len(data))
            elif gap is None:
                return False
            elif gap.known:
                self.ends += is_amid_line(self._tail)
                self._see(bytes(min(gap.end - gap.start, HEAD)), gap.end)
                end -= _COSTS
            else:
                end -= AT_ONCE
        return True

    def take(self, data: bytes, offset: int) -> None:
        """Note that `data` were read, which stand at `offset`."""
        if self.offset > offset:
            self.ends -= data.count(b"\n", 0, self.offset - offset)

    def take_gap(self, gap: Gap, before: bytes) -> None:
        """Note that the reading has passed over `gap`, with `before` before it."""
        if self.offset > gap.start:
            self.ends -= is_amid_line(before)

    def count_lost(self, offset: int, *, begun: bool) -> int:
        """Return how many lines are lost if nothing can be read any more.

        Up to `offset` the file was read; the first end is that of a line whose beginning was read if one is `begun`.
        """
        if self.offset <= offset:
            return 0
        return max(0, self.ends - begun) + (not self._tail.endswith(b"\n"))  # behind the last end one may have begun

    def look_back(self, length: int) -> bytes:
        """Return the last `length` bytes that were counted, TAIL at most."""
        return self._tail[-length:]

    def begins_alike(self, size: int) -> bool:
        """Say whether what was counted from the top stands there still, in a file that has `size` bytes by now.

        Raises:
            OSError: It cannot be read.
        """
        return self._opened.read_at(0, len(self.head)) == self.head[:size]

    def is_blank(self, offset: int, size: int) -> bool:
        """Say whether nothing but zeros stood from `offset` on when the file was looked at and had `size` bytes."""
        return self._reader.is_blank(offset, size)

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of the file as counted, if nothing of it was read."""
        return Trail(*self._opened.key, self.offset, self.head, self._tail).fingerprint()

    def _see(self, data: bytes, end: int) -> None:
        """Note that `data` were counted, up to the offset `end`."""
        if self.offset < HEAD:
            self.head = (self.head[: self.offset] + data)[:HEAD]
        self._tail = (self._tail + data)[-TAIL:]
        self.offset = end


def is_amid_line(before: bytes) -> bool:
    """Say whether a gap behind these bytes ends a line, as a newline does."""
    return bool(before) and not before.endswith(b"\n")
