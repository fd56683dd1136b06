"""How much of a request has arrived at the other machine, as TCP knows it.

A link that is too slow for the time-out looks like a drain that hangs, but for this: the drain cannot have taken a
request that has not arrived. So it can be halved at once, and what did arrive in the time says how far.
"""

import asyncio
import socket
import struct
import sys

LARGE = 16 * 1024  # bytes; a smaller body is in the kernel's buffer at once, and not worth a system call
_ACKNOWLEDGED = struct.Struct("@Q")  # tcpi_bytes_acked of struct tcp_info in linux/tcp.h
_PLACE = 120  # bytes before it


def count_acknowledged(transport: asyncio.BaseTransport) -> int | None:
    """Return how many bytes of a connection were acknowledged so far; None if the system does not tell."""
    peer = transport.get_extra_info("socket")
    if sys.platform != "linux" or peer is None:
        return None
    try:
        info: bytes = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _PLACE + _ACKNOWLEDGED.size)
    except OSError:  # closed, or not TCP
        return None
    if len(info) < _PLACE + _ACKNOWLEDGED.size:
        return None
    count: int = _ACKNOWLEDGED.unpack_from(info, _PLACE)[0]
    return count
