"""Positions in a file: how much of it is in batches, and which stretch each batch holds.

A span holds only lines: bytes that are skipped lie between two spans.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """The stretch of a file that holds some lines of a batch. They can be read again from there."""

    file: int
    """The number that the checkpoints know the file by."""
    start: int
    end: int
    lines: int
    stamp: str
    """When they were read, as frames have it."""
    skip: int = 0
    """Lines of the stretch before them that are settled."""


def select_spans(spans: Sequence[Span], first: int, lines: int) -> tuple[Span, ...]:
    """Return where `lines` of the spans' lines stand, from index `first` on."""
    found = []
    for span in spans:
        start, end = max(0, first), min(first + lines, span.lines)
        if start < end:
            found.append(span._replace(lines=end - start, skip=span.skip + start))
        first -= span.lines
    return tuple(found)


class Position:
    """How far a file's bytes are in batches."""

    def __init__(self, file: int, offset: int) -> None:
        self.file = file
        self.offset = offset
        self._cuts: list[int] = []

    def cut(self, indexes: Sequence[int]) -> None:
        """Note which of the next lines have no newline: all pieces of a line that is too long, but the last."""
        self._cuts = list(indexes)

    def skip(self, length: int) -> None:
        """Skip the next `length` bytes, which are in no line. Every line before them was taken."""
        self.offset += length

    def take(self, lines: Sequence[bytes], stamp: str) -> Span:
        """Return the stretch of the file that holds `lines`, which are its next."""
        start = self.offset
        self.offset += sum(map(len, lines)) + len(lines)
        if self._cuts:
            self.offset -= bisect_left(self._cuts, len(lines))
            self._cuts = [index - len(lines) for index in self._cuts if index >= len(lines)]
        return Span(self.file, start, self.offset, len(lines), stamp)
