"""The books: which lines were written, where, and which have arrived; the oracle compares them."""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from shuttle.local_drain.syslog import read_message
from tests.faults.files.arrivals import Arrivals, Line, Request
from tests.faults.files.evidence import Trace
from tests.faults.files.generations import Fate, Generation

_LINE = re.compile(rb"([a-z]+) (\d{8}) x*\n")
_TORN = re.compile(rb"(?:[a-z]+(?: (?:\d{1,8}(?: x*)?)?)?)?\n")  # the beginning of a line
_REPORT = re.compile(rb"Error (L1[23]): (\d+) messages ")
_PADDING = 120  # bytes at most: lines of many lengths, so that offsets are
_TOLD = 1000  # lines that are noted one by one when they come twice


def make_line(line: Line) -> bytes:
    """Return the line as it is written, the newline included: nothing of it is told by chance."""
    name, number = line
    return b"%b %08d %b\n" % (name.encode("ascii"), number, b"x" * (number * 7919 % _PADDING))


class Books:
    """What was written and what has arrived. Writers, and the threads of the drain, enter it."""

    def __init__(self, trace: Trace) -> None:
        self.generations: list[Generation] = []
        self.arrived = Arrivals()
        self.told: Counter[str] = Counter()  # lines that reports have told of, by code
        self.duplicates = self.again = self.doubled = self.changed = self.garbled = self.torn = 0
        self.events: list[str] = []  # what happened when, to be read beside the log of the agent
        self.counts: Counter[str] = Counter()
        self.changed_at = time.monotonic()
        self.agent = 0  # the number of the one that runs
        self.killed: set[int] = set()
        self._trace = trace
        self._lock = threading.Lock()

    def note(self, event: str, kind: str = "") -> None:
        """Enter what happened, and count it by its kind."""
        self.events.append(f"{make_stamp()} {event}")
        if kind:
            with self._lock:
                self.counts[kind] += 1

    def take(self, frame_id: str, frames: list[bytes], *, answered: bool) -> None:
        """Enter a request that the drain has taken, and whether it says so."""
        with self._lock:
            self.changed_at = time.monotonic()
            messages = [(frame, read_message(frame)) for frame in frames]
            body = [frame for frame, message in messages if not _REPORT.match(message)]
            said = "answered" if answered else "no answer"
            if before := self.arrived.find_request(frame_id):
                self.duplicates += len(frames)
                before.answered |= answered
                before.agent = self.agent if answered else before.agent  # who was told that it arrived
                if not before.frames.issuperset(body):
                    self.changed += 1
                    self.note(f"frame id {frame_id} came again with other lines: {messages!r}")
                self._trace.write(f"{make_stamp()} agent {self.agent} {frame_id} again, {said}")
                return
            request = self.arrived.add_request(frame_id, self.agent, body, answered=answered)
            lines = [line for _, message in messages if (line := self._take_message(message, request))]
            self._trace.write(f"{make_stamp()} agent {self.agent} {frame_id} {said}: {' '.join(_find_runs(lines))}")

    def _take_message(self, message: bytes, request: Request) -> Line | None:
        """Enter a message of a request that has come for the first time; return the line that it is."""
        if report := _REPORT.match(message):
            self.told[report[1].decode()] += int(report[2])
            self.note(f"the drain was told: {message!r}")
            return None
        found = _LINE.fullmatch(message)
        line = (found[1].decode(), int(found[2])) if found else ("", 0)
        if make_line(line) != message:
            if _TORN.fullmatch(message):
                self.torn += 1
            else:
                self.garbled += 1
            self.note(f"torn or garbled: {message!r}")
            return None
        if before := self.arrived.add(line):
            self._note_twice(line, before, request)
        return line

    def _note_twice(self, line: Line, before: Request, request: Request) -> None:
        """Count a line that has come by another id."""
        if not before.answered or (before.agent in self.killed and before.has_halves(request)):
            self.again += 1
            return
        self.doubled += 1
        if self.doubled < _TOLD:
            self.note(f"doubled: {line} under {before.id} by agent {before.agent} and {request.id}")

    @property
    def is_wrong(self) -> bool:
        """Something has come that should not have: nothing that happens later can explain it."""
        return bool(self.doubled or self.changed or self.garbled)

    def count_missing(self, *fates: Fate) -> int:
        """Return how many lines of generations with these fates have not arrived."""
        some = [one for one in self.generations if one.fate in fates and not one.has_arrived]
        return sum(end - start for generation in some for start, end in generation.find_missing())

    def describe_missing(self) -> Iterator[str]:
        """Say of each generation that is not complete what is missing."""
        for place, generation in enumerate(self.generations):
            if not generation.has_arrived:
                yield f"generation {place} of {generation.describe()}"


def make_stamp() -> str:
    """Return the time of day, to the millisecond."""
    now = time.time()
    return time.strftime("%H:%M:%S", time.gmtime(now)) + f"{now % 1:.3f}"[1:]


def _find_runs(lines: list[Line]) -> Iterator[str]:
    """Yield the runs of consecutive lines, each as a name, and first-last."""
    for (name, _), run in groupby(enumerate(lines), lambda one: (one[1][0], one[1][1] - one[0])):
        numbers = [line[1] for _, line in run]
        yield f"{name} {numbers[0]}-{numbers[-1]}"
