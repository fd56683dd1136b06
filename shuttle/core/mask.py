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
from urllib.parse import unquote_to_bytes

from shuttle.core.decoding import Reading, Span, find_cuts, read

SHORTEST = 4  # bytes of a secret that is masked
RUN = 8  # bytes in a row that are masked wherever they stand; fewer would be found in ordinary words too
MASKED = "***"
PUBLIC = "token"  # the user by convention: a drain may well say that it knows no such token

_BASE64 = rb"[A-Za-z0-9+/]+={0,2}"
_STANDARD = bytes.maketrans(b"-_", b"+/")
_SHORTEST_BASE64 = 5  # characters that hold SHORTEST bytes but for two bits
# Credentials of Amazon's that are found at run time, as its answers quote them.
_AWS = r"(?i)(?P<name>x-amz-security-token[\"']?\s?[:=]\s?[\"']?|\bSignature=)[^\s\"',&]+|\bA[SK]IA[A-Z0-9]{12,}"


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
            readings = [reading.data for reading in read(secret)]
            if min(map(len, readings)) >= SHORTEST:
                for data in readings:
                    self._plain.add(_fold(data))
                for data in _encode_base64(readings[0]):
                    self._base64.add(data)
        self._plain.discard_beginnings(f"{PUBLIC}:".encode())

    def __call__(self, text: str) -> str:
        """Return `text` with every secret masked."""
        text = re.sub(_AWS, lambda found: (found["name"] or "") + MASKED, text)
        cuts = list(find_cuts(text))
        spans = [
            (reading.starts[start], reading.ends[end - 1])
            for reading in read(text)
            for start, end in self._find(reading, cuts)
        ]
        return _replace(text, sorted(spans)) if spans else text

    def _find(self, reading: Reading, cuts: Sequence[int]) -> Iterator[Span]:
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


def _encode_base64(data: bytes) -> Iterator[bytes]:
    """Yield what `data` is in base64 behind 0, 1 and 2 other bytes, without what depends on its neighbours."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data)
        yield encoded[-(-8 * before // 6) : 8 * (before + len(data)) // 6]


def _fold(data: bytes) -> bytes:
    return data.lower().replace(b"+", b" ")  # a form has + for a space


def _replace(text: str, spans: Iterable[Span]) -> str:
    """Put MASKED in the place of `spans`, which are in order; those that touch count as one."""
    pieces: list[str] = []
    place = -1
    for start, end in spans:
        if start > place:
            pieces += (text[max(place, 0) : start], MASKED)
        place = max(place, end)
    return "".join(pieces) + text[max(place, 0) :]
