"""The source: numbered lines into a pipe that outlives the agents at its other end; and how far they have read."""

import fcntl
import os
import select
import struct
import termios
import threading
import time
from bisect import bisect_left
from random import Random

from tests.faults.spool.books import LENGTH, make_lines

TICK = 0.005  # seconds between two looks at how far was read
_ROOM = 1024 * 1024  # bytes of the pipe


class Source(threading.Thread):
    """Writes bursts of lines until told to stop, or up to a number of them."""

    def __init__(self, random: Random) -> None:
        super().__init__(name="source")
        self.reader, self._writer = os.pipe()
        fcntl.fcntl(self._writer, fcntl.F_SETPIPE_SZ, _ROOM)
        os.set_blocking(self._writer, False)
        self.written = 0
        """Bytes."""
        self._random = random
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._abandoned = False
        self._seen: list[tuple[float, int]] = [(time.monotonic(), 0)]  # when how much was read
        self._watcher = threading.Thread(target=self._watch, name="watcher")

    @property
    def lines(self) -> int:
        """Lines that were written in whole."""
        return self.written // LENGTH

    def run(self) -> None:
        self._watcher.start()
        while not self._end.is_set():
            self._write(make_lines(self.lines, self._random.choice((1, 10, 100, 1000, 5000, 20000))))
            self._end.wait(self._random.choice((0.0, 0.01, 0.05, 0.2)))

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left and not self._abandoned:  # to the end of a line, always
            select.select([], [self._writer], [], 1.0)
            with self._lock:
                try:
                    count = os.write(self._writer, left[: 64 * 1024])
                except BlockingIOError:
                    continue
                self.written += count
            left = left[count:]

    def _watch(self) -> None:
        while not self._end.wait(TICK):
            self.look()

    def look(self) -> int:
        """Return how many bytes have been read so far."""
        with self._lock:
            unread: int = struct.unpack("i", fcntl.ioctl(self.reader, termios.FIONREAD, b"\0" * 4))[0]
            read = self.written - unread
            self._seen.append((time.monotonic(), read))
        return read

    def read_until(self, moment: float) -> int:
        """Return how many bytes had been read, at least, at `moment` of the monotonic clock."""
        with self._lock:
            place = bisect_left(self._seen, (moment, 0))
            return self._seen[max(0, place - 1)][1]

    def finish(self) -> None:
        """Write no more, and end the pipe; whoever reads still has what is in it."""
        self._end.set()
        if self.ident:
            self.join()
            self._watcher.join()
        os.close(self._writer)

    def abandon(self) -> None:
        """Do not wait for anybody to read."""
        self._abandoned = True

    def close(self) -> None:
        """Let go of the reader's end, too."""
        os.close(self.reader)
