"""One exchange on one connection: a request's head is read, the answer written, and the connection closed.

h11 reads the head and refuses what is none. It is bounded, and so is what is looked at behind it: a body is not read.
"""

import contextlib
import socket
from collections.abc import Callable
from http import HTTPStatus

import anyio
import h11

from shuttle.observe.web.web_answer import HEADERS, WebAnswer, refuse

MOST_HEAD = 8 * 1024  # bytes; a browser's takes one or two thousand
MOST_REST = 64 * 1024  # bytes that are thrown away behind the head: else the answer would be lost with a reset
REST = 0.05  # seconds between two looks at a head that comes in pieces: a byte at a time must not cost a wake-up each
LINGER = 1.0  # seconds that a client has to close its end
_PIECE = 4096  # bytes that are read at once


async def exchange(connection: socket.socket, answer: Callable[[h11.Request], WebAnswer]) -> None:
    """Read one request from `connection`, which does not block, and write what `answer` returns for it.

    Raises:
        OSError: The client is gone.
    """
    protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD)
    method = b"GET"
    try:
        request = await _read(connection, protocol)
        if request is None:
            return
        method = request.method
        answered = answer(request)
    except h11.RemoteProtocolError as error:
        answered = refuse(error.error_status_hint, "this is no request that is understood")
    await _write(connection, _render(protocol, answered, has_body=method != b"HEAD"))
    with anyio.move_on_after(LINGER):
        await _close(connection)


async def _read(connection: socket.socket, protocol: h11.Connection) -> h11.Request | None:
    """Return the head of a request; None if there is none before the client closes."""
    rest = 0.0
    while (event := protocol.next_event()) is h11.NEED_DATA:
        await anyio.sleep(rest)
        await anyio.wait_readable(connection)
        with contextlib.suppress(BlockingIOError):
            protocol.receive_data(connection.recv(_PIECE))
        rest = REST
    return event if isinstance(event, h11.Request) else None


def _render(protocol: h11.Connection, answer: WebAnswer, *, has_body: bool) -> bytes:
    """Return the answer as it is sent; one to HEAD says how long the body would be."""
    headers = [*HEADERS, ("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
    reason = HTTPStatus(answer.status).phrase.encode()
    head = h11.Response(status_code=answer.status, headers=[*headers, *answer.headers], reason=reason)
    data = protocol.send(head) or b""
    return data + answer.body if has_body else data


async def _write(connection: socket.socket, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[connection.send(rest) :]
        except BlockingIOError:
            await anyio.wait_writable(connection)


async def _close(connection: socket.socket) -> None:
    """Say that nothing more comes, and wait until the client has read it all and closed."""
    connection.shutdown(socket.SHUT_WR)
    left = MOST_REST
    while left > 0:
        await anyio.wait_readable(connection)
        with contextlib.suppress(BlockingIOError):
            data = connection.recv(_PIECE)
            if not data:
                return
            left -= len(data)
