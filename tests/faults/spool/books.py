"""The books: which lines were written and read, and which have arrived."""

import re
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

from shuttle.local_drain.syslog import read_message

LENGTH = 100  # bytes of a line: where it stands in the stream tells its number
_LINE = re.compile(rb"(\d{10}) x{88}\n")
_REPORT = re.compile(rb"Error L13: (\d+) ")
_TAKEN, _ANSWERED = 1, 2  # by the drain; and it has said so
_IN_FRAME = re.compile(rb"(?<= )(\d{10}) x{88}\n")


def make_lines(first: int, count: int) -> bytes:
    """Return lines as they are written."""
    return b"".join([b"%010d %b\n" % (number, b"x" * 88) for number in range(first, first + count)])


class Books:
    """What has arrived, and what need not. The threads of the drain enter it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.events: list[str] = []
        self.changed_at = time.monotonic()
        self.excused: dict[str, set[int]] = {"crashed": set(), "corrupted": set(), "divided": set()}
        self._arrivals = bytearray()
        self._bodies: dict[str, int] = {}
        self._lock = threading.Lock()

    def note(self, event: str, kind: str = "") -> None:
        """Enter what happened, and count it by its kind."""
        stamp = time.strftime("%H:%M:%S", time.gmtime()) + f"{time.time() % 1:.3f}"[1:]
        with self._lock:
            self.events.append(f"{stamp} {event}")
            if kind:
                self.counts[kind] += 1

    def take(self, frame_id: str, frames: list[bytes], *, answered: bool) -> None:
        """Enter a request that the drain has taken, and whether it says so; a report goes with whichever is next."""
        messages = list(map(read_message, frames))
        body = hash(tuple(frame for frame, message in zip(frames, messages, strict=True) if not _REPORT.match(message)))
        with self._lock:
            self.changed_at = time.monotonic()
            came_before = frame_id in self._bodies
            if came_before:
                self.counts["duplicates"] += len(frames)
                self.counts["changed"] += self._bodies[frame_id] != body
            self._bodies.setdefault(frame_id, body)
            before = self.counts["doubled"]
            for message in messages:
                self._take_message(message, came_before=came_before, answered=answered)
        doubled = self.counts["doubled"] - before
        first = next((int(found[1]) for message in messages if (found := _LINE.fullmatch(message))), None)
        self.note(
            f"taken: {frame_id}, lines from {first}, answered={answered}" + f", doubled={doubled}" * bool(doubled)
        )

    def _take_message(self, message: bytes, *, came_before: bool, answered: bool) -> None:
        if found := _LINE.fullmatch(message):
            number = int(found[1])
            if number >= len(self._arrivals):
                self._arrivals.extend(bytes(number + 1 - len(self._arrivals)))
            if not came_before:
                self.counts["doubled"] += self._arrivals[number] == _ANSWERED
                self.counts["again"] += self._arrivals[number] == _TAKEN
            self._arrivals[number] = max(self._arrivals[number], _ANSWERED if answered else _TAKEN)
        elif came_before:
            pass
        elif found := _REPORT.match(message):
            self.counts["reported"] += int(found[1])
        else:
            self.counts["torn"] += 1

    def excuse(self, kind: str, numbers: set[int]) -> None:
        """Enter lines that need not arrive."""
        self.excused[kind] |= numbers

    def find_missing(self, written: int) -> set[int]:
        """Return those of the first `written` lines that have not arrived."""
        with self._lock:
            arrivals = bytes(self._arrivals[:written]).ljust(written, b"\0")
        missing: set[int] = set()
        place = arrivals.find(0)
        while place >= 0:
            missing.add(place)
            place = arrivals.find(0, place + 1)
        return missing


def read_spooled(path: Path) -> set[int]:
    """Return the numbers of the lines in the database at `path`, as far as it can be read."""
    numbers: set[int] = set()
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as database:
        for order in ("", "DESC"):
            last = None
            with suppress(sqlite3.Error):
                for key, body in database.execute(f"SELECT key, body FROM bodies ORDER BY key {order}"):
                    if last is not None and (key > last) is bool(order):  # a damaged tree may have no end
                        break
                    last = key
                    numbers.update(map(int, _IN_FRAME.findall(body)))
    return numbers


def is_sound(path: Path) -> bool:
    """Say whether SQLite finds nothing wrong in the database at `path`."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as database:
        return bool(database.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
    return False
