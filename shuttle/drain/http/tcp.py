"""TCP connections: opens one to the first address of a host that answers (RFC 8305), and peeks at incoming data."""

import fcntl
import socket
import struct
import termios

import aiohappyeyeballs

from shuttle.drain.http.names import look_up

_INT = struct.Struct("@i")
_EYEBALLS_DELAY = 0.25  # seconds (RFC 8305, section 5)


async def connect(host: str, port: int) -> socket.socket:
    """Return a socket that is connected to `host`.

    Raises:
        OSError: The name is not known, or nobody answers there.
    """
    return await aiohappyeyeballs.start_connection(await look_up(host, port), happy_eyeballs_delay=_EYEBALLS_DELAY)


def count_unread(connected: socket.socket) -> int:
    """Return how many bytes the kernel has received on a connection that nobody has read yet."""
    try:
        answer = fcntl.ioctl(connected.fileno(), termios.FIONREAD, bytes(_INT.size))
    except (OSError, ValueError):  # it is closed already
        return 0
    count: int = _INT.unpack(answer)[0]
    return count
