"""Reads a file descriptor that may be a pipe, a socket, a file or a device, as bytes come.

Strategy: the descriptor is shared with other processes, and so are its flags: O_NONBLOCK would make their reads and
writes fail. uvloop sets it on whatever it is asked to wait for, and leaves it set. So the event loop waits for an epoll
descriptor of ours, which is readable when the shared one is. What epoll refuses, regular files and devices such as
/dev/null, can be read at any time.

A wait is the greater part of what a line costs that comes alone. So the event loop keeps the epoll descriptor all the
time, and the shared one is armed for one event when there is nothing to read (EPOLLONESHOT).

A read after such a wait must not block either: another process may read the same pipe and be faster. It says so for
itself (RWF_NOWAIT), into a buffer. A flood is read without that copy, as soon as poll says that there is more.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import select
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import anyio
import anyio.lowlevel
import sniffio

from shuttle.delivery.source import CHUNK

PIPE_ROOM = 1024 * 1024  # bytes; as much as Linux lets anyone ask for: the writer wakes a sixteenth as often
SIP = 16 * 1024  # bytes, for a source that had no more the last time: allocating CHUNK to return most of it costs more


async def read(fd: int, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Pass what comes on `fd` to `write` until its end.

    The descriptor's flags stay as they are, and whether it blocks does not matter. A cancellation loses nothing that
    was read.

    Raises:
        OSError: It cannot be read.
    """
    with contextlib.suppress(OSError, AttributeError):  # not a pipe, not this much for this user, or not on Linux
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_ROOM)
    with _Reader(fd) as reader:
        while chunk := await reader.read():
            await write(chunk)


class _Reader:
    """Reads `fd` without blocking."""

    def __init__(self, fd: int) -> None:
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:  # it would never become readable
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._fd = fd
        self._room = SIP
        self._sip = memoryview(bytearray(SIP))
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._watch = _Watch.open(fd)
        self._nowait = self._watch is not None  # a file that is not in memory yet would have nothing to read

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._watch:
            self._watch.close()

    async def read(self) -> bytes:
        """Return what comes next, nothing at the end. The outlets come first: what was read leaves before more is."""
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
        if self._watch:
            await self._watch.wait()
        elif self._is_ready():
            await anyio.lowlevel.checkpoint()
        else:
            await anyio.wait_readable(self._fd)

    def _is_ready(self) -> bool:
        """Tell whether a read returns at once, be it with an end or an error."""
        return bool(self._poll.poll(0))

    def _read(self) -> bytes:
        chunk = self._read_sip() if self._nowait and self._room == SIP else os.read(self._fd, self._room)
        self._room = CHUNK if len(chunk) == self._room else SIP
        return chunk

    def _read_sip(self) -> bytes:
        try:
            return bytes(self._sip[: os.preadv(self._fd, [self._sip], -1, os.RWF_NOWAIT)])
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            self._nowait = False  # a terminal, or a pipe before Linux 6.4
            return os.read(self._fd, self._room)


class _Watch:
    """Waits until a descriptor is readable, without the event loop touching it."""

    def __init__(self, fd: int, epoll: "select.epoll") -> None:
        self._fd = fd
        self._epoll = epoll
        self._event: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop() if sniffio.current_async_library() == "asyncio" else None
        if self._loop:
            self._loop.add_reader(epoll.fileno(), self._wake)

    @classmethod
    def open(cls, fd: int) -> Self | None:
        """Return a watch of `fd`; None for what can always be read, and where there is no epoll.

        Raises:
            OSError: `fd` is not open, or no more descriptors can be.
        """
        if sys.platform != "linux":  # there uvloop still sets O_NONBLOCK
            return None
        epoll = select.epoll()
        try:
            epoll.register(fd, select.EPOLLONESHOT)  # it tells of an end even where nobody waits: once at most
        except OSError as error:
            epoll.close()
            if error.errno != errno.EPERM:
                raise
            return None
        return cls(fd, epoll)

    async def wait(self) -> None:
        """Return as soon as the descriptor is readable."""
        self._epoll.modify(self._fd, select.EPOLLIN | select.EPOLLONESHOT)
        if self._loop:
            self._event = self._loop.create_future()
            await self._event
        else:
            await anyio.wait_readable(self._epoll.fileno())
            self._epoll.poll(0)

    def close(self) -> None:
        """Let go of the descriptor."""
        if self._loop:
            self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _wake(self) -> None:
        self._epoll.poll(0)  # takes the event, which would come again and again
        if self._event and not self._event.done():
            self._event.set_result(None)
