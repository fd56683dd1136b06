"""Reads a file descriptor that may be a pipe, a socket, a file or a device, as bytes come.

Strategy: the descriptor is shared with other processes, and so are its flags: O_NONBLOCK would make their reads and
writes fail. uvloop sets it on whatever it is asked to wait for, and leaves it set. So the event loop waits for an epoll
descriptor of ours, which is readable when the shared one is. What epoll refuses, regular files and devices such as
/dev/null, can be read at any time.

A read after such a wait must not block either: another process may read the same pipe and be faster. It says so for
itself (RWF_NOWAIT), into a buffer. A flood is read without that copy, as soon as poll says that there is more.
"""

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
        while True:
            await anyio.lowlevel.checkpoint()  # the outlets come first: what was just read leaves before more is read
            chunk = reader.read_now() if reader.is_ready() else None
            while not chunk and (chunk is None or not reader.is_ready()):  # a FIFO may not have had a writer yet
                await anyio.wait_readable(reader.watched)
                chunk = reader.read_now()
            if not chunk:
                return
            await write(chunk)


class _Reader:
    """Reads `fd` without waiting. When `watched` is readable, so is `fd`."""

    def __init__(self, fd: int) -> None:
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:  # it would never become readable
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._fd = fd
        self._room = SIP
        self._sip = memoryview(bytearray(SIP))
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._epoll = _watch(fd)
        self.watched = self._epoll.fileno() if self._epoll else fd
        self._nowait = self._epoll is not None  # a file that is not in memory yet would have nothing to read

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._epoll:
            self._epoll.close()

    def read_now(self) -> bytes | None:
        """Return what there is, nothing at the end; None if somebody else was faster."""
        try:
            chunk = self._read()
        except BlockingIOError:
            return None
        self._room = CHUNK if len(chunk) == self._room else SIP
        return chunk

    def _read(self) -> bytes:
        if self._nowait and self._room == SIP:
            try:
                return bytes(self._sip[: os.preadv(self._fd, [self._sip], -1, os.RWF_NOWAIT)])
            except OSError as error:
                if error.errno != errno.EOPNOTSUPP:
                    raise
                self._nowait = False  # a terminal, or a pipe before Linux 6.4
        return os.read(self._fd, self._room)

    def is_ready(self) -> bool:
        """Tell whether a read returns at once, be it with an end or an error."""
        ready = bool(self._poll.poll(0))
        if not ready:  # a flood is over
            self._room = SIP
        return ready


def _watch(fd: int) -> "select.epoll | None":
    """Return a descriptor that is readable when `fd` is; None for what can always be read, and where there is no epoll.

    Raises:
        OSError: `fd` is not open, or no more descriptors can be.
    """
    if sys.platform != "linux":  # there uvloop still sets O_NONBLOCK
        return None
    epoll = select.epoll()
    try:
        epoll.register(fd, select.EPOLLIN)
    except OSError as error:
        epoll.close()
        if error.errno != errno.EPERM:
            raise
        return None
    return epoll
