"""Waits for a descriptor that is shared with other processes, without touching its flags.

O_NONBLOCK would make the reads and writes of others fail, and uvloop sets it on every descriptor it waits for, and
leaves it set. So the event loop waits for an epoll descriptor of our own, which is readable when the shared one is
ready.

Waiting is most of the cost of a single line. So the event loop keeps the epoll descriptor all the time, and the
shared descriptor is armed for one event when there is nothing to read (EPOLLONESHOT).
"""

import asyncio
import contextlib
import errno
import fcntl
import select
import sys
from typing import Self

import anyio
import sniffio

PIPE_ROOM = 1024 * 1024  # bytes; as much as Linux lets anyone ask for: both ends wake a sixteenth as often
LEAST_ROOM = 64 * 1024  # bytes, of a pipe that cannot be made wider, and about that of a socket
_END = getattr(select, "EPOLLRDHUP", 0)  # of a socket; the end of a pipe is told without asking


def widen(fd: int) -> int:
    """Widen a pipe to PIPE_ROOM, if possible; return how many bytes it has room for, at least."""
    with contextlib.suppress(OSError, AttributeError):  # not a pipe, not this much for this user, or not on Linux
        return fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_ROOM)
    return LEAST_ROOM


class Readiness:
    """Waits until a descriptor is ready for `events`, without the event loop touching it."""

    def __init__(self, fd: int, events: int, epoll: "select.epoll") -> None:
        self._fd = fd
        self._events = events
        self._epoll = epoll
        self._event: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop() if sniffio.current_async_library() == "asyncio" else None
        if self._loop:
            self._loop.add_reader(epoll.fileno(), self._wake)

    @classmethod
    def open(cls, fd: int, events: int) -> Self | None:
        """Return what waits for `events` of `fd`, EPOLLIN or EPOLLOUT.

        None: it is always ready, or there is no epoll.

        Raises:
            OSError: `fd` is not open, or no more descriptors can be.
        """
        if sys.platform != "linux":  # there uvloop still sets O_NONBLOCK
            return None
        epoll = select.epoll()
        try:
            epoll.register(fd, select.EPOLLONESHOT)  # it reports an end even if nobody waits: once at most
        except OSError as error:
            epoll.close()
            if error.errno != errno.EPERM:
                raise
            return None
        return cls(fd, events, epoll)

    async def wait(self) -> None:
        """Return as soon as the descriptor is ready, or is at its end, or broken."""
        self._epoll.modify(self._fd, self._events | select.EPOLLONESHOT)
        if self._loop:
            self._event = self._loop.create_future()
            await self._event
        else:
            await anyio.wait_readable(self._epoll.fileno())
            self._epoll.poll(0)

    async def rest(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as the descriptor is at its end or broken; ignore data."""
        self._epoll.modify(self._fd, _END | select.EPOLLONESHOT)
        if self._loop:
            self._event = self._loop.create_future()
            timer = self._loop.call_later(seconds, self._tell)
            try:
                await self._event
            finally:
                timer.cancel()
        else:
            with anyio.move_on_after(seconds):
                await anyio.wait_readable(self._epoll.fileno())
                self._epoll.poll(0)

    def close(self) -> None:
        """Let go of the descriptor."""
        if self._loop:
            self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _wake(self) -> None:
        self._epoll.poll(0)  # takes the event, which would come again and again
        self._tell()

    def _tell(self) -> None:
        if self._event and not self._event.done():
            self._event.set_result(None)
