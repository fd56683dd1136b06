"""A text as bytes: as it stands, and as those who receive it would decode it."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# As text: `re` compiles each when it is first used, and keeps it; most runs never need one.
_PERCENT = r"%(?:25)*(?P<percent>[0-9a-fA-F]{2})"
_ESCAPE = (
    r"\\+(?:u(?P<code>[0-9a-fA-F]{4})|x(?P<byte>[0-9a-fA-F]{2})|(?P<char>[^\\%&])|)"
    r"|&(?:amp;)*(?:#(?P<decimal>[0-9]{1,6})|#[xX](?P<hex>[0-9a-fA-F]{1,5})|(?P<name>amp|lt|gt|quot|apos));"
)
_ENCODED = (_PERCENT, _ESCAPE, f"{_PERCENT}|{_ESCAPE}")
_NAMES = {"amp": b"&", "lt": b"<", "gt": b">", "quot": b'"', "apos": b"'"}
# What is left of an encoded character, and where a text ends or is shortened.
_CUT = (
    r"(?:%(?:25){0,9}[0-9a-fA-F]?|\\{1,9}(?:u[0-9a-fA-F]{0,3}|x[0-9a-fA-F]?)?|&(?:[a-z]{0,4}|#[0-9a-fA-FxX]{0,6}))?"
    r"(?P<end>\ufffd{0,3}(?:\s{0,9}\Z|\.\.\.|\u2026))"
)

Span = tuple[int, int]


class Reading(NamedTuple):
    """A text as bytes; each came from the characters `starts` to `ends`."""

    data: bytes
    starts: Sequence[int]
    ends: Sequence[int]


def read(text: str) -> Iterator[Reading]:
    """Yield `text` as it stands and as it is decoded: each kind of encoding for itself, and both together.

    What one kind decodes may only look encoded, as a % in a secret does that stands before digits.
    """
    if text.isascii():
        yield Reading(text.encode("ascii"), range(len(text)), range(1, len(text) + 1))
    else:
        plain = _Collected()
        plain.add(text, 0)
        yield plain.finish()
    if "%" in text or "\\" in text or "&" in text:
        yield from (_decode(text, encoded) for encoded in _ENCODED)


def _decode(text: str, encoded: str) -> Reading:
    decoded = _Collected()
    place = 0
    for found in re.finditer(encoded, text, re.DOTALL):
        decoded.add(text[place : found.start()], place)
        decoded.add_decoded(_decode_one(found), found.span())
        place = found.end()
    decoded.add(text[place:], place)
    return decoded.finish()


class _Collected:
    def __init__(self) -> None:
        self._data = bytearray()
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, text: str, place: int) -> None:
        """Add characters that stand for themselves, the first of which is at `place`."""
        if text.isascii():
            self._data += text.encode("ascii")
            self._starts += range(place, place + len(text))
            self._ends += range(place + 1, place + 1 + len(text))
            return
        for index, char in enumerate(text, place):
            self.add_decoded(_encode(char), (index, index + 1))

    def add_decoded(self, data: bytes, span: Span) -> None:
        """Add the bytes that the characters of `span` stand for."""
        self._data += data
        self._starts += [span[0]] * len(data)
        self._ends += [span[1]] * len(data)

    def finish(self) -> Reading:
        return Reading(bytes(self._data), self._starts, self._ends)


def _encode(char: str) -> bytes:
    try:
        return char.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return char.encode("utf-8", "surrogatepass")


def _decode_one(found: re.Match[str]) -> bytes:
    value = found[found.lastgroup or 0]
    match found.lastgroup:
        case "percent" | "byte":
            return bytes.fromhex(value)
        case "code" | "hex":
            return _encode(chr(int(value, 16)))
        case "decimal":
            return _encode(chr(int(value)))
        case "name":
            return _NAMES[value]
        case "char":  # behind backslashes
            return _encode(value)
        case _:  # backslashes alone
            return b""


def find_cuts(text: str) -> Iterator[int]:
    """Yield where `text` ends or says that it was shortened, and where an encoded character before that is cut."""
    for found in re.finditer(_CUT, text):
        yield from {found.start(), found.start("end")}  # what looks like a part of an encoded character may be none
