"""TCP connections: opens one to the first address of a host that answers (RFC 8305)."""

import socket

import aiohappyeyeballs

from shuttle.drain.http.names import look_up

_EYEBALLS_DELAY = 0.25  # seconds (RFC 8305, section 5)


async def connect(host: str, port: int) -> socket.socket:
    """Return a socket that is connected to `host`.

    Raises:
        OSError: The name is not known, or nobody answers there.
    """
    return await aiohappyeyeballs.start_connection(await look_up(host, port), happy_eyeballs_delay=_EYEBALLS_DELAY)
