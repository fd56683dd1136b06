"""Tells the service manager, such as systemd, that the process is ready, alive and stopping (sd_notify).

Strategy: a state is one datagram, sent without waiting. A datagram that the manager has no room for is sent again
later. A missing manager costs a warning, and nothing else.
"""

import os
import socket
from collections.abc import MutableMapping

import anyio

from shuttle.observe.log import Logger

READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"
RETRY = 0.1  # seconds until a state is tried again for which there was no room
_MOST_DIGITS = 18  # of a number of microseconds


class Service:
    """The process as the manager at `address` sees it. `period` is how often, in seconds, it wants a sign of life."""

    def __init__(self, address: str, period: float | None, log: Logger) -> None:
        self.period = period
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._log = log
        self._waiting: list[str] = []  # states for which there was no room, in order
        self._warned = False

    def tell_ready(self) -> None:
        """Tell that the process is up."""
        self.tell(READY)

    def tell_stopping(self) -> None:
        """Tell that the process is about to end."""
        self.tell(STOPPING)

    def tell(self, state: str) -> None:
        """Send `state`, now or as soon as there is room, behind what waits already."""
        self._waiting.append(state)
        self._send()

    async def run(self) -> None:
        """Send what waits, and give the signs of life until cancelled, if they are wanted."""
        while self.period or self._waiting:
            if self.period and not self._waiting:  # a waiting message is a sign of life, too
                self.tell(ALIVE)
            await anyio.sleep(RETRY if self._waiting else self.period or 0)
            self._send()

    def _send(self) -> None:
        while self._waiting:
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                    sender.setblocking(False)
                    sender.sendto(self._waiting[0].encode(), self._address)
            except BlockingIOError:
                return
            except (OSError, ValueError) as error:  # ValueError: a NUL in the address
                self._warn(error)
            del self._waiting[0]

    def _warn(self, error: OSError | ValueError) -> None:
        if not self._warned:
            self._warned = True
            reason = getattr(error, "strerror", None) or str(error)
            advice = (
                "NOTIFY_SOCKET must name a datagram socket, as /run/systemd/notify or @name, that can be written to"
            )
            self._log.warning("service.untold", error=reason, advice=advice)


def take_service(environ: MutableMapping[str, str], log: Logger) -> Service | None:
    """Return the service that `environ` tells of, if any, and take the variables out of it.

    A program that is started later does not get them: it would speak for this process.
    """
    address, microseconds, watched = (
        environ.pop(name, "") for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    )
    if not address:
        return None
    is_watched = watched in {"", str(os.getpid())}
    return Service(address, _halve(microseconds) if is_watched else None, log)


def _halve(microseconds: str) -> float | None:
    """Return half of it in seconds; none if it is no number above 0."""
    if not (microseconds.isascii() and microseconds.isdecimal() and len(microseconds) <= _MOST_DIGITS):
        return None
    return int(microseconds) / 2e6 or None
