"""Readings: a text as bytes, with the characters that each byte came from."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

END = b"\xfe"  # stands where a text ends; no text in UTF-8 has it
BETWEEN = b"\xff"  # stands between bytes that do not belong together
MARKS = (END, *(mark.encode() for mark in ("...", "\u2026", " ...", " [...", " (...", " (trunc", " [trunc", "***")))
"""How a text says that it was cut."""
CUT = b"(?=" + b"|".join(map(re.escape, MARKS)) + b")"
"""A pattern that matches where a text may have been cut."""

_CHARACTER = rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
_PAIR = rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]"  # of surrogates
_ODD = rb"(?P<pair>" + _PAIR + rb")|" + _CHARACTER + rb"|(?P<byte>[\x80-\xf4])"
_TEXT = rb"(?:[\x00-\x7f]|" + _CHARACTER + rb"){2,}"  # among bytes that were unpacked from the wrong place
_NEVER = rb"(?P<byte>[\xf5-\xff])"  # in UTF-8
_TRAILING = r"\ufffd{0,3}[ \t\r\n]{0,9}\Z"  # what is left of a character that was cut in two, and spaces

Span = tuple[int, int]


class Reading(NamedTuple):
    """Bytes that came from characters: each from those from `starts` to `ends`."""

    data: bytes
    starts: Sequence[int]
    ends: Sequence[int]

    def locate(self, span: Span) -> Span:
        """Return the characters that the bytes of `span` came from."""
        return self.starts[span[0]], self.ends[span[1] - 1]

    def keep(self, pattern: bytes) -> "Reading":
        """Return those of the bytes that match `pattern`, in lower case."""
        places = [found.start() for found in re.finditer(pattern, self.data)]
        data = bytes(self.data[place] for place in places).lower()
        return Reading(data, [self.starts[place] for place in places], [self.ends[place] for place in places])


def read(text: str) -> Reading:
    """Return `text` as bytes, with END at its end, before a character that may be cut, and spaces."""
    end = re.search(_TRAILING, text)
    place = end.start() if end else len(text)
    if text.isascii():
        data = text.encode("ascii")
        starts = [*range(place), place, *range(place, len(text))]
        ends = [*range(1, place + 1), place, *range(place + 1, len(text) + 1)]
        return Reading(data[:place] + END + data[place:], starts, ends)
    chars = [repair_data(encode(char)) for char in text]
    chars.insert(place, END)
    starts, ends = [], []
    for index, char in enumerate(chars):
        first = index - (index > place)
        starts += [first] * len(char)
        ends += [first + (index != place)] * len(char)
    return repair(Reading(b"".join(chars), starts, ends))


def repair(reading: Reading) -> Reading:
    """Return `reading` in UTF-8: an invalid byte counts as Latin-1, and two surrogates as one character."""
    return reading if reading.data.isascii() else substitute(reading, _ODD, _repair_one)


def repair_data(data: bytes) -> bytes:
    """Return `data` in UTF-8, as `repair` does. There is no END in them."""
    return re.sub(_NEVER, _repair_one, re.sub(_ODD, _repair_one, data))


def substitute(reading: Reading, pattern: bytes, mean: Callable[[re.Match[bytes]], bytes]) -> Reading:
    """Return `reading` with each match of `pattern` replaced by the result of `mean`."""
    data = bytearray()
    starts: list[int] = []
    ends: list[int] = []
    place = 0
    for found in re.finditer(pattern, reading.data):
        start, end = found.span()
        meant = mean(found)
        data += reading.data[place:start] + meant
        starts += (*reading.starts[place:start], *[reading.starts[start]] * len(meant))
        ends += (*reading.ends[place:start], *[reading.ends[end - 1]] * len(meant))
        place = end
    data += reading.data[place:]
    return Reading(bytes(data), [*starts, *reading.starts[place:]], [*ends, *reading.ends[place:]])


def unpack(reading: Reading, pattern: bytes, unpack_each: Callable[[bytes], Iterable[bytes]]) -> Reading:
    """Return the texts in what `unpack_each` makes of each match of `pattern`: any byte came from all of the match."""
    data = bytearray()
    starts: list[int] = []
    ends: list[int] = []
    for found in re.finditer(pattern, reading.data):
        behind = END if re.compile(CUT).match(reading.data, found.end()) else BETWEEN
        unpacked = b"".join(BETWEEN.join(re.findall(_TEXT, content)) + behind for content in unpack_each(found[0]))
        start, end = reading.locate(found.span())
        data += unpacked
        starts += [start] * len(unpacked)
        ends += [end] * len(unpacked)
    return Reading(bytes(data), starts, ends)


def encode(text: str) -> bytes:
    """Return `text` in UTF-8; surrogates that stand for bytes become these."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that encodes no byte
        return text.encode("utf-8", "surrogatepass")


def encode_byte(byte: int) -> bytes:
    """Return `byte`; if it is none of UTF-8, such as END, the character of Latin-1."""
    return re.sub(_NEVER, _repair_one, bytes((byte,)))


def _repair_one(found: re.Match[bytes]) -> bytes:
    match found.lastgroup:
        case "pair":
            halves = found[0].decode("utf-8", "surrogatepass")
            return halves.encode("utf-16-be", "surrogatepass").decode("utf-16-be").encode()
        case "byte":
            return found[0].decode("latin-1").encode()
        case _:
            return found[0]
