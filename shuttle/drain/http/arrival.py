"""How much of a request has arrived at the other machine, as TCP knows it.

The drain cannot have taken a request that has not arrived. So a link that is too slow for the time-out is told from a
drain that hangs: the request can be halved at once, and what did arrive in the time says how far. And a drain that says
it has taken a request is not believed before it has arrived.

With TLS a little more is sent than the request, and the end of the handshake may be on its way before it. So the share
may be too large, by 22 bytes for each 16 KiB and a few hundred more, or by a client certificate. It is never too small.
"""

import asyncio
import contextlib
import fcntl
import socket
import struct
import sys
import termios

LARGE = 16 * 1024  # bytes; a smaller body is in the kernel's buffer at once, and not worth a system call
_ACKNOWLEDGED = struct.Struct("@Q")  # tcpi_bytes_acked of struct tcp_info in linux/tcp.h
_INT = struct.Struct("@i")
_PLACE = 120  # bytes before it
_RESET = struct.pack("ii", 1, 0)  # struct linger: on, and for no time, so that closing resets


class Arrival:
    """Of a request of `size` bytes that `transport` is about to send."""

    def __init__(self, transport: asyncio.BaseTransport, size: int) -> None:
        self._socket: socket.socket | None = transport.get_extra_info("socket")
        self._size = size
        self._before = self._count()

    @property
    def share(self) -> float:
        """The share of the request that has arrived; 1 if that is not known."""
        before, now = self._before, self._count()
        return 1.0 if before is None or now is None else min(1.0, (now - before) / self._size)

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
