"""The ring of messages: the newest ones, each with a number, in bounded memory."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

MOST = 10_000  # messages
MOST_BYTES = 16 * 1024 * 1024  # of theirs: at 10,240 bytes each there are not so many


class Stretch(NamedTuple):
    """Frames in a row."""

    first: int
    """The number of the first of them."""
    frames: list[bytes]

    @property
    def end(self) -> int:
        """The number behind the last of them."""
        return self.first + len(self.frames)


class MessageRing:
    """The newest frames.

    Attributes:
        first: The number of the oldest frame that is there. The first one of all has 1.
        end: The number that the next frame will have.
    """

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self.first = self.end = 1
        self._most = most
        self._most_bytes = most_bytes
        self._frames: deque[bytes] = deque()
        self._bytes = 0

    def extend(self, frames: Sequence[bytes]) -> None:
        """Take in `frames`, in place of the oldest if there are too many."""
        self._frames.extend(frames)
        self._bytes += sum(map(len, frames))
        self.end += len(frames)
        while len(self._frames) > self._most or self._bytes > self._most_bytes:
            self._bytes -= len(self._frames.popleft())
            self.first += 1

    def read(self, start: int, *, most: int, most_bytes: int) -> Stretch:
        """Return frames from the number `start` on, or from the oldest that is still there.

        There are `most` of them at most, and they have `most_bytes` at most, or there is one that has more.
        """
        start = max(start, self.first)
        frames: list[bytes] = []
        room = most_bytes
        for frame in islice(self._frames, start - self.first, start - self.first + most):
            room -= len(frame)
            if frames and room < 0:
                break
            frames.append(frame)
        return Stretch(start, frames)
