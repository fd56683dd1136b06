"""Splits bytes into lines, by newline or by length prefix, in bounded memory.

Strategy: a splitter takes each chunk of the input and returns the lines that are complete. The lines depend on the
bytes alone, not on how they were cut into chunks; the tests feed each case whole and byte by byte. The splitter keeps
the incomplete line, and never more than one line of `limit` bytes and one chunk: no input can fill the memory.
"""

import re
from itertools import accumulate
from typing import Protocol

from shuttle.core.utf8 import divide

_NEWLINES = re.compile(rb"[\r\n]*")
_PREFIX = re.compile(rb"([1-9][0-9]{0,8}) (?=<)")  # nine digits: what more would say is above every limit
_PREFIX_BEGUN = re.compile(rb"(?:[1-9][0-9]{0,8} ?)?")
_FRAME_BEGUN = re.compile(rb"(?<![0-9])[1-9][0-9]{0,8} <[0-9]{1,3}>[0-9]")
_FRAME_BEGUN_LONGEST = len(b"123456789 <123>1")


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


class LengthSplitter:
    """Splits frames that follow each other, each behind its length: octet counting (RFC 6587, 3.4.1).

    A frame may hold newlines. Newlines between two frames, which some senders write, are skipped. A length is broken if
    it is no number, is above `limit`, or has no `<` behind it. Then the input is skipped up to the next beginning of a
    frame, and the stretch that was skipped counts once as malformed.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._wanted = 0  # bytes; a shorter rest cannot hold a complete frame and is not looked at again
        self._astray = False  # since a broken length no frame has been found
        self._malformed = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the frames that `chunk` completes, without their length prefixes."""
        self._rest += chunk
        if len(self._rest) < self._wanted:
            return []
        data = bytes(self._rest)
        frames: list[bytes] = []
        place = self._take_frames(data, int(self._astray), frames)
        self._rest = bytearray(
            data[place - self._astray :]
        )  # astray: with the byte before, to see where a number begins
        return frames

    def _take_frames(self, data: bytes, place: int, frames: list[bytes]) -> int:
        """Append the complete frames from `place` on to `frames`, and return the place where they end."""
        self._wanted = 0
        while True:
            if self._astray:
                found = _FRAME_BEGUN.search(data, place)
                if not found:
                    return max(place, len(data) - _FRAME_BEGUN_LONGEST + 1)
                place = found.start()
            prefix = _PREFIX.match(data, place)
            if prefix and (length := int(prefix[1])) <= self._limit:
                end = prefix.end() + length
                if end > len(data):
                    self._wanted = end - place + self._astray
                    return place
                frames.append(data[prefix.end() : end])
                place = end
                self._astray = False
            elif newlines := len(_NEWLINES.match(data, place)[0]):  # type: ignore[index]  # it matches everywhere
                place += newlines
            elif prefix or not _PREFIX_BEGUN.fullmatch(data, place):
                self._malformed += not self._astray
                self._astray = True
                place = prefix.end() if prefix else place + 1
            else:
                return place  # more bytes will tell

    def finish(self) -> list[bytes]:
        """Return no line: a frame that the end of the input cuts off counts as malformed."""
        if not self._astray and self._rest.strip(b"\r\n"):
            self._malformed += 1
        self._rest.clear()
        self._wanted = 0
        return []

    def take_cuts(self) -> list[int]:
        """Return no index: each frame ends where its length says."""
        return []

    def take_malformed(self) -> int:
        """Return how many stretches of input could not be read as frames since the last call."""
        malformed, self._malformed = self._malformed, 0
        return malformed
