"""Measures how much of a request the other machine has acknowledged, according to TCP.

The drain cannot have taken a request that has not arrived. So a link that is too slow for the time-out differs from a
drain that hangs: its request can be divided at once, and what arrived in time says how far. And a drain that claims
to have taken a request is not believed before the request has arrived.

With TLS, more bytes are sent than the request has, and the end of the handshake may be on its way before it. So the
share may be too large, by 22 bytes per 16 KiB and a few hundred more, or by a client certificate. It is never too
small.
"""

import asyncio
import contextlib
import fcntl
import socket
import struct
import sys
import termios

from shuttle.drain.http.failures import EarlyError

PATIENCE = 1.0  # seconds for the rest of a request that was answered already
_LOOK = 0.01  # seconds between two looks at how much has arrived
LARGE = 16 * 1024  # bytes; a smaller body is in the kernel's buffer at once, and not worth a system call
_ACKNOWLEDGED = struct.Struct("@Q")  # tcpi_bytes_acked of struct tcp_info in linux/tcp.h
_INT = struct.Struct("@i")
_PLACE = 120  # bytes before it
_RESET = struct.pack("ii", 1, 0)  # struct linger: on, and for no time, so that closing resets


class Arrival:
    """Of the request that `transport` is sending. There is one for each connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._socket: socket.socket | None = transport.get_extra_info("socket")
        self._encrypted = transport.get_extra_info("sslcontext") is not None
        self._size = 0  # of a large request
        self._before: int | None = None  # bytes that were acknowledged before it

    def begin(self, size: int) -> None:
        """Note that a request of `size` bytes is about to be sent."""
        self._before = self._count() if size > LARGE else None
        self._size = size

    @property
    def share(self) -> float:
        """The share of the request that has arrived; 1 if that is not known."""
        if self._before is None or (now := self._count()) is None:
            return 1.0
        return min(1.0, (now - self._before) / self._size)

    @property
    def is_complete(self) -> bool:
        """Whether the request has arrived at the drain's machine, as far as is known.

        Whoever has read a request has acknowledged it with the first segment of the answer, if not before. TLS writes
        messages of its own behind a request, and not all that it keeps shows as its buffer.
        """
        return self.share == 1 and (self._encrypted or not self._transport.get_write_buffer_size())

    async def wait(self) -> None:
        """Return as soon as the request has arrived.

        Raises:
            EarlyError: It does not arrive soon.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while not self.is_complete:
            if self._transport.is_closing() or loop.time() >= until:
                raise EarlyError
            await asyncio.sleep(_LOOK)

    def cut(self) -> float:
        """Have the connection reset when it is closed, unless all has arrived; return the share that has arrived.

        What has not arrived never does then. Closed as usual, the kernel would go on to send it: the drain would take a
        batch that was divided meanwhile, and the parts would have half of a slow link.
        """
        share = self.share
        if share < 1 and self._socket:
            with contextlib.suppress(OSError):  # it is closed already
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return share

    def _count(self) -> int | None:
        return _count_acknowledged(self._socket) if self._socket else None


def count_missing(connected: socket.socket) -> int:
    """Return how many bytes that were given to the kernel have not arrived yet; 0 if the system does not tell."""
    if _count_acknowledged(connected) is None:
        return 0
    count: int = _INT.unpack(fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, bytes(_INT.size)))[0]
    return count


def _count_acknowledged(connected: socket.socket) -> int | None:
    """Return how many bytes of the connection were acknowledged so far; None if the system does not tell."""
    if sys.platform != "linux":
        return None
    try:
        info: bytes = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _PLACE + _ACKNOWLEDGED.size)
    except (OSError, ValueError):  # closed, or not TCP
        return None
    if len(info) < _PLACE + _ACKNOWLEDGED.size:
        return None
    count: int = _ACKNOWLEDGED.unpack_from(info, _PLACE)[0]
    return count or None  # a kernel that counts has counted the handshake's SYN
