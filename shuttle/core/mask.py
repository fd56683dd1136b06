"""Masks credentials in text that others wrote, however they are encoded there.

Theory of operation: a text is read as it stands, and as its receiver would decode it: percent-encodings and the escapes
of JSON, Python and HTML become the bytes that they stand for, and each byte knows the characters it came from. In every
reading each run of RUN bytes is looked up among the runs of the secrets, and of what base64 makes of them. What is
found is masked with all characters it came from. So it does not matter which characters were encoded, how, or how
often, and a part of a secret is masked like the whole of it.

Where a text ends or says that it was shortened, a secret may have been cut in two: there the first SHORTEST bytes of a
secret are enough, and no more than SHORTEST - 1 of them can be seen.

A secret of less than SHORTEST bytes is not masked: it would be found in ordinary words. Base64 is masked up to both of
its ends, and with it what stands beside it and looks the same, such as the path /in/ before it.
"""

import base64
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

SHORTEST = 4  # bytes of a secret that is masked
RUN = 8  # bytes in a row that are masked wherever they stand; fewer would be found in ordinary words too
MASKED = "***"
PUBLIC = "token"  # the user by convention: a drain may well say that it knows no such token

# As text: `re` compiles each when it is first used, and keeps it; most runs show nothing that could hold a secret.
_PERCENT = r"%(?:25)*(?P<percent>[0-9a-fA-F]{2})"
_ESCAPE = (
    r"\\+(?:u(?P<code>[0-9a-fA-F]{4})|x(?P<byte>[0-9a-fA-F]{2})|(?P<char>[^\\%&])|)"
    r"|&(?:amp;)*(?:#(?P<decimal>[0-9]{1,6})|#[xX](?P<hex>[0-9a-fA-F]{1,5})|(?P<name>amp|lt|gt|quot|apos));"
)
_ENCODED = (_PERCENT, _ESCAPE, f"{_PERCENT}|{_ESCAPE}")
_NAMES = {"amp": b"&", "lt": b"<", "gt": b">", "quot": b'"', "apos": b"'"}
_BASE64 = rb"[A-Za-z0-9+/]+={0,2}"
_STANDARD = bytes.maketrans(b"-_", b"+/")
_SHORTEST_BASE64 = 5  # characters that hold SHORTEST bytes but for two bits
# What is left of an encoded character, and where a text ends or is shortened.
_CUT = (
    r"(?:%(?:25){0,9}[0-9a-fA-F]?|\\{1,9}(?:u[0-9a-fA-F]{0,3}|x[0-9a-fA-F]?)?|&(?:[a-z]{0,4}|#[0-9a-fA-FxX]{0,6}))?"
    r"(?P<end>\ufffd{0,3}(?:\s{0,9}\Z|\.\.\.|\u2026))"
)
# Credentials of Amazon's that are found at run time, as its answers quote them.
_AWS = r"(?i)(?P<name>x-amz-security-token[\"']?\s?[:=]\s?[\"']?|\bSignature=)[^\s\"',&]+|\bA[SK]IA[A-Z0-9]{12,}"

Span = tuple[int, int]


class _Reading(NamedTuple):
    """A text as bytes; each came from the characters `starts` to `ends`."""

    data: bytes
    starts: Sequence[int]
    ends: Sequence[int]


class _Runs:
    """The runs of secrets; `shortest` bytes of a beginning are found at a cut."""

    def __init__(self, shortest: int) -> None:
        self._shortest = shortest
        self._runs: dict[int, set[bytes]] = {}  # by their length: that of the secret if it is shorter than RUN
        self._beginnings: set[bytes] = set()

    def add(self, secret: bytes) -> None:
        length = min(len(secret), RUN)
        runs = (secret[start : start + length] for start in range(len(secret) - length + 1))
        self._runs.setdefault(length, set()).update(runs)
        self._beginnings.update(secret[:end] for end in range(self._shortest, length))

    def discard_beginnings(self, text: bytes) -> None:
        """Find no beginning of a secret that is one of `text` too."""
        self._beginnings = {beginning for beginning in self._beginnings if not text.startswith(beginning)}

    def find(self, data: bytes, cuts: Sequence[int]) -> Iterator[Span]:
        """Yield where in `data` a run stands, or the beginning of one before one of `cuts`."""
        for length, runs in self._runs.items():
            for start in range(len(data) - length + 1):
                if data[start : start + length] in runs:
                    yield start, start + length
        for cut in cuts:
            for start in range(max(0, cut - RUN), cut - self._shortest + 1):
                if data[start:cut] in self._beginnings:
                    yield start, cut


class Mask:
    """Puts MASKED in the place of `secrets`. A secret that is PUBLIC, or shorter than SHORTEST bytes, stays."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._plain = _Runs(SHORTEST)
        self._base64 = _Runs(_SHORTEST_BASE64)
        for secret in set(secrets) - {PUBLIC}:
            readings = [reading.data for reading in _read(secret)]
            if min(map(len, readings)) >= SHORTEST:
                for data in readings:
                    self._plain.add(_fold(data))
                for data in _encode_base64(readings[0]):
                    self._base64.add(data)
        self._plain.discard_beginnings(f"{PUBLIC}:".encode())

    def __call__(self, text: str) -> str:
        """Return `text` with every secret masked."""
        text = re.sub(_AWS, lambda found: (found["name"] or "") + MASKED, text)
        cuts = list(_find_cuts(text))
        spans = [
            (reading.starts[start], reading.ends[end - 1])
            for reading in _read(text)
            for start, end in self._find(reading, cuts)
        ]
        return _replace(text, sorted(spans)) if spans else text

    def _find(self, reading: _Reading, cuts: Sequence[int]) -> Iterator[Span]:
        """Yield where in `reading` secrets stand; at the characters `cuts` the text ends or is shortened."""
        cuts = [bisect_left(reading.starts, cut) for cut in cuts]
        yield from self._plain.find(_fold(reading.data), cuts)
        data = reading.data.translate(_STANDARD)
        if found := list(self._base64.find(data, cuts)):
            whole = [match.span() for match in re.finditer(_BASE64, data)]
            yield from (span for span in whole if any(span[0] <= start < span[1] for start, _ in found))


def find_secrets(value: str, *, in_path: bool = True) -> Iterator[str]:
    """Yield what must not be shown of a secret setting: all of a token; of a URL its user, password, and any tokens.

    A part of the path is a token if it has as many characters as a run has bytes, unless `in_path` says that none is;
    so is each value of the query.
    """
    _, separator, rest = value.partition("://")
    if not separator:
        yield value
        return
    userinfo, _, location = rest.rpartition("@")
    location, _, fragment = location.partition("#")
    user, _, password = userinfo.partition(":")
    yield from map(_unquote, (user, password))
    if len(password) < SHORTEST:
        yield _unquote(userinfo)
    if not in_path:
        return
    path, _, query = location.partition("?")
    yield from (part for part in map(_unquote, path.split("/")[1:]) if len(part) >= RUN)
    for name, equals, text in (pair.partition("=") for pair in query.split("&")):
        yield _unquote(text if equals else name)
    yield _unquote(fragment)


def _unquote(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def _read(text: str) -> Iterator[_Reading]:
    """Yield `text` as it stands and as it is decoded: each kind of encoding for itself, and both together.

    What one kind decodes may only look encoded, as a % in a secret does that stands before digits.
    """
    if text.isascii():
        yield _Reading(text.encode("ascii"), range(len(text)), range(1, len(text) + 1))
    else:
        plain = _Collected()
        plain.add(text, 0)
        yield plain.finish()
    if "%" in text or "\\" in text or "&" in text:
        yield from (_decode(text, encoded) for encoded in _ENCODED)


def _decode(text: str, encoded: str) -> _Reading:
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

    def finish(self) -> _Reading:
        return _Reading(bytes(self._data), self._starts, self._ends)


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


def _encode_base64(data: bytes) -> Iterator[bytes]:
    """Yield what `data` is in base64 behind 0, 1 and 2 other bytes, without what depends on its neighbours."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data)
        yield encoded[-(-8 * before // 6) : 8 * (before + len(data)) // 6]


def _fold(data: bytes) -> bytes:
    return data.lower().replace(b"+", b" ")  # a form has + for a space


def _find_cuts(text: str) -> Iterator[int]:
    for found in re.finditer(_CUT, text):
        yield from {found.start(), found.start("end")}  # what looks like a part of an encoded character may be none


def _replace(text: str, spans: Iterable[Span]) -> str:
    """Put MASKED in the place of `spans`, which are in order; those that touch count as one."""
    pieces: list[str] = []
    place = -1
    for start, end in spans:
        if start > place:
            pieces += (text[max(place, 0) : start], MASKED)
        place = max(place, end)
    return "".join(pieces) + text[max(place, 0) :]
