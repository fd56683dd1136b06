"""The handover: lines on their way from the threads of a program to the event loop that delivers them.

Theory of operation. Any thread puts lines in; one takes them out. The waiting lines have a limit in bytes. At the
limit, a thread that puts waits for room, for `patience` seconds at most. If it waits in vain, no thread waits again
until there was room. A line without room is counted, and the taker is told how many there were.
"""

import math
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

MOST = 1024 * 1024  # bytes that wait


class Taken(NamedTuple):
    """The lines since the last take."""

    chunks: list[tuple[str, bytes]]
    """Priorities and lines, in order; two that follow each other differ in priority."""
    dropped: int
    """Lines for which there was no room."""
    closed: bool
    """No more comes."""


class Handover:
    """Takes lines from any thread. `patience` is None for one that always waits for room."""

    def __init__(self, *, patience: float | None) -> None:
        self._patience = patience
        self._room = threading.Condition()
        self._lines: list[tuple[str, bytes]] = []
        self._bytes = 0
        self._dropped = 0
        self._stalled = False  # somebody has waited in vain
        self._until = math.inf  # nobody waits any longer
        self._closed = False
        self._wake: Callable[[], None] | None = None  # of the taker, while it waits

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, and the taker waits for more."""
        return self._wake is not None

    def put(self, prival: str, lines: bytes) -> None:
        """Hand over `lines`, one or more with their newlines, that have the priority `prival`."""
        with self._room:
            if self._closed or not self._wait_for_room(len(lines)):
                self._dropped += lines.count(b"\n")
            else:
                self._lines.append((prival, lines))
                self._bytes += len(lines)
            wake, self._wake = self._wake, None
        if wake:
            wake()

    def take(self, wake: Callable[[], None]) -> Taken:
        """Return the waiting lines. If there are none, a thread calls `wake` once when there are some."""
        with self._room:
            lines, dropped = self._lines, self._dropped
            self._lines, self._bytes, self._dropped, self._stalled = [], 0, 0, False
            self._room.notify_all()
            if not (lines or dropped or self._closed):
                self._wake = wake
            closed = self._closed
        return Taken(_join(lines), dropped, closed)

    def limit(self, until: float) -> None:
        """Let no thread wait for room beyond `until` of `time.monotonic()`: the program ends."""
        with self._room:
            self._until = min(self._until, until)
            self._room.notify_all()

    def close(self) -> None:
        """Take nothing more."""
        with self._room:
            self._closed = True
            self._room.notify_all()
            wake, self._wake = self._wake, None
        if wake:
            wake()

    def _wait_for_room(self, size: int) -> bool:
        """Return whether there is room, now or after a wait. An empty handover has room for anything."""
        patient_until = math.inf if self._patience is None else time.monotonic() + self._patience
        while self._lines and self._bytes + size > MOST and not self._closed:
            left = min(patient_until, self._until) - time.monotonic()
            if self._stalled or left <= 0:
                self._stalled = True
                return False
            self._room.wait(None if left == math.inf else left)
        return not self._closed


def _join(lines: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Join neighbours with the same priority."""
    runs: list[tuple[str, list[bytes]]] = []
    for prival, line in lines:
        if runs and runs[-1][0] == prival:
            runs[-1][1].append(line)
        else:
            runs.append((prival, [line]))
    return [(prival, b"".join(pieces)) for prival, pieces in runs]
