"""The trail of a file, kept while it is read: its fingerprint wherever a batch may end costs no system call."""

import threading
from dataclasses import dataclass, field

from shuttle.core.fingerprint import HEAD, TAIL, Trail


@dataclass(slots=True)
class KeptTrail:
    """The bytes of a file that are kept while it is read."""

    offset: int = 0
    """Bytes read."""
    head: bytes = b""
    """Its first HEAD bytes, as far as they were read."""
    recent: bytes = b""
    """The bytes before the chunk: TAIL of them, and all of a line that is not complete."""
    chunk: bytes = b""
    """What was read last, until it is taken in."""
    gap: tuple[int, bytes] = (-1, b"")
    """Where the gap that was passed over last begins, and TAIL bytes before it: a batch may end there, long after."""
    _lock: threading.RLock = field(default_factory=threading.RLock)
    """Whoever records a batch may look back while the thread of a disk reads on."""

    def read(self, data: bytes) -> None:
        """Note that `data` were read at the offset. They are kept until `take_in`."""
        with self._lock:
            if len(self.head) < HEAD:
                self.head += data[: HEAD - len(self.head)]
            self.chunk = data
            self.offset += len(data)

    def pass_over(self, end: int) -> None:
        """Note that the reading has passed over a gap, from the offset to `end`. The line before it is in a batch."""
        with self._lock:
            self.gap = (self.offset, self.look_back(TAIL))
            zeros = bytes(min(end - self.offset, HEAD))
            self.head += zeros[: HEAD - len(self.head)]
            self.recent, self.chunk = (self.gap[1] + zeros)[-TAIL:], b""
            self.offset = end

    def take_in(self, partial: int) -> None:
        """Keep of the chunk only what is needed: thousands of files must not hold one each.

        The last `partial` bytes are a line that is not complete.
        """
        with self._lock:
            self.recent = self.look_back(TAIL + partial)
            self.chunk = b""

    def look_back(self, length: int, *, behind: int = 0) -> bytes:
        """Return the `length` bytes that end `behind` bytes before the offset, or as many of them as are kept."""
        end = len(self.chunk) - behind
        if end >= length:
            return self.chunk[end - length : end]
        known = self.recent + self.chunk[:end] if end > 0 else self.recent[: len(self.recent) + end]
        return known[-length:]

    def make(self, device: int, inode: int, offset: int) -> Trail:
        """Return the trail of the file as read up to `offset`, which lies within the bytes that are kept."""
        with self._lock:
            start, before = self.gap
            tail = before if offset == start else self.look_back(TAIL, behind=self.offset - offset)
            return Trail(device, inode, offset, self.head[: min(HEAD, offset)], tail)
