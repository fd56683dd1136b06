"""Reads bodies: cheaply in a timed run, line by line in a verification.

Strategy: all lines of a run have one length and no newline inside, so the frames of a body have one length too. The
numbers of the lines then stand in columns, and a sum over each column of digits is a sum over the numbers.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.corpus import NUMBER, Corpus

_ZERO = ord("0")


@dataclass(slots=True)
class Tally:
    """What arrived."""

    requests: int = 0
    lines: int = 0
    """By the newlines in the bodies."""
    announced: int = 0
    """By Logplex-Msg-Count, reports of loss left out."""
    number_sum: int = 0
    odd: int = 0
    """Bodies that are not frames of one length."""
    plain_bytes: int = 0
    wire_bytes: int = 0
    """Before the bodies were unpacked."""
    last_ns: int = 0
    """When the last body ended, on the system's monotonic clock."""
    cpu: float = 0.0
    """Seconds of CPU that the drain used."""

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in asdict(self).items())


class MismatchError(Exception):
    """What arrived is not what was sent."""


def count_lines(body: bytes, *, reports: int, line_bytes: int) -> tuple[int, int]:
    """Return how many lines `body` holds after its `reports` loss reports, and the sum of their numbers.

    Raises:
        MismatchError: They are not lines of `line_bytes` bytes in frames of one length.
    """
    start = 0
    for _ in range(reports):
        start = body.find(b"\n", start) + 1
    lines = body.count(b"\n", start)
    if not lines:
        return 0, 0
    frame = body.find(b"\n", start) + 1 - start
    if lines * frame != len(body) - start or frame < line_bytes:
        raise MismatchError(f"{len(body) - start} bytes are not {lines} frames of {frame} bytes")
    place = start + frame - line_bytes
    total = 0
    for column in range(place, place + NUMBER):
        total = 10 * total + sum(body[column::frame]) - _ZERO * lines
    return lines, total


def check(tally: Tally, *, lines: int, number_sum: int) -> None:
    """Check that a timed run delivered only what was sent. Fewer lines are a loss, not a mismatch.

    Raises:
        MismatchError: It did.
    """
    if tally.odd:
        raise MismatchError(f"{tally.odd} bodies do not hold the lines that were sent")
    if tally.announced not in (0, tally.lines):
        raise MismatchError(f"Logplex-Msg-Count says {tally.announced} lines, and {tally.lines} arrived")
    if tally.lines > lines:
        raise MismatchError(f"{tally.lines} lines arrived of {lines}")
    if tally.lines == lines and tally.number_sum != number_sum:
        raise MismatchError("some lines arrived twice and others not at all")


def read_records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the bodies that a drain kept in `path`, each with the time it ended, in ns of the monotonic clock."""
    with path.open("rb") as file:
        while head := file.readline():
            arrived, length = map(int, head.split())
            yield arrived, file.read(length)


def split_frames(body: bytes) -> list[bytes]:
    """Return the frames of `body`: by their lengths if the first begins with one, else by newlines.

    Raises:
        MismatchError: The lengths are wrong.
    """
    if not body[:1].isdigit():
        return body.splitlines(keepends=True) if b"\r" not in body else [x + b"\n" for x in body.split(b"\n")[:-1]]
    frames = []
    place = 0
    while place < len(body):
        length, space, _ = body[place : place + 16].partition(b" ")
        if not space or not length.isdigit():
            raise MismatchError(f"no length but {length!r} before a frame")
        place += len(length) + 1
        frames.append(body[place : place + int(length)])
        place += int(length)
    if place != len(body):
        raise MismatchError("a frame is shorter than its length says")
    return frames


def verify(corpus: Corpus, kept: Path) -> dict[int, int]:
    """Check every line that a drain kept against the file that was sent, byte by byte.

    Returns:
        When each line arrived first, by its number, in ns of the monotonic clock.

    Raises:
        MismatchError: A line is not as it was sent, or came more often.
    """
    sent = corpus.path.read_bytes()
    arrivals = bytearray(corpus.block)
    first: dict[int, int] = {}
    for arrived, body in read_records(kept):
        for frame in split_frames(body):
            if b" log-shuttle - - Error L1" in frame:  # a report of loss
                continue
            line = frame[-corpus.line_bytes :]
            if not line[:NUMBER].isdigit() or int(line[:NUMBER]) >= corpus.block:
                raise MismatchError(f"no line of the input ends in {frame[-40:]!r}")
            number = int(line[:NUMBER])
            if line != sent[number * corpus.line_bytes : (number + 1) * corpus.line_bytes]:
                raise MismatchError(f"line {number} was changed")
            arrivals[number] += 1
            first.setdefault(number, arrived)
            if arrivals[number] > corpus.repeats:
                raise MismatchError(f"line {number} arrived more often than it was sent")
    return first
