"""Looks up host names with the system's resolver, in threads that nothing waits for.

A look-up may take minutes if a name server does not answer, and cannot be interrupted. The event loop's own look-up
would keep the process from ending. Requests for the same name share one look-up, so that attempts to connect do not
pile up threads.
"""

import asyncio
import contextlib
import errno
import os
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future

Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]
"""What `socket.getaddrinfo` gives of an address."""

_under_way: dict[tuple[str, int], "Future[list[Address]]"] = {}


async def look_up(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of `host` for TCP, the best one first.

    Raises:
        OSError: The name is not known.
    """
    with contextlib.suppress(OSError, UnicodeError):  # it is no address
        return _ask(host, port, socket.AI_NUMERICHOST)
    found = _under_way.get((host, port))
    if found is None:
        found = _under_way[host, port] = Future()
        found.set_running_or_notify_cancel()  # a cancelled caller does not cancel it for others
        try:
            threading.Thread(target=_settle, args=(found, host, port), name="names", daemon=True).start()
        except RuntimeError as error:  # there are too many, or the interpreter ends
            del _under_way[host, port]
            raise OSError(errno.EAGAIN, str(error)) from None
    return await asyncio.wrap_future(found)


def _settle(found: "Future[list[Address]]", host: str, port: int) -> None:
    try:
        addresses = _ask(host, port)
    except (OSError, UnicodeError) as error:  # a label is too long for IDNA
        del _under_way[host, port]
        found.set_exception(error if isinstance(error, OSError) else OSError(str(error)))
    else:
        del _under_way[host, port]
        found.set_result(addresses)


def _ask(host: str, port: int, flags: int = 0) -> list[Address]:
    addresses: list[Address] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)  # type: ignore[assignment]
    return addresses


os.register_at_fork(after_in_child=_under_way.clear)  # a child has none of the threads
