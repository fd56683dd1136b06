"""What the command shows, on a stdout and a stderr that nobody may read: no connection waits for either.

A line of stderr is skipped if it cannot be written at once. Messages wait in memory until stdout takes them, as those
of `log-shuttle-drain | less` do, and are skipped when there are too many.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable

MOST_BYTES = 16 * 1024 * 1024  # of text that waits
_PIECE = 4096  # bytes, what a pipe takes at once: a slow reader is seen to read
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
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()  # it may hang when the process ends

    def write(self, text: str) -> None:
        """Write `text` as soon as that is possible, behind what waits; skip it if that is too much."""
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if self._closed or (self._waiting and self._bytes + len(data) > MOST_BYTES):
                self.skipped += 1
                return
            self._waiting.append(data)
            self._bytes += len(data)
            self._changed.notify_all()

    def close(self) -> None:
        """Return when all is written, or nothing of it could be for a while."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left = self._bytes + 1
            while 0 < self._bytes < left:
                left = self._bytes
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
                self._bytes = 0
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
                self._bytes -= length
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
