"""The system's log: lines for the syslog daemon of this machine.

Python's syslog module, and the C function below it, neither says whether anybody receives a line nor continues when
the daemon does not read. This sender does both.
"""

import errno
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path

PATHS = (Path("/dev/log"), Path("/var/run/syslog"), Path("/var/run/log"))  # Linux, macOS, the BSDs
FACILITY = 5 << 3  # messages that a logger makes itself; Go's
LEVELS = {"error": 3, "warning": 4, "info": 6, "debug": 7}  # severities (RFC 5424, 6.2.1)
_FULL = (errno.EAGAIN, errno.ENOBUFS, errno.EMSGSIZE)  # another connection would not help


class SystemLog:
    """Sends lines as `name`, one at a time, without waiting. Nothing is connected before the first line."""

    def __init__(self, name: str, paths: Sequence[Path] = PATHS) -> None:
        self._name = name
        self._paths = paths
        self._socket: socket.socket | None = None

    def send(self, level: str, text: str) -> None:
        """Send `text` as one line of `level`, on a new connection if the daemon has been started again.

        Raises:
            OSError: Nobody takes it now.
        """
        head = f"<{FACILITY | LEVELS[level]}>{time.strftime('%b %e %H:%M:%S')} {self._name}[{os.getpid()}]: "
        message = (head + text).encode("utf-8", "backslashreplace")
        if self._socket:
            try:
                self._send(self._socket, message)
            except OSError as error:
                if error.errno in _FULL:
                    raise
                self.close()
            else:
                return
        self._socket = self._connect()
        self._send(self._socket, message)

    def close(self) -> None:
        """Close the connection; the next line makes another."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _send(self, connection: socket.socket, message: bytes) -> None:
        if connection.type == socket.SOCK_STREAM:
            message += b"\0"  # ends a line there
        if connection.send(message) < len(message):
            self.close()  # a part of a line must not be the beginning of the next
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def _connect(self) -> socket.socket:
        failure: OSError | None = None
        for path in self._paths:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                connection = socket.socket(socket.AF_UNIX, kind)
                connection.setblocking(False)
                try:
                    connection.connect(os.fspath(path))
                except OSError as error:
                    connection.close()
                    failure = failure if isinstance(error, FileNotFoundError) and failure else error
                else:
                    return connection
        assert failure, "there are no paths"
        raise failure
