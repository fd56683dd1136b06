"""What the command shows, on a stdout and a stderr that nobody may read: no connection waits long for either.

A line of stderr is skipped if it cannot be written at once. Messages are shown before they are answered, so that a kill
costs none that was. If stdout takes nothing for STALL seconds, they wait in memory until it does, as those of
`log-shuttle-drain | less` do, and are skipped when there are too many.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable

MOST_BYTES = 16 * 1024 * 1024  # of text that waits
_PIECE = 4096  # bytes, what a pipe takes at once: a slow reader is seen to read
STALL = 0.1  # seconds that a text waits to be written, once until all that waits is
PATIENCE = 1.0  # seconds at the end in which stdout takes nothing
BURST = 100  # lines that a connection may have at once
PACE = 10.0  # lines a second, after that


class Printer:
    """Writes text to a file descriptor in a thread of its own. `gone` is called there when the reader has gone."""

    def __init__(self, fd: int, gone: Callable[[], None]) -> None:
        self.skipped = 0
        """Texts that there was no room for."""
        self._fd = fd
        self._gone = gone
        self._waiting: deque[bytes] = deque()
        self._taken = self._written = 0  # bytes since the start
        self._stalled = False
        self._closed = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()  # it may hang when the process ends

    @property
    def _left(self) -> int:
        """The bytes that wait."""
        return self._taken - self._written

    def write(self, text: str) -> None:
        """Write `text` behind what waits; skip it if that is too much. Return when it is written, or that stalls."""
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if self._closed or (self._waiting and self._left + len(data) > MOST_BYTES):
                self.skipped += 1
                return
            self._waiting.append(data)
            self._taken += len(data)
            self._changed.notify_all()
            end = self._taken
            if not self._stalled:
                self._stalled = not self._changed.wait_for(lambda: self._written >= end or self._closed, STALL)

    def close(self) -> None:
        """Return when all is written, or nothing of it could be for a while."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left = self._left + 1
            while 0 < self._left < left:
                left = self._left
                self._changed.wait(PATIENCE)

    def _run(self) -> None:
        try:
            while data := self._next():
                self._put(data)
        except OSError:
            with self._changed:
                if not self._closed:  # or the end has come already
                    self._gone()
                self._closed = True
                self._waiting.clear()
                self._written = self._taken
                self._changed.notify_all()

    def _next(self) -> bytes:
        """Return what is to be written next; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return self._waiting.popleft() if self._waiting else b""

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            length = os.write(self._fd, rest[:_PIECE])
            rest = rest[length:]
            with self._changed:
                self._written += length
                self._stalled = self._stalled and self._left > 0
                self._changed.notify_all()


class Ration(threading.local):
    """Limits the lines that each thread writes: BURST at once, and PACE a second after that."""

    def __init__(self) -> None:
        self._left = float(BURST)
        self._at = time.monotonic()
        self._untold = 0

    def admit(self) -> int | None:
        """Return how many lines were held back since the last that was not; None if this one is, too."""
        now = time.monotonic()
        self._left = min(float(BURST), self._left + (now - self._at) * PACE)
        self._at = now
        if self._left < 1:
            self._untold += 1
            return None
        self._left -= 1
        untold, self._untold = self._untold, 0
        return untold
