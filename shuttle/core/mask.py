"""Masks credentials in text from others, in whatever encoding they appear.

Theory of operation: a text is read as it is, in each notation (notation.py), in any two of them in turn, and in three
unless that takes too long. Each byte of a reading (reading.py) knows the characters that it came from. Every reading
is searched for runs of the secrets (runs.py), and all characters behind a run are masked. So it does not matter which
characters were encoded, and a part of a secret is masked like the whole.

Every reading is searched twice. The first search compares all bytes, ignoring case. The second compares only ASCII
letters and digits: these remain of a secret whose other characters were replaced, doubled or dropped, or that spans
several lines. It needs LETTERS_RUN of them, or all if there are at least LETTERS: fewer appear in ordinary words.

Where a text ends, or says that it was shortened, a secret may have been cut. There the first SHORTEST bytes of a
secret are enough, so at most SHORTEST - 1 of them can be seen. Spaces at the end do not count as part of it.

A secret of less than SHORTEST bytes is not masked: it would match ordinary words. Base64 and hexadecimal digits are
masked up to both of their ends, with similar text beside them, such as the path /in/ before them.

The cost is linear in the text, whatever it contains: all readings together have a bound, and the simplest come first.
"""

import re
from collections.abc import Iterable, Iterator

from shuttle.core.notation import NOTATIONS
from shuttle.core.reading import Reading, Span, read
from shuttle.core.runs import Runs
from shuttle.core.secret import find_forms

MASKED = "***"
PUBLIC = "token"  # the user by convention: a drain may well say that it knows no such token
LETTERS = 6  # and digits of a secret, at least, that is looked up by these alone
LETTERS_RUN = 12  # of them in a row, if there are as many: fewer of zq9-pass-word are an ordinary word

_DEPTH = 3  # notations in one another
_MOST = 64  # bytes of all readings for each of the text; two notations in one another never take more than 57
_LETTER = rb"[A-Za-z0-9\xfe\xff]"  # with END and BETWEEN
# Case is ignored, and which space it is: a form has + for one, and a line may end there.
_ALIKE = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ+\t\n\r", b"abcdefghijklmnopqrstuvwxyz    ")
# Credentials of Amazon's that are found at run time, as its answers quote them.
_NAME = r"x-amz-security-token[\\\"']{0,4}\s?[:=]\s?[\\\"']{0,4}"
_AWS = rf"(?i)(?P<name>{_NAME}|\bSignature=)[^\s\\\"',&]+|\bA[SK]IA[A-Z0-9]{{12,}}"


class Mask:
    """Replaces `secrets` by MASKED. A secret that is PUBLIC, or shorter than SHORTEST bytes, stays."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._known: set[str] = set()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Also mask these from now on."""
        self._known |= set(secrets) - {PUBLIC}
        forms = {form for secret in self._known for form in find_forms(secret)} - {PUBLIC.encode()}
        letters = {re.sub(rb"[^a-z0-9]", b"", form.lower()) for form in forms}
        self._exact = Runs((form.translate(_ALIKE) for form in forms), public=f"{PUBLIC}:".encode())
        self._letters = Runs(letters, run=LETTERS_RUN, shortest=LETTERS)

    @property
    def size(self) -> int:
        """How many secrets it knows: what it returns for a text is the same as long as this is."""
        return len(self._known)

    def __call__(self, text: str) -> str:
        """Return `text` with every secret masked."""
        text = re.sub(_AWS, lambda found: (found["name"] or "") + MASKED, text)
        spans = sorted(span for reading in _find_readings(text) for span in self._find(reading))
        return _replace(text, spans) if spans else text

    def _find(self, reading: Reading) -> Iterator[Span]:
        """Yield the characters of the text that a secret in `reading` came from."""
        yield from map(reading.locate, self._exact.find(reading.data.translate(_ALIKE)))
        letters = reading.keep(_LETTER)
        yield from map(letters.locate, self._letters.find(letters.data))


def _find_readings(text: str) -> Iterator[Reading]:
    """Yield `text` as it is, then in each notation, then in two of them, and so on; each reading once."""
    readings = [read(text)]
    seen = {readings[0].data}
    left = _MOST * len(readings[0].data)
    for _ in range(_DEPTH):
        yield from readings
        inner: list[Reading] = []
        for reading in (notation(outer) for outer in readings for notation in NOTATIONS):
            if reading.data in seen:
                continue
            left -= len(reading.data)
            if left < 0:
                break
            seen.add(reading.data)
            inner.append(reading)
        readings = inner
    yield from readings


def _replace(text: str, spans: Iterable[Span]) -> str:
    """Replace `spans`, which are in order, by MASKED; spans that touch count as one."""
    pieces: list[str] = []
    place = -1
    for start, end in spans:
        if start > place:
            pieces += (text[max(place, 0) : start], MASKED)
        place = max(place, end)
    return "".join(pieces) + text[max(place, 0) :]
