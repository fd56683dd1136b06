"""A small HTTP server on the agent's own event loop, which no client can make expensive.

Strategy: a connection has one exchange and PATIENCE seconds for it. There are at most MOST of them; one more takes the
place of the oldest. After each one that is accepted the server rests, so there are never more than a hundred a second:
others wait in the kernel. What is held for a client is a bounded head and one answer.
"""

import contextlib
import socket
from collections.abc import Callable, Sequence

import anyio
import anyio.abc
import h11

from shuttle.core.stats_address import StatsAddress
from shuttle.errors import ConfigError, quote
from shuttle.observe.web.exchange import exchange
from shuttle.observe.web.web_answer import WebAnswer

MOST = 16  # connections; a browser opens six
PATIENCE = 5.0  # seconds for an exchange
REST = 0.01  # seconds after each connection
RETRY = 1.0  # seconds after one that could not be accepted: there are too many open files
_BACKLOG = 64  # connections that wait in the kernel


def listen(address: StatsAddress, given: str) -> list[socket.socket]:
    """Return sockets that listen at `address`, one for each address of a name.

    Raises:
        ConfigError: The address is taken, or none of this machine's. `given` is how the user wrote it.
    """
    with contextlib.ExitStack() as stack:
        try:
            found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            listeners = []
            for family, kind, protocol, _, place in dict.fromkeys(found):
                listener = stack.enter_context(socket.socket(family, kind, protocol))
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.setblocking(False)
                listener.bind(place)
                listener.listen(_BACKLOG)
                listeners.append(listener)
        except OSError as error:
            raise ConfigError(f"-stats-addr {quote(given)}: {error.strerror or error}") from None
        stack.pop_all()
    return listeners


class WebServer:
    """Answers requests on `listeners` with what `answer` returns for them, and closes them at the end.

    `crashed` is told of an error that nobody expected; it costs one connection.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        answer: Callable[[h11.Request], WebAnswer],
        crashed: Callable[[Exception], None],
    ) -> None:
        self._listeners = listeners
        self._answer = answer
        self._crashed = crashed
        self._open: dict[socket.socket, anyio.CancelScope] = {}  # the oldest first

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            async with anyio.create_task_group() as tasks:
                for listener in self._listeners:
                    tasks.start_soon(self._accept, listener, tasks)
        finally:
            for one in (*self._listeners, *self._open):
                one.close()

    async def _accept(self, listener: socket.socket, tasks: anyio.abc.TaskGroup) -> None:
        while True:
            await anyio.wait_readable(listener)
            try:
                connection, _ = listener.accept()
            except (BlockingIOError, ConnectionError):
                continue
            except OSError:
                await anyio.sleep(RETRY)
                continue
            connection.setblocking(False)
            if len(self._open) >= MOST:
                next(iter(self._open.values())).cancel()
            self._open[connection] = anyio.CancelScope(deadline=anyio.current_time() + PATIENCE)
            tasks.start_soon(self._serve, connection)
            await anyio.sleep(REST)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            with self._open[connection], contextlib.suppress(OSError):
                await exchange(connection, self._answer)
        except Exception as error:  # noqa: BLE001  # a client is no reason to end, whatever it sends
            self._crashed(error)
        finally:
            self._open.pop(connection, None)
            connection.close()
