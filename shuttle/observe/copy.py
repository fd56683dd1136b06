"""A copy of the input, written to a descriptor whose reader may be slow or gone, and never waited for.

The descriptor is shared with other processes, and so are its flags: it may block. What fits is written at once, by
calls that say for themselves that they must not wait. The rest waits for room, up to MOST bytes. What is beyond that is
left out and counted.
"""

import contextlib
import errno
import os
import select
import stat
import sys
from collections import deque
from collections.abc import AsyncIterator

import anyio

from shuttle.observe.line_writer import LIMIT, write_now
from shuttle.readiness import Readiness, widen

MOST = 1024 * 1024  # bytes that wait
STALL = 1.0  # seconds without progress after which nobody waits for the rest
RETRY = 0.05  # seconds between two attempts where the system does not tell when there is room


@contextlib.asynccontextmanager
async def copying(*fds: int) -> AsyncIterator[list["Copy"]]:
    """Have a copy to each of `fds` in the block; at its end what waits is written, as long as somebody reads it."""
    copies = [Copy(fd) for fd in fds]
    try:
        async with anyio.create_task_group() as tasks:
            for copy in copies:
                tasks.start_soon(copy.run)
            yield copies
            for copy in copies:
                await copy.finish()
            tasks.cancel_scope.cancel()
    finally:
        for copy in copies:
            copy.close()


class Copy:
    """Copies chunks to `fd`, unchanged, as fast as that takes them."""

    def __init__(self, fd: int) -> None:
        self.cut = 0
        """Bytes that were left out."""
        self._fd = fd
        widen(fd)
        mode = os.fstat(fd).st_mode
        self._is_stream = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._never_waits = not (self._is_stream or os.isatty(fd))  # a file, or a device such as /dev/null
        self._waiting: deque[memoryview] = deque()
        self._left = 0  # bytes that wait
        self._changed = anyio.Event()

    def write(self, chunk: bytes) -> None:
        """Copy `chunk`: what fits at once, and as much of the rest as may wait."""
        rest = memoryview(chunk)
        if not self._waiting:
            rest = rest[self._put(rest) :]
        if not rest:
            return
        kept = rest[: MOST - self._left]
        self.cut += len(rest) - len(kept)
        if kept:
            self._waiting.append(kept)
            self._left += len(kept)
            self._change()

    async def run(self) -> None:
        """Write what waits as soon as there is room, until cancelled."""
        readiness = Readiness.open(self._fd, select.EPOLLOUT) if sys.platform == "linux" else None
        try:
            while True:
                while not self._waiting:
                    await self._changed.wait()
                await (readiness.wait() if readiness else anyio.sleep(RETRY))
                self._write_waiting()
        finally:
            if readiness:
                readiness.close()

    async def finish(self) -> None:
        """Return when all is written, or nothing was for STALL seconds."""
        left = self._left
        while left:
            with anyio.move_on_after(STALL):
                while self._left == left:
                    await self._changed.wait()
            if self._left == left:
                break
            left = self._left

    def close(self) -> None:
        """Leave out what waits."""
        self.cut += self._left
        self._waiting.clear()
        self._left = 0

    def _write_waiting(self) -> None:
        while self._waiting:
            piece = self._waiting[0]
            written = self._put(piece)
            self._left -= written
            if written < len(piece):
                self._waiting[0] = piece[written:]
                break
            self._waiting.popleft()
        self._change()

    def _put(self, data: memoryview) -> int:
        """Return how many bytes were written, or left out because the reader is gone or the disk full."""
        try:
            return self._write(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.cut += len(data)
            return len(data)

    def _write(self, data: memoryview) -> int:
        if self._never_waits:
            return os.write(self._fd, data)
        if self._is_stream and sys.platform == "linux":
            try:
                return os.pwritev(self._fd, [data], -1, os.RWF_NOWAIT)
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:  # a pipe before Linux 6.4
                    raise
        return write_now(self._fd, bytes(data[:LIMIT]))

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
