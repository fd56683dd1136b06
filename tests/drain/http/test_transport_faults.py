"""What goes wrong before, during and after a request: no address, early answers, cancellation at every step."""

import asyncio
import gc
import socket
import threading
from collections.abc import Callable

import httpx
import pytest

from shuttle.config import Config
from shuttle.drain.http.failures import describe
from shuttle.drain.http.tls import load_tls
from shuttle.drain.http.transport import DirectTransport
from shuttle.observe.log import SILENT
from tests.drain.http.test_transport import post
from tests.helpers.loops import on_every_loop
from tests.helpers.process import find_closed_port
from tests.helpers.sockets import GUARD, NO_CONTENT, Peer, Script, Server, always, hang

pytestmark = pytest.mark.usefixtures("each_parser")

LARGE = b"." * 20_000_000  # bytes; more than the sockets' buffers of both ends hold
TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"


@on_every_loop
async def test_a_port_without_a_listener_is_connection_refused() -> None:
    with pytest.raises(httpx.ConnectError) as caught:
        await post(DirectTransport(None), f"http://127.0.0.1:{find_closed_port()}/")
    text, advice = describe(caught.value)
    assert text == "connection refused"
    assert "-logs-url" in advice


@on_every_loop
async def test_an_unknown_host_is_named_as_the_error() -> None:
    with pytest.raises(httpx.ConnectError) as caught:
        await post(DirectTransport(None), "http://drain.invalid/")  # RFC 6761, 6.4: it never resolves
    text, advice = describe(caught.value)
    assert text.startswith("the drain's host name is not known: ")
    assert advice == "check the host of -logs-url"


def answer_early(then: Callable[[Peer], object]) -> Script:
    """Refuse a request as soon as its head is there, and leave the body in the socket."""

    def run(peer: Peer) -> None:
        peer.read_head()
        peer.send(TOO_LARGE)
        then(peer)

    return run


def linger(peer: Peer) -> None:
    """Say that nothing more comes, and wait for the client to close without reading on."""
    peer.connection.shutdown(socket.SHUT_WR)
    peer.wait_gone()


@pytest.mark.parametrize("then", [linger, Peer.wait_gone])
@on_every_loop
async def test_an_answer_before_the_body_is_sent_counts(
    then: Callable[[Peer], object],
) -> None:
    """It ends the connection."""

    def wait_then(peer: Peer) -> None:
        answered.wait(GUARD)  # and read nothing of the body until the client has the answer
        then(peer)

    answered = threading.Event()
    transport = DirectTransport(None)
    with Server(answer_early(wait_then), always(NO_CONTENT)) as server:
        assert await post(transport, server.url, LARGE) == 413
        answered.set()
        await server.until_all_gone()
        assert await post(transport, server.url) == 204
        await transport.aclose()
    assert [request.connection for request in server.requests] == [1]


@pytest.mark.parametrize("reset", [False, True])
@on_every_loop
async def test_an_early_answer_survives_a_close_by_the_drain(reset: bool) -> None:
    """The drain closes the connection before it has read the body."""
    transport = DirectTransport(None)
    with Server(answer_early(Peer.reset if reset else lambda _: None)) as server:
        assert await post(transport, server.url, LARGE) == 413
        await transport.aclose()
        assert len(server.accepted) == 1


@on_every_loop
async def test_a_drain_that_reads_slowly_gets_the_whole_body() -> None:
    with Server(always(NO_CONTENT)) as server:
        transport = DirectTransport(None)
        assert await post(transport, server.url, LARGE) == 204
        await transport.aclose()
    assert server.requests[0].body == LARGE


def hang_in_body(peer: Peer) -> None:
    peer.read()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    peer.wait_gone()


def hang_in_head(peer: Peer) -> None:
    peer.read()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-")
    peer.wait_gone()


@pytest.mark.parametrize("script", [hang, hang_in_head, hang_in_body])
@on_every_loop
async def test_a_cancelled_request_leaves_no_connection(script: Script) -> None:
    transport = DirectTransport(None)
    with Server(script) as server:
        task = asyncio.create_task(post(transport, server.url))
        await server.until(lambda: len(server.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until_all_gone()
        await transport.aclose()
    gc.collect()  # a socket left open warns


@on_every_loop
async def test_a_request_cancelled_in_its_body_is_closed() -> None:
    """No connection stays open."""

    def read_no_body(peer: Peer) -> None:
        peer.read_head()
        started.set()
        stopped.wait(GUARD)
        peer.wait_gone()

    started, stopped = threading.Event(), threading.Event()
    transport = DirectTransport(None)
    with Server(read_no_body) as server:
        task = asyncio.create_task(post(transport, server.url, LARGE))
        await asyncio.to_thread(started.wait, GUARD)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        stopped.set()
        await server.until_all_gone()
    gc.collect()


@on_every_loop
async def test_a_request_cancelled_at_any_moment_is_closed() -> None:
    """From the look-up of the name to the last byte of the answer."""
    turns = 0
    with Server(always(NO_CONTENT)) as server:
        done = False
        while not done:
            transport = DirectTransport(None)
            task = asyncio.create_task(post(transport, server.url))
            for _ in range(turns):
                await asyncio.sleep(0)
            done = task.done()
            task.cancel()
            await asyncio.wait([task])
            await transport.aclose()
            turns += 1 + turns // 10
        assert task.result() == 204
        await server.until_all_gone()
    gc.collect()


@on_every_loop
async def test_a_request_cancelled_in_the_handshake_is_closed() -> None:
    """No connection stays open."""
    with Server(Peer.wait_gone) as server:
        url = server.url.replace("http:", "https:")
        transport = DirectTransport(load_tls(Config(logs_url=url), SILENT))
        task = asyncio.create_task(post(transport, url))
        await server.until(lambda: len(server.accepted) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until_all_gone()
    gc.collect()


@on_every_loop
async def test_aclose_closes_every_idle_connection() -> None:
    """The transport can be used afterwards."""
    transport = DirectTransport(None)
    with Server(always(NO_CONTENT)) as server:
        await asyncio.gather(*(post(transport, server.url) for _ in range(3)))
        await transport.aclose()
        await server.until_all_gone()
        assert await post(transport, server.url) == 204
        await transport.aclose()
        await transport.aclose()
        await server.until_all_gone()
    gc.collect()
