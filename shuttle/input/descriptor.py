"""Reads a file descriptor that may be a pipe, a socket, a file or a device, as bytes come.

Strategy: the descriptor is shared with other processes, and so are its flags, which stay as they are (readiness.py).
What epoll refuses, regular files and devices such as /dev/null, can be read at any time.

A read after a wait must not block either: another process may read the same pipe and be faster. It says so for
itself (RWF_NOWAIT), into a buffer. A flood is read without that copy, as soon as poll says that there is more. A
trickle is read after rests (`core.rest`), which the end of the source cuts short.
"""

import contextlib
import errno
import fcntl
import math
import os
import select
import struct
import sys
import termios
import time
from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType
from typing import Self

import anyio
import anyio.lowlevel

from shuttle.clock import bind_clocks
from shuttle.core.rest import Rests
from shuttle.delivery.source import CHUNK
from shuttle.readiness import Readiness, widen

SIP = 64 * 1024  # bytes, for a source that had no more the last time: allocating CHUNK to return most of it costs more


async def read(
    fd: int,
    write: Callable[[bytes], Awaitable[None]],
    *,
    rest: float = 0.0,
    fits: Callable[[], float] = lambda: math.inf,
) -> None:
    """Pass what comes on `fd` to `write` until its end.

    The descriptor's flags stay as they are, and whether it blocks does not matter. A cancellation loses nothing that
    was read. What trickles is left alone for `rest` seconds at a time; `fits` is that of `Rests`.

    Raises:
        OSError: It cannot be read.
    """
    rests = Rests(rest, room=widen(fd), fits=fits)
    with _Reader(fd, rests) as reader:
        while chunk := await reader.read():
            await write(chunk)


def read_rest(fd: int) -> Iterator[bytes]:
    """Yield what a pipe holds now, without waiting for more."""
    with contextlib.suppress(OSError):
        left: int = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]
        while left > 0 and (chunk := os.read(fd, min(left, CHUNK))):
            left -= len(chunk)
            yield chunk


class _Reader:
    """Reads `fd` without blocking."""

    def __init__(self, fd: int, rests: Rests) -> None:
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:  # it would never become readable
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._fd = fd
        self._rests = rests
        self._clock = bind_clocks(time.time).monotonic
        self._emptied_at: float | None = None  # by the last read
        self._room = SIP
        self._sip = memoryview(bytearray(SIP))
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._watch = Readiness.open(fd, select.EPOLLIN) if sys.platform == "linux" else None
        self._nowait = self._watch is not None  # a file that is not in memory yet would have nothing to read

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._watch:
            self._watch.close()

    async def read(self) -> bytes:
        """Return the next bytes, none at the end. The outlets run first: lines leave before more are read."""
        if self._room == CHUNK:
            await anyio.lowlevel.checkpoint()
            if self._is_ready():
                return self._read()
            self._room = SIP  # the flood is over
        while True:
            await self._wait()
            with contextlib.suppress(BlockingIOError):  # somebody else was faster
                chunk = self._read()
                if chunk or self._is_ready():  # a FIFO may not have had a writer yet
                    return chunk

    async def _wait(self) -> None:
        """Return when there may be something to read."""
        if self._watch:
            if await self._rest(self._watch) and (self._nowait or self._is_ready()):
                return
            await self._watch.wait()
        elif self._is_ready():
            await anyio.lowlevel.checkpoint()
        else:
            await anyio.wait_readable(self._fd)

    async def _rest(self, watch: Readiness) -> bool:
        """Leave the source alone for a moment if it trickles; say whether it does."""
        emptied_at, self._emptied_at = self._emptied_at, None
        if emptied_at is None or not (seconds := self._rests.choose(emptied_at)):
            return False
        await watch.rest(seconds)
        return True

    def _is_ready(self) -> bool:
        """Tell whether a read returns at once, be it with an end or an error."""
        return bool(self._poll.poll(0))

    def _read(self) -> bytes:
        chunk = self._read_sip() if self._nowait and self._room == SIP else os.read(self._fd, self._room)
        self._rests.note(len(chunk))
        if len(chunk) == self._room:
            self._room = CHUNK
        else:
            self._room = SIP
            self._emptied_at = self._clock()
        return chunk

    def _read_sip(self) -> bytes:
        try:
            return bytes(self._sip[: os.preadv(self._fd, [self._sip], -1, os.RWF_NOWAIT)])
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            self._nowait = False  # a terminal, or a pipe before Linux 6.4
            return os.read(self._fd, self._room)
