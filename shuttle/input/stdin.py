"""Reads a file descriptor that may be a pipe, a socket, a file or a device, as bytes come."""

import contextlib
import fcntl
import os
import select
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel

from shuttle.intake import CHUNK

PIPE_ROOM = 1024 * 1024  # bytes; as much as Linux lets anyone ask for: the writer wakes a sixteenth as often


async def read(fd: int, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Pass what comes on `fd` to `write` until its end.

    The descriptor is shared with other processes and stays as it is: it is read when it is readable, and O_NONBLOCK is
    not set. A cancellation loses nothing that was read.

    Raises:
        OSError: It cannot be read.
    """
    with contextlib.suppress(OSError, AttributeError):  # not a pipe, not this much for this user, or not on Linux
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_ROOM)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    room = memoryview(bytearray(CHUNK))  # os.read() would ask the system for CHUNK bytes each time, and give most back
    while True:
        if poll.poll(0):
            await anyio.lowlevel.checkpoint()  # a source that is always ready leaves the outlets their turn
        else:
            await anyio.wait_readable(fd)
        length = os.readv(fd, (room,))
        if not length:
            return
        await write(bytes(room[:length]))
