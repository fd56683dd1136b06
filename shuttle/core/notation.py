r"""Notations: ways to encode a character, such as a newline: %0A, \n, \012, &#10;, Cg==, 0a.

Each function decodes a text once: what was encoded twice must be decoded twice. An encoding that is incomplete where
the text is cut decodes to nothing.
"""

import base64
import re
from collections.abc import Callable, Iterator

from shuttle.core.reading import CUT, Reading, encode_byte, repair, substitute, unpack

_SURROGATE = rb"u[dD][89abAB][0-9a-fA-F]{2}"  # the first of two that are one character
_PERCENT = (
    rb"%(?:(?:"
    + _SURROGATE
    + rb"(?:%(?:u[0-9a-fA-F]{0,3})?)?|[0-9a-fA-F]|u[0-9a-fA-F]{0,3})?"
    + CUT
    + rb"|(?P<byte>[0-9a-fA-F]{2})|u(?P<code>[0-9a-fA-F]{4}))"
)
_ESCAPE = (
    rb"(?s)\\(?:(?:" + _SURROGATE + rb"(?:\\(?:u[0-9a-fA-F]{0,3})?)?"
    rb"|[ux]\{[0-9a-fA-F]{0,8}|u[0-9a-fA-F]{0,3}|x[0-9a-fA-F]?|U[0-9a-fA-F]{0,7}|[0-7]{1,2})?"
    + CUT
    + rb"|u(?P<code>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})|[ux]\{(?P<braced>[0-9a-fA-F]{1,8})\}"
    rb"|x(?P<byte>[0-9a-fA-F]{2})|(?P<octal>[0-7]{1,3})|(?P<letter>[^\xfe]))"
)
_REFERENCE = (
    rb"&(?:#(?P<decimal>[0-9]{1,8});|#[xX](?P<code>[0-9a-fA-F]{1,8});|(?P<name>[A-Za-z][0-9A-Za-z]{1,31});"
    rb"|(?:#?[0-9A-Za-z]{0,9})" + CUT + rb")"
)
_LETTERS = {
    bytes((letter,)): bytes((meant,)) for letter, meant in zip(b"abfnrtveE", b"\a\b\f\n\r\t\v\x1b\x1b", strict=True)
}
_BASES = {"byte": 16, "octal": 8, "decimal": 10, "code": 16, "long": 16, "braced": 16}
_BYTES = ("byte", "octal")
_HIGHEST = 0x10FFFF
_BASE64 = (
    rb"(?:[A-Za-z0-9+/_-]{57,200}\r?\n[ \t]{0,40})+[A-Za-z0-9+/_-]+={0,2}"  # in lines
    rb"|[A-Za-z0-9+/_-]{6,}={0,2}"
)
_STANDARD = bytes.maketrans(b"-_", b"+/")
_GAP = rb"[ \t\r\n:,+-]"
_HEX = (
    rb"(?i)[0-9a-f]{2}(?:" + _GAP + rb"{0,2}(?:0x)?[0-9a-f]{2}){3,}+"
    rb"(?:" + _GAP + rb"{0,2}(?:0x)?[0-9a-f]|" + _GAP + rb"{1,2}" + CUT + rb")?"
)


def read_percent(reading: Reading) -> Reading:
    """Decode the notation of URLs and forms."""
    return repair(substitute(reading, _PERCENT, _mean))


def read_escapes(reading: Reading) -> Reading:
    """Decode the escapes of JSON, Python, Go, C and similar languages."""
    return repair(substitute(reading, _ESCAPE, _mean))


def read_references(reading: Reading) -> Reading:
    """Read HTML and XML."""
    return repair(substitute(reading, _REFERENCE, _mean))


def read_base64(reading: Reading) -> Reading:
    """Decode each stretch of base64 from any of four offsets: text before it may look like a part."""
    return unpack(reading, _BASE64, _unpack_base64)


def read_hex(reading: Reading) -> Reading:
    """Decode each stretch of hexadecimal digits, from either of two offsets."""
    return unpack(reading, _HEX, _unpack_hex)


NOTATIONS: tuple[Callable[[Reading], Reading], ...] = (
    read_percent,
    read_escapes,
    read_references,
    read_base64,
    read_hex,
)


def _mean(found: re.Match[bytes]) -> bytes:
    """Return the decoded notation; the text itself if it is none."""
    kind = found.lastgroup
    if kind is None:  # not complete
        return b""
    if kind == "letter":
        return _LETTERS.get(found[kind], found[kind])
    if kind == "name":
        return _mean_name(found[kind].decode("ascii")) or found[0]
    number = int(found[kind], _BASES[kind])
    if kind in _BYTES:
        return encode_byte(number % 0x100)
    return chr(number).encode("utf-8", "surrogatepass") if number <= _HIGHEST else found[0]


def _mean_name(name: str) -> bytes:
    from html.entities import html5  # noqa: PLC0415  # start-up: few texts have a name

    return html5.get(f"{name};", "").encode()


def _unpack_base64(stretch: bytes) -> Iterator[bytes]:
    characters = re.sub(rb"[\s=]", b"", stretch).translate(_STANDARD)
    for start in range(4):
        rest = characters[start:]
        yield base64.b64decode(rest + b"A" * (-len(rest) % 4))[: len(rest) * 6 // 8]


def _unpack_hex(stretch: bytes) -> Iterator[bytes]:
    digits = re.sub(rb"0[xX]|[^0-9a-fA-F]", b"", stretch).decode("ascii")
    for start in range(2):
        yield bytes.fromhex(digits[start : len(digits) - (len(digits) - start) % 2])
