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
        while chunk := await reader.read():
            await write(chunk)


class _Reader:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._room = SIP
        self._sip = memoryview(bytearray(SIP))
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)
        self._epoll = _watch(fd)
        self._nowait = self._epoll is not None  # a file that is not in memory yet would have nothing to read

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._epoll:
            self._epoll.close()

    async def read(self) -> bytes:
        """Return what there is, as soon as there is any; nothing at the end."""
        await anyio.lowlevel.checkpoint()  # the outlets come first: what was just read leaves before more is read
        while not (chunk := self._read_now()):
            if chunk is not None and self._is_ready():
                break
            await anyio.wait_readable(self._epoll or self._fd)
        self._room = CHUNK if len(chunk) == self._room else SIP
        return chunk

    def _read_now(self) -> bytes | None:
        """Return what there is without waiting: nothing at the end, or of a FIFO without a writer; else None."""
        try:
            if self._nowait and self._room == SIP:
                return bytes(self._sip[: os.preadv(self._fd, [self._sip], -1, os.RWF_NOWAIT)])
            return os.read(self._fd, self._room) if self._is_ready() else None
        except BlockingIOError:  # nothing, or somebody else was faster
            return None
        except OSError as error:
            if not self._nowait or error.errno != errno.EOPNOTSUPP:
                raise
            self._nowait = False  # a terminal, or a pipe before Linux 6.4
            return self._read_now()

    def _is_ready(self) -> bool:
        """Tell whether a read returns at once, be it with an end or an error."""
        return bool(self._poll.poll(0))


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
