"""Requests over real sockets: connections are used again, closed ones cost nothing, and every failure is an error."""

import asyncio
import threading

import httpx
import pytest

from shuttle.clock import bind_clocks
from shuttle.core.outcome import Reply
from shuttle.drain.http import transport as module
from shuttle.drain.http.client import Client
from shuttle.drain.http.transport import DirectTransport
from tests.helpers.clients import wall
from tests.helpers.loops import on_every_loop
from tests.helpers.sockets import (
    GUARD,
    NO_CONTENT,
    Peer,
    Script,
    Server,
    always,
    close_at_once,
    close_unanswered,
    has_ipv6,
)

pytestmark = pytest.mark.usefixtures("each_parser")

ANSWERS = {
    "no content": NO_CONTENT,
    "empty body": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes",
    "long body": b"HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n" + b"." * 65536,
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n",
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\nA: b\r\n\r\n",
    "refusal": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno",
    "failure": b"HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2 + b"HTTP/1.1 204 No Content\r\n\r\n",
    "1.0 kept": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
}


def make_request(url: str, body: bytes = b"lines", number: int = 0) -> httpx.Request:
    return httpx.Request("POST", url, content=body, headers={"X-Request-Id": str(number)})


async def post(transport: httpx.AsyncBaseTransport, url: str, body: bytes = b"lines", number: int = 0) -> int:
    """Send a request and read its answer to the end, and return the status."""
    response = await transport.handle_async_request(make_request(url, body, number))
    try:
        await response.aread()
    finally:
        await response.aclose()
    return response.status_code


@pytest.mark.parametrize("answer", ANSWERS)
@on_every_loop
async def test_a_connection_carries_many_requests(answer: str) -> None:
    """It does so whatever the answers hold."""
    transport = DirectTransport(None)
    with Server(always(ANSWERS[answer])) as server:
        statuses = {await post(transport, server.url, number=number) for number in range(5)}
        await transport.aclose()
        await server.until_all_gone()
    assert len(statuses) == 1
    assert min(statuses) >= 200
    assert len(server.accepted) == 1
    assert [request.headers["X-Request-Id"] for request in server.requests] == list("01234")
    assert {request.body for request in server.requests} == {b"lines"}


def answer_one_then(end: str) -> Script:
    """Answer one request, read another, and end the connection without a word about it."""

    def run(peer: Peer) -> None:
        peer.read()
        peer.send(NO_CONTENT)
        peer.read()
        if end == "reset":
            peer.reset()

    return run


@pytest.mark.parametrize("end", ["close", "reset"])
@on_every_loop
async def test_a_request_on_a_dead_connection_is_sent_again(end: str) -> None:
    """It is sent again only if no byte of an answer came, and on a new connection."""
    transport = DirectTransport(None)
    with Server(answer_one_then(end), always(NO_CONTENT)) as server:
        assert [await post(transport, server.url, number=number) for number in range(3)] == [204] * 3
        await transport.aclose()
    told = [(request.connection, request.headers["X-Request-Id"], request.body) for request in server.requests]
    assert told == [(0, "0", b"lines"), (0, "1", b"lines"), (1, "1", b"lines"), (1, "2", b"lines")]


@on_every_loop
async def test_only_one_new_connection_is_tried_for_a_request() -> None:
    transport = DirectTransport(None)
    with Server(answer_one_then("close"), close_unanswered) as server:
        await post(transport, server.url)
        with pytest.raises(httpx.RemoteProtocolError, match="closed without an answer"):
            await post(transport, server.url)
    assert len(server.accepted) == 2


@on_every_loop
async def test_a_request_whose_answer_has_begun_is_not_sent_again() -> None:
    def cut_off(peer: Peer) -> None:
        peer.read()
        peer.send(NO_CONTENT)
        peer.read()
        peer.send(b"HTTP/1.1 2")

    transport = DirectTransport(None)
    with Server(cut_off, always(NO_CONTENT)) as server:
        await post(transport, server.url)
        with pytest.raises(httpx.RemoteProtocolError, match="in the middle of the answer"):
            await post(transport, server.url)
    assert len(server.accepted) == 1


def reset_unanswered(peer: Peer) -> None:
    peer.read()  # a reset before it may already fail connect()
    peer.reset()


@pytest.mark.parametrize("script", [close_at_once, close_unanswered, reset_unanswered])
@on_every_loop
async def test_a_new_connection_that_ends_unanswered_is_an_error(script: Script) -> None:
    with Server(script) as server, pytest.raises(httpx.RemoteProtocolError, match="closed without an answer"):
        await post(DirectTransport(None), server.url)
    assert len(server.accepted) == 1


@pytest.mark.parametrize("unasked", [b"HTTP/1.1 408 Request Timeout\r\n\r\n", b"HTTP", b"\x00", b"bye\r\n"])
@on_every_loop
async def test_a_connection_that_speaks_unasked_is_not_reused(unasked: bytes) -> None:
    def speak_unasked(peer: Peer) -> None:
        peer.read()
        peer.send(NO_CONTENT)
        answered.wait(GUARD)
        peer.send(unasked)
        peer.wait_gone()

    answered = threading.Event()
    transport = DirectTransport(None)
    with Server(speak_unasked, always(NO_CONTENT)) as server:
        await post(transport, server.url)
        answered.set()
        await server.until_all_gone()  # the connection is dropped as soon as it speaks
        assert await post(transport, server.url) == 204
        await transport.aclose()
    assert [request.connection for request in server.requests] == [0, 1]


@on_every_loop
async def test_a_second_answer_does_not_change_the_first() -> None:
    """Both arrive together."""
    twice = (
        b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"
    )
    transport = DirectTransport(None)
    with Server(always(twice), always(NO_CONTENT)) as server:
        response = await transport.handle_async_request(make_request(server.url))
        assert response.status_code == 503
        assert response.headers.raw == [(b"Content-Length", b"0")]
        await response.aclose()
        assert await post(transport, server.url) == 204
        await transport.aclose()
    assert [request.connection for request in server.requests] == [0, 1]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    ],
)
@on_every_loop
async def test_a_connection_is_closed_when_the_drain_asks(answer: bytes) -> None:
    transport = DirectTransport(None)
    with Server(always(answer)) as server:
        for _ in range(2):
            await post(transport, server.url)
        await server.until_all_gone()
    assert [request.connection for request in server.requests] == [0, 1]


@on_every_loop
async def test_a_connection_idle_too_long_is_not_reused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is closed."""
    transport = DirectTransport(None)
    with Server(always(NO_CONTENT)) as server:
        await post(transport, server.url)
        monkeypatch.setattr(module, "IDLE_LIMIT", -1.0)  # the time of the loop cannot be moved
        await post(transport, server.url)
        await server.until(lambda: server.gone == [0])
        await transport.aclose()
        await server.until_all_gone()
    assert [request.connection for request in server.requests] == [0, 1]


@on_every_loop
async def test_an_idle_connection_is_closed_though_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_LIMIT", 0.01)
    transport = DirectTransport(None)
    with Server(always(NO_CONTENT)) as server:
        await asyncio.gather(*(post(transport, server.url) for _ in range(3)))
        await server.until_all_gone()


@on_every_loop
async def test_an_old_connection_is_not_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the drain's name is resolved again."""
    monkeypatch.setattr(module, "AGE_LIMIT", 0.0)
    transport = DirectTransport(None)
    with Server(always(NO_CONTENT)) as server:
        for _ in range(3):
            await post(transport, server.url)
        await server.until_all_gone()
    assert [request.connection for request in server.requests] == [0, 1, 2]


@on_every_loop
async def test_each_concurrent_request_has_a_connection() -> None:
    """All connections are used again."""

    def answer_when_all_are_there(peer: Peer) -> None:
        while True:
            peer.read()
            everyone.wait(GUARD)
            peer.send(NO_CONTENT)

    everyone = threading.Barrier(4)
    transport = DirectTransport(None)
    with Server(answer_when_all_are_there) as server:
        for _ in range(3):
            assert await asyncio.gather(*(post(transport, server.url) for _ in range(4))) == [204] * 4
        assert len(server.accepted) == 4
        await transport.aclose()
        await server.until_all_gone()


@on_every_loop
async def test_the_address_may_be_ipv6() -> None:
    if not has_ipv6():
        pytest.skip("no ::1 here")
    transport = DirectTransport(None)
    with Server(always(NO_CONTENT), host="::1") as server:
        assert await post(transport, server.url) == 204
        await transport.aclose()
    assert server.requests[0].headers["Host"] == f"[::1]:{server.port}"


@on_every_loop
async def test_connections_whose_bodies_never_end_are_few() -> None:
    """Nobody waits for these bodies, and aclose() closes all of them."""
    transport = DirectTransport(None)
    client = Client(transport, timeout=GUARD, clocks=bind_clocks(wall))
    with Server(always(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")) as server:
        for _ in range(module.BUSY_MOST + 5):
            assert await client.post(make_request(server.url)) == Reply(status=200)
        await server.until(lambda: len(server.gone) >= 5)
        await transport.aclose()
        await server.until_all_gone()


@on_every_loop
async def test_a_refusal_without_a_length_is_shown() -> None:
    """The connection stays open, so that nothing says where the text ends."""

    def refuse(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 403 Forbidden\r\n\r\nno such token")
        peer.wait_gone()

    transport = DirectTransport(None)
    client = Client(transport, timeout=GUARD, clocks=bind_clocks(wall))
    with Server(refuse) as server:
        reply = await client.post(make_request(server.url))
        assert (reply.status, reply.error) == (403, "no such token")
        await server.until_all_gone()


@pytest.mark.parametrize(
    "header", [(b"X-Id", b"a\r\nX: y"), (b"X-Id", b"a\nX: y"), (b"X\r\nY", b"a"), (b"X-Id", b"\0")]
)
def test_a_header_that_holds_a_line_end_is_refused(header: tuple[bytes, bytes]) -> None:
    request = httpx.Request("POST", "http://drain.example/", headers=[header])
    with pytest.raises(httpx.LocalProtocolError, match="line end or NUL"):
        asyncio.run(DirectTransport(None).handle_async_request(request))
