"""Splits length-prefixed frames: octet counting (RFC 6587, 3.4.1)."""

import re

_NEWLINES = re.compile(rb"[\r\n]*")
_PREFIX = re.compile(rb"([1-9][0-9]{0,8}) (?=<)")  # nine digits: what more would say is above every limit
_PREFIX_BEGUN = re.compile(rb"(?:[1-9][0-9]{0,8} ?)?")
_FRAME_BEGUN = re.compile(rb"(?<![0-9])[1-9][0-9]{0,8} <[0-9]{1,3}>[0-9]")
_FRAME_BEGUN_LONGEST = len(b"123456789 <123>1")


class LengthSplitter:
    """Splits length-prefixed frames: octet counting (RFC 6587, 3.4.1).

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
