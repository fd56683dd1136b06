"""Copies the input to a descriptor, and never waits for its reader, who may be slow or gone.

The descriptor is shared with other processes, and so are its flags: it may block. What fits is written at once, by
calls that say for themselves that they must not wait. The rest waits for room, up to MOST bytes. Lines beyond that are
left out and counted.

A line is left out whole, so that no line of the copy is one that nobody wrote. One that has begun in the copy goes on
to its end, unless that is MOST bytes away; then its middle is left out, and its newline ends it.
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
_NEWLINE = b"\n"
RETRY = 0.05  # seconds between two attempts where the system does not tell when there is room


@contextlib.asynccontextmanager
async def copying(*fds: int, most: int = MOST) -> AsyncIterator[list["Copy"]]:
    """Copy to each of `fds` during the block; at its end, write what waits as long as somebody reads."""
    copies = [Copy(fd, most) for fd in fds]
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
    """Copies chunks to `fd`, unchanged, as fast as that takes them; `most` bytes wait."""

    def __init__(self, fd: int, most: int = MOST) -> None:
        self.cut = 0
        """Bytes that were left out."""
        self._fd = fd
        widen(fd)
        mode = os.fstat(fd).st_mode
        self._is_stream = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._never_waits = not (self._is_stream or os.isatty(fd))  # a file, or a device such as /dev/null
        self._waiting: deque[memoryview] = deque()
        self._left = 0  # bytes that wait
        self._most = most
        self._skips = False  # all up to the next newline is left out
        self._open = False  # what was written, or waits, ends in the middle of a line
        self._torn = False  # what was written does
        self._changed = anyio.Event()

    def write(self, chunk: bytes) -> None:
        """Copy `chunk`: what fits at once, and of the rest as many lines as may wait."""
        start = self._skip(chunk, 0)
        if not self._waiting and start < len(chunk):
            try:
                written = self._put(memoryview(chunk)[start:])
            except OSError:
                self._give_up(memoryview(chunk)[start:])
                return
            if written:
                start += written
                self._open = self._torn
        if start < len(chunk):
            self._keep(chunk, start)

    def _skip(self, chunk: bytes, start: int) -> int:
        """Return where the copy goes on: at a line, or at the newline of the one whose middle is left out."""
        if not self._skips:
            return start
        newline = chunk.find(_NEWLINE, start)
        self._skips = newline < 0
        end = len(chunk) if self._skips else newline + (not self._open)
        self.cut += end - start
        return end

    def _keep(self, chunk: bytes, start: int) -> None:
        """Have what is in `chunk` from `start` on wait, as far as it may, and leave out the rest."""
        end = self._find_end(chunk, start)
        if end == start and self._open:
            self._skips = True
            start = self._skip(chunk, start)
            end = min(start + 1, len(chunk))
        if end > start:
            self._waiting.append(memoryview(chunk)[start:end])
            self._left += end - start
            self._open = chunk[end - 1 : end] != _NEWLINE
            self._change()
        if end < len(chunk):
            self.cut += len(chunk) - end
            self._skips = not chunk.endswith(_NEWLINE)

    def _find_end(self, chunk: bytes, start: int) -> int:
        """Return the end of what may wait: at a newline, or at the end of `chunk`; `start` if nothing may."""
        room = max(0, self._most - self._left)
        if len(chunk) - start <= room:
            return len(chunk)
        if newline := chunk.rfind(_NEWLINE, start, start + room) + 1:
            return newline
        if not self._open:
            return start
        end = chunk.find(_NEWLINE, start) + 1 or len(chunk)
        return end if self._left + end - start <= 2 * self._most else start

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
        """Drop what waits."""
        self.cut += self._left
        self._waiting.clear()
        self._left = 0

    def _write_waiting(self) -> None:
        try:
            while self._waiting:
                piece = self._waiting[0]
                written = self._put(piece)
                self._left -= written
                if written < len(piece):
                    self._waiting[0] = piece[written:]
                    break
                self._waiting.popleft()
        except OSError:
            self._give_up(*self._waiting)
            self._waiting.clear()
            self._left = 0
        self._change()

    def _give_up(self, *pieces: memoryview) -> None:
        """Leave out `pieces`: the reader is gone, or the disk full. The next newline ends what there is of a line."""
        self.cut += sum(map(len, pieces))
        self._open = self._torn
        self._skips = self._torn or pieces[-1][-1:] != _NEWLINE

    def _put(self, data: memoryview) -> int:
        """Return how many bytes were written.

        Raises:
            OSError: Nobody can write there, or not now.
        """
        try:
            written = self._write(data)
        except BlockingIOError:
            return 0
        if written:
            self._torn = data[written - 1 : written] != _NEWLINE
        return written

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
