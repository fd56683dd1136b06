"""TCP connections: opens one to the first address of a host that answers (RFC 8305)."""

import asyncio
import socket

import aiohappyeyeballs

_EYEBALLS_DELAY = 0.25  # seconds (RFC 8305, section 5)


async def connect(host: str, port: int) -> socket.socket:
    """Return a socket that is connected to `host`.

    Raises:
        OSError: The name is not known, or nobody answers there.
    """
    addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=_EYEBALLS_DELAY)
