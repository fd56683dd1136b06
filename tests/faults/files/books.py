"""The books: which lines were written, where, and which have arrived; the oracle compares them."""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from pathlib import Path

from shuttle.local_drain.syslog import read_message

_LINE = re.compile(rb"([a-z]+) (\d{8}) x*\n")
_TORN = re.compile(rb"(?:[a-z]+(?: (?:\d{1,8}(?: x*)?)?)?)?\n")  # the beginning of a line
_REPORT = re.compile(rb"Error (L1[23]): (\d+) messages ")
_PADDING = 120  # bytes at most: lines of many lengths, so that offsets are

Line = tuple[str, int]
"""The name of a file, and the number of a line in it."""


def make_line(line: Line) -> bytes:
    """Return the line as it is written, the newline included: nothing of it is told by chance."""
    name, number = line
    return b"%b %08d %b\n" % (name.encode("ascii"), number, b"x" * (number * 7919 % _PADDING))


class Fate(Enum):
    """What became of a generation of a file, and so what can be expected of its lines."""

    KEPT = "kept"
    """It can be read: live, rotated, compressed or deleted when all of it had arrived."""
    DELETED = "deleted"
    """Unlinked while the agent had it open."""
    TRUNCATED = "truncated"
    """Without a copy, when the agent had seen it."""
    GONE = "gone"
    """Truncated without a copy, and no agent ran."""


@dataclass(eq=False)
class Generation:
    """What stood in a file from its creation or truncation to the next."""

    name: str
    books: "Books"
    fate: Fate = Fate.KEPT
    place: Path | None = None
    """Where it was rotated to."""
    lines: list[Line] = field(default_factory=list)
    _checked: int = 0

    @property
    def has_begun_to_arrive(self) -> bool:
        return any(line in self.books.arrived for line in self.lines[:1000])

    @property
    def has_arrived(self) -> bool:
        while self._checked < len(self.lines) and self.lines[self._checked] in self.books.arrived:
            self._checked += 1
        return self._checked == len(self.lines)

    @property
    def missing(self) -> list[Line]:
        return [line for line in self.lines if line not in self.books.arrived]


class Books:
    """What was written and what has arrived. Writers, and the threads of the drain, enter it."""

    def __init__(self) -> None:
        self.generations: list[Generation] = []
        self.arrived: dict[Line, str] = {}
        self.told: Counter[str] = Counter()  # lines that reports have told of, by code
        self.duplicates = self.again = self.doubled = self.changed = self.garbled = self.torn = 0
        self.events: list[str] = []  # what happened when, to be read beside the log of the agent
        self.counts: Counter[str] = Counter()
        self.changed_at = time.monotonic()
        self._bodies: dict[str, list[bytes]] = {}
        self._answered: set[str] = set()  # ids: the drain has said that it took the request
        self._lock = threading.Lock()

    def note(self, event: str, kind: str = "") -> None:
        """Enter what happened, and count it by its kind."""
        stamp = time.strftime("%H:%M:%S", time.gmtime()) + f"{time.time() % 1:.3f}"[1:]
        self.events.append(f"{stamp} {event}")
        if kind:
            with self._lock:
                self.counts[kind] += 1

    def take(self, frame_id: str, frames: list[bytes], *, answered: bool) -> None:
        """Enter a request that the drain has taken, and whether it says so."""
        with self._lock:
            if answered:
                self._answered.add(frame_id)
            self.changed_at = time.monotonic()
            messages = [(frame, read_message(frame)) for frame in frames]
            body = [frame for frame, message in messages if not _REPORT.match(message)]
            if frame_id in self._bodies:
                self.duplicates += len(frames)
                if not set(body) <= set(self._bodies[frame_id]):
                    self.changed += 1
                    self.note(f"frame id {frame_id} came again with other lines: {messages!r}")
                return
            self._bodies[frame_id] = body
            for _, message in messages:
                self._take_message(message, frame_id)

    def _take_message(self, message: bytes, frame_id: str) -> None:
        if report := _REPORT.match(message):
            self.told[report[1].decode()] += int(report[2])
            self.note(f"the drain was told: {message!r}")
            return
        found = _LINE.fullmatch(message)
        line = (found[1].decode(), int(found[2])) if found else ("", 0)
        if make_line(line) != message:
            if _TORN.fullmatch(message):
                self.torn += 1
            else:
                self.garbled += 1
            self.note(f"torn or garbled: {message!r}")
        elif line in self.arrived and self.arrived[line] not in self._answered:
            self.again += 1
            self.arrived[line] = frame_id
        elif line in self.arrived:
            self.doubled += 1
            if self.doubled < 1000:
                self.note(f"doubled: {line} under {self.arrived[line]} and {frame_id}")
        else:
            self.arrived[line] = frame_id

    def find_missing(self, *fates: Fate) -> list[Line]:
        """Return the lines of generations with these fates that have not arrived."""
        return [line for generation in self.generations if generation.fate in fates for line in generation.missing]

    def describe_missing(self) -> Iterator[str]:
        """Say of each generation that is not complete what is missing."""
        for place, generation in enumerate(self.generations):
            if missing := [number for _, number in generation.missing]:
                name, fate, all_ = generation.name, generation.fate.value, [number for _, number in generation.lines]
                where = generation.place.name if generation.place else "live or gone"
                yield (
                    f"generation {place} of {name}, {fate}, {where}: lines {list(_find_runs(all_))}; "
                    f"missing {len(missing)}: {list(_find_runs(missing))}"
                )


def _find_runs(numbers: list[int]) -> Iterator[str]:
    """Yield the runs of consecutive numbers, each as first-last."""
    if not numbers:
        return
    first = numbers[0]
    for one, other in pairwise([*numbers, -1]):
        if other != one + 1:
            yield f"{first}-{one}"
            first = other
