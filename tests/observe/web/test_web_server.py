"""The server answers whoever asks properly, and a slow or hostile client holds nothing up and keeps nothing."""

import contextlib
import socket
from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import h11
import pytest

from shuttle.core.stats_address import StatsAddress
from shuttle.errors import ConfigError
from shuttle.observe.web.exchange import MOST_HEAD
from shuttle.observe.web.routes import Routes
from shuttle.observe.web.web_answer import WebAnswer, refuse
from shuttle.observe.web.web_server import MOST, PATIENCE, WebServer, listen
from tests.helpers.descriptors import descriptors_left, list_descriptors
from tests.helpers.loops import on_every_loop
from tests.helpers.sockets import GUARD

LARGE = b"x" * 10_000_000  # bytes: more than the kernel takes for a client that reads nothing
GOOD = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


def fail(_: h11.Request) -> WebAnswer:
    raise ZeroDivisionError


@contextlib.asynccontextmanager
async def serving(crashes: list[Exception] | None = None) -> AsyncIterator[int]:
    """Serve within the block; the value is the port."""
    listeners = listen(StatsAddress("127.0.0.1", 0), "0")
    handlers = {
        "/hello": lambda _: WebAnswer(200, b"hello\n"),
        "/large": lambda _: WebAnswer(200, LARGE),
        "/fail": fail,
    }
    note = (crashes if crashes is not None else []).append
    routes = Routes(handlers, frozenset({"localhost"}), note)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(WebServer(listeners, routes, note).run)
        yield listeners[0].getsockname()[1]
        tasks.cancel_scope.cancel()


async def ask(port: int, *pieces: bytes) -> bytes:
    """Send `pieces` one after the other, and return all that comes until the server closes."""
    with anyio.fail_after(GUARD):
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            with contextlib.suppress(anyio.BrokenResourceError):
                for piece in pieces:
                    await stream.send(piece)
            return b"".join([data async for data in stream])


@pytest.mark.parametrize(
    ("head", "status", "body"),
    [
        (GOOD, 200, b"hello\n"),
        (b"GET /hello?x=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200, b"hello\n"),
        (b"GET /hello HTTP/1.0\r\nHost: [::1]:1\r\n\r\n", 200, b"hello\n"),
        (b"HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, b""),
        (GOOD * 3, 200, b"hello\n"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, b"there is /hello, /large, /fail\n"),
        (b"GET /fail HTTP/1.1\r\nHost: localhost\r\n\r\n", 500, None),
        (b"POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody", 405, None),
        (b"GET /hello HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, None),
        (b"GET /hello HTTP/1.0\r\n\r\n", 421, None),
        (b"GET /hello HTTP/1.1\r\n\r\n", 400, None),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello, this is TLS\r\n\r\n", 400, None),
        (b"GET /" + b"x" * MOST_HEAD * 2 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431, None),
        (b"GET /hello HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * MOST_HEAD, 431, None),
    ],
)
@on_every_loop
async def test_each_request_has_its_answer_and_the_connection_ends(
    head: bytes, status: int, body: bytes | None
) -> None:
    async with serving() as port:
        answer = await ask(port, head)
    front, _, rest = answer.partition(b"\r\n\r\n")
    assert front.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nConnection: close" in front
    assert b"default-src 'none'" in front
    assert body is None or rest == body


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://evil.example/hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive\r\n\r\n",
        b"HEAD /hello HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        b"POST /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /hello HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\nX: \x00\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"\x00" * 100,
        b"",
    ],
)
@on_every_loop
async def test_whatever_comes_the_server_goes_on(head: bytes) -> None:
    crashes: list[Exception] = []
    async with serving(crashes) as port:
        client = await anyio.connect_tcp("127.0.0.1", port)
        async with client:
            if head:
                await client.send(head)
            await client.send_eof()
            with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError), anyio.fail_after(GUARD):
                await client.receive()
        assert (await ask(port, GOOD)).endswith(b"hello\n")
    assert crashes == []


@on_every_loop
async def test_a_lack_of_descriptors_is_outlived() -> None:
    async with serving() as port:
        assert (await ask(port, GOOD)).endswith(b"hello\n")
        with socket.socket() as client:
            with descriptors_left(0):
                client.connect(("127.0.0.1", port))
                client.send(GOOD)
                for _ in range(20):  # rounds of the event loop, in which the server sees it and cannot accept it
                    await anyio.lowlevel.checkpoint()
            client.setblocking(False)
            with anyio.fail_after(GUARD):
                await anyio.wait_readable(client)
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")


@on_every_loop
async def test_a_head_may_come_byte_by_byte() -> None:
    async with serving() as port:
        answer = await ask(port, *(GOOD[place : place + 1] for place in range(len(GOOD))))
    assert answer.endswith(b"\r\n\r\nhello\n")


@on_every_loop
async def test_an_error_in_an_answer_is_told_and_the_server_goes_on() -> None:
    crashes: list[Exception] = []
    async with serving(crashes) as port:
        await ask(port, b"GET /fail HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await ask(port, GOOD)).endswith(b"hello\n")
    assert [type(crash) for crash in crashes] == [ZeroDivisionError]


@pytest.mark.parametrize("sent", [b"", b"GET /he", b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"])
@on_every_loop
async def test_clients_that_stand_still_lose_their_place_to_new_ones(sent: bytes) -> None:
    """However many there are: they send nothing, half a head, or do not read the answer."""
    async with serving() as port:
        before = len(list_descriptors())
        with contextlib.ExitStack() as stack:
            for _ in range(MOST + 5):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                client.send(sent)
            assert (await ask(port, GOOD)).endswith(b"hello\n")
            opened = len(list_descriptors()) - before - (MOST + 5)
        assert opened <= MOST + 1


@on_every_loop
async def test_the_end_waits_for_no_client_and_leaves_nothing_open() -> None:
    async with serving() as port:
        await ask(port, GOOD)  # what the event loop opens for its first connections stays
    before = list_descriptors()
    with contextlib.ExitStack() as stack:
        async with serving() as port:
            for _ in range(3):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                client.send(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await ask(port, GOOD)
            ending = anyio.current_time()
        assert anyio.current_time() - ending < PATIENCE / 2
    assert list_descriptors() == before


def test_a_port_that_is_taken_is_an_error_of_configuration() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"^-stats-addr ':{port}': Address already in use$"):
            listen(StatsAddress("127.0.0.1", port), f":{port}")


def test_a_refusal_says_why_in_a_line() -> None:
    assert refuse(404, "no").body == b"no\n"
