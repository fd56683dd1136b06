"""Splits bytes into lines in bounded memory. Here at newlines; octet_counting.py splits by length prefixes.

Strategy: a splitter takes each chunk of the input and returns the lines that are complete. The lines depend on the
bytes alone, not on how they were cut into chunks; the tests feed each case whole and byte by byte. The splitter keeps
the incomplete line, and never more than one line of `limit` bytes and one chunk: no input can fill the memory.
"""

from itertools import accumulate
from typing import Protocol

from shuttle.core.utf8 import divide


class Splitter(Protocol):
    """Splits a stream of bytes into lines."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` completes, without their newlines."""

    def finish(self) -> list[bytes]:
        """Return the last line, which the end of the input completes; no line if nothing is left."""

    def take_malformed(self) -> int:
        """Return how many stretches of input could not be read as lines since the last call."""

    def take_cuts(self) -> list[int]:
        """Return the indexes, in order, of those lines of the last call that had no newline behind them."""


class NewlineSplitter:
    """Splits lines at newlines. At the end of the input a last line without a newline counts too.

    A line of more than `limit` bytes becomes several lines. No UTF-8 character is divided.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest: list[bytes] = []  # the pieces of the line that is not complete
        self._rest_length = 0
        self._cuts: list[int] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` completes, without their newlines."""
        lines = chunk.split(b"\n")
        self._rest.append(lines[0])
        self._rest_length += len(lines[0])
        if len(lines) == 1 and self._rest_length <= self._limit:
            return []
        lines[0] = b"".join(self._rest)
        if max(len(chunk), self._rest_length) > self._limit:  # else none can be too long: no look at each line
            divided = [divide(line, self._limit) for line in lines]
            lines = [piece for pieces in divided for piece in pieces]
            ends = {end - 1 for end in accumulate(map(len, divided))}
            self._cuts = [index for index in range(len(lines) - 1) if index not in ends]
        rest = lines.pop()
        self._rest = [rest]
        self._rest_length = len(rest)
        return lines

    def finish(self) -> list[bytes]:
        """Return the last line, which the end of the input completes; no line if nothing is left."""
        line = b"".join(self._rest)
        self._rest = []
        self._rest_length = 0
        self._cuts = [0] if line else []
        return [line] if line else []

    def take_cuts(self) -> list[int]:
        """Return the indexes, in order, of those lines of the last call that had no newline behind them."""
        cuts, self._cuts = self._cuts, []
        return cuts

    def take_malformed(self) -> int:
        """Return 0: every stretch of bytes is a line."""
        return 0
