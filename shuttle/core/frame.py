"""Frames lines as RFC 5424 syslog, each with its length before it (RFC 6587, 3.4.1), and makes the L12 and L13 reports.

Strategy: no Python byte-code runs for each line. A run of lines that were read at the same time shares one header.
Slice assignment fills the list [prefix, header, line, prefix, header, line, ...], and C code joins it. The prefixes are
looked up by `map(len, lines)` in a table, which computes the prefix of each length once. The newline that ends a frame
is written at the beginning of the next frame's prefix. The table has no prefix for a line that is too long for one
frame. Only a run that holds such a line takes the slow path.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from shuttle.core.utf8 import LONGEST, divide

FRAME_LIMIT = 10_240  # bytes, header included: a longer frame is malformed to logplex

PLACEHOLDER = r"\{(?:path|name|stem)\}"  # in appname and procid: the file that a line came from
InputFormat = Literal["raw", "rfc5424", "lprfc5424"]

_HIGHEST_COUNT = 10**15  # lines; a century of 300,000 a second
_PREFIX_ROOM = len(b"10240 ")
_HEADER = (  # as text: `re` compiles it when it is first used; most runs never need it
    rb"<\d{1,3}>\d{1,3}(?: [^ \n]{1,255}){5} (?:(?:-|(?:\[(?:[^\"\\\]]|\"(?:[^\"\\]|\\.)*\")*\])+) )?"
)
_REPORT_PRIVAL = 172  # local5.warning, as logplex writes its own


class Framing(NamedTuple):
    """The settings of frames: the fields of their header, the format of the lines, and limits in bytes."""

    prival: str
    syslog_version: str
    hostname: str
    appname: str
    procid: str
    msgid: str
    """MSGID, and structured data behind a space."""
    input_format: InputFormat
    max_line_length: int
    """A longer raw line becomes several frames."""
    batch_bytes: int
    """The frames of a batch and its two reports fit into this."""


class Run(NamedTuple):
    """Some lines as they are sent."""

    body: bytes
    frames: int
    long: tuple[tuple[int, int], ...] = ()
    """(index of a line, its number of frames) for each line that made more than one."""


class FramesError(ValueError):
    """A body is not the frames that it should be."""


class _TooLongError(Exception):
    """A line does not fit one frame."""


class _Prefixes(dict[int, bytes]):
    """The text before a line's header, by the length of the line."""

    def __init__(self, pattern: bytes, added: int, limit: int) -> None:
        super().__init__()
        self._pattern = pattern
        self._added = added
        self._limit = limit

    def __missing__(self, length: int) -> bytes:
        if length > self._limit:
            raise _TooLongError
        prefix = self[length] = self._pattern % (length + self._added)
        return prefix


class Framer:
    """Makes frames of lines.

    No frame is longer than 10,240 bytes, its length prefix included. A raw line of more than `max_line_length` bytes,
    its newline not counted, becomes several frames. A ready frame that is too long becomes several with the same
    header. No UTF-8 character is divided.
    """

    def __init__(self, framing: Framing) -> None:
        fields = f"{framing.hostname} {framing.appname} {framing.procid} {framing.msgid} "
        self._raw = framing.input_format == "raw"
        self._report_before = f"<{_REPORT_PRIVAL}>{framing.syslog_version} "
        self._report_after = f" heroku {framing.appname} log-shuttle {framing.msgid} "
        self._before = f"<{framing.prival}>{framing.syslog_version} ".encode("ascii")
        self._after = f" {fields}".encode("ascii")
        self._end = b"" if framing.input_format == "lprfc5424" else b"\n"
        header = len(self._header(make_stamp(0.0))) if self._raw else 0
        self.batch_limit = framing.batch_bytes - self.report_room
        """The most bytes that the frames of a batch may take, so that its reports still fit the request."""
        room = min(FRAME_LIMIT, self.batch_limit) - _PREFIX_ROOM - header - len(self._end)
        self.piece_limit = min(framing.max_line_length, room) if self._raw else room
        """The longest line, in bytes, that makes one frame."""
        self.overhead = _PREFIX_ROOM + header + len(self._end)
        """The most bytes that a frame adds to its piece of a line."""
        self._prefixes = _Prefixes(self._end + b"%d ", header + len(self._end), self.piece_limit)
        shortest = max(1, self.piece_limit - LONGEST if self._raw else self.piece_limit // 2)
        self.line_limit = max(1, self.batch_limit // (self.piece_limit + self.overhead)) * shortest
        """The longest line, in bytes, whose frames are sure to fit a batch; the input cuts longer ones."""

    def frame(self, lines: Sequence[bytes], stamp: str) -> Run:
        """Frame `lines`, one or more, that were read at `stamp`."""
        header = self._header(stamp) if self._raw else b""
        try:
            return Run(self._join(lines, header), len(lines))
        except _TooLongError:
            pieces, long = self._divide(lines)
            return Run(self._join(pieces, header), len(pieces), long)

    @property
    def report_room(self) -> int:
        """The size in bytes of the two reports of a batch, at most."""
        stamp = make_stamp(0.0)
        return 2 * len(self.report("L12", _HIGHEST_COUNT, since=stamp, stamp=stamp))

    def report(self, code: str, count: int, *, since: str, stamp: str) -> bytes:
        """Return the frame that reports `count` lines dropped (L12) or lost (L13) since `since`."""
        word = {"L12": "dropped", "L13": "lost"}[code]
        text = f"Error {code}: {count} messages {word} since {since}\n"
        frame = f"{self._report_before}{stamp}{self._report_after}{text}".encode("ascii")
        return b"%d %b" % (len(frame), frame)

    def _header(self, stamp: str) -> bytes:
        return b"%b%b%b" % (self._before, stamp.encode("ascii"), self._after)

    def _join(self, pieces: Sequence[bytes], header: bytes) -> bytes:
        parts = [header] * (3 * len(pieces))
        parts[0::3] = map(self._prefixes.__getitem__, map(len, pieces))
        parts[2::3] = pieces
        parts[0] = parts[0].removeprefix(self._end)
        parts.append(self._end)
        return b"".join(parts)

    def _divide(self, lines: Sequence[bytes]) -> tuple[list[bytes], tuple[tuple[int, int], ...]]:
        divided: list[bytes] = []
        long = []
        for index, line in enumerate(lines):
            pieces = [line] if len(line) <= self.piece_limit else self._divide_line(line)
            divided += pieces
            if len(pieces) > 1:
                long.append((index, len(pieces)))
        return divided, tuple(long)

    def _divide_line(self, line: bytes) -> list[bytes]:
        if self._raw:
            return divide(line, self.piece_limit)
        header = _read_header(line, self.piece_limit // 2)
        return [header + piece for piece in divide(line[len(header) :], self.piece_limit - len(header))]


def _read_header(frame: bytes, longest: int) -> bytes:
    """Return the header of a ready frame, which each of its pieces repeats; nothing if it cannot be read."""
    match = re.compile(_HEADER, re.DOTALL).match(frame, 0, longest)
    return match[0] if match else b""


def make_stamp(seconds: float) -> str:
    """Return the time `seconds` after the epoch as written in frames: UTC, microseconds, 32 bytes (RFC 5424, 6.2.3)."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def split_body(body: bytes, count: int) -> list[bytes]:
    """Return the `count` frames that `body` holds, each with its length prefix.

    Raises:
        FramesError: `body` is not so many frames back to back.
    """
    frames = []
    place = 0
    while place < len(body):
        try:
            space = body.index(b" ", place)
            end = space + 1 + int(body[place:space])
        except ValueError:
            raise FramesError("a frame has no length") from None
        if not space < end <= len(body):  # a length below zero would lead back, without end
            raise FramesError("a frame has not the length that it says")
        frames.append(body[place:end])
        place = end
    if len(frames) != count:
        raise FramesError(f"a body of {count} frames has {len(frames)}")
    return frames
