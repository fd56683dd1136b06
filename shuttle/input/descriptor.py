"""Reads a file descriptor that may be a pipe, a socket, a file or a device, as bytes come."""

import contextlib
import fcntl
import os
import select
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel

from shuttle.delivery.source import CHUNK

PIPE_ROOM = 1024 * 1024  # bytes; as much as Linux lets anyone ask for: the writer wakes a sixteenth as often
# Bytes, for a source that had no more the last time: mapping CHUNK and giving most of it back costs more.
SIP = 16 * 1024


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
    room = SIP
    while True:
        await anyio.lowlevel.checkpoint()  # the outlets come first: what was just read leaves before more is asked for
        if not poll.poll(0):
            await anyio.wait_readable(fd)
        chunk = os.read(fd, room)
        if not chunk:
            return
        room = CHUNK if len(chunk) == room else SIP
        await write(chunk)
