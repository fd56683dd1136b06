"""An answer that comes before the drain has the whole request: a good one counts for nothing, any other one counts."""

import asyncio
import select
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

import anyio
import httpx
import pytest

from shuttle.config import Config
from shuttle.core.outcome import Reply
from shuttle.drain.http.arrival import count_missing
from shuttle.drain.http.pooled_transport import PooledTransport
from shuttle.drain.http.proxy import Proxy
from shuttle.drain.http.tls import load_tls
from shuttle.drain.http.transport import DirectTransport
from shuttle.observe.log import SILENT
from tests.drain.http.test_arrival import HUGE, make_context
from tests.drain.http.test_transport import make_request
from tests.helpers.clients import attempt
from tests.helpers.loops import on_every_loop
from tests.helpers.sockets import GUARD, NO_CONTENT, Peer, Script, Server, always

pytestmark = pytest.mark.usefixtures("each_parser")

BATCH = bytes(900_000)  # what the sending kernel may take at once, and a small window not
WRITTEN = bytes(18_000)  # what trio, too, gives to the kernel at once
QUICK = bytes(100_000)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ODD = b"HTTP/1.1 200 OK\r\nAn Odd Name: x\r\n\r\n"  # llhttp refuses it
CUT = b"HTTP/1.1 200 OK\r\nContent-Le"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno"
EARLY = "the drain answered before it had the whole request"


def make_transport(server: Server, proxy: Proxy | None = None) -> DirectTransport:
    return DirectTransport(load_tls(Config(logs_url=server.url, skip_verify=True), SILENT), proxy)


async def post_in_turn(server: Server, *bodies: bytes, proxy: Proxy | None = None) -> list[Reply]:
    transport = make_transport(server, proxy)
    try:
        return [await attempt(transport, make_request(server.url, body), GUARD) for body in bodies]
    finally:
        await transport.aclose()


def answer_the_head(answer: bytes, then: Callable[[Peer], object], *, first: int) -> Script:
    """Answer `first` requests, and the head of the next one."""

    def run(peer: Peer) -> None:
        for _ in range(first):
            peer.read()
            peer.send(NO_CONTENT)
        peer.read_head()
        peer.send(answer)
        then(peer)

    return run


@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("answer", [OK, ODD])
@pytest.mark.parametrize("body", [BATCH, HUGE], ids=["in the kernel", "in the process"])
@pytest.mark.parametrize("tls", [False, True])
@on_every_loop
async def test_a_good_answer_to_a_head_alone_is_a_failure(tls: bool, body: bytes, answer: bytes, first: int) -> None:
    """It costs the connection."""
    answered = threading.Event()
    script = answer_the_head(answer, lambda _: answered.wait(GUARD), first=first)
    with Server(script, tls=make_context() if tls else None, receive_buffer=4096) as server:
        transport = make_transport(server)
        try:
            for _ in range(first):
                assert (await attempt(transport, make_request(server.url), GUARD)).status == 204
            reply = await attempt(transport, make_request(server.url, body), GUARD)
        finally:
            answered.set()
        assert (reply.status, reply.error, reply.sent, reply.late) == (None, EARLY, True, False)
        assert "read" in reply.advice
        assert transport._idle == []
        await transport.aclose()


@pytest.mark.parametrize("answer", [OK, ODD])
@pytest.mark.parametrize("body", [BATCH, HUGE], ids=["in the kernel", "in the process"])
@pytest.mark.parametrize("tls", [False, True])
@on_every_loop
async def test_a_drain_may_answer_first_and_read_then(tls: bool, body: bytes, answer: bytes) -> None:
    got: list[int] = []

    def read_on(peer: Peer) -> None:
        total = len(peer._unread)
        while total < len(body) and (piece := peer.connection.recv(1 << 20)):
            total += len(piece)
        got.append(total)
        peer.wait_gone()

    script = answer_the_head(answer, read_on, first=0)
    with Server(script, tls=make_context() if tls else None, receive_buffer=65536) as server:
        [reply] = await post_in_turn(server, body)
        await server.until_all_gone()
    assert (reply.status, reply.error) == (200, "")
    assert got == [len(body)]


@pytest.mark.parametrize("tls", [False, True])
@on_every_loop
async def test_a_good_status_without_the_rest_of_its_head_is_a_failure(tls: bool) -> None:
    script = answer_the_head(CUT, Peer.reset, first=0)
    with Server(script, tls=make_context() if tls else None, receive_buffer=4096) as server:
        [reply] = await post_in_turn(server, BATCH)
    assert (reply.status, reply.error) == (None, EARLY)


@pytest.mark.parametrize("tls", [False, True])
@on_every_loop
async def test_what_had_not_arrived_at_an_early_answer_never_does(tls: bool) -> None:
    """It is sent again, in parts perhaps."""
    pieces: list[int] = []

    def read_late(peer: Peer) -> None:
        ended = select.poll()
        ended.register(peer.connection, 0)  # a reset shows even so
        ended.poll(GUARD * 250)
        while piece := peer.connection.recv(len(BATCH)):
            pieces.append(len(piece))
        raise ConnectionAbortedError  # TLS in Python takes a reset for an end

    script = answer_the_head(OK, read_late, first=0)
    with Server(script, tls=make_context() if tls else None, receive_buffer=4096) as server:
        [reply] = await post_in_turn(server, BATCH)
        await server.until_all_gone()
    assert reply.error == EARLY
    assert sum(pieces) < len(BATCH) / 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("first", [0, 2])
@pytest.mark.parametrize("tls", [False, True])
def test_another_transport_does_not_believe_it_either(backend: str, tls: bool, first: int) -> None:
    async def main() -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        transport = PooledTransport(lambda: httpx.AsyncHTTPTransport(verify=context))
        for _ in range(first):
            assert (await attempt(transport, make_request(server.url, QUICK), GUARD)).status == 204
        try:
            reply = await attempt(transport, make_request(server.url, WRITTEN), GUARD)
        finally:
            answered.set()
        assert (reply.status, reply.error, reply.sent) == (None, EARLY, True)
        assert (await attempt(transport, make_request(server.url), GUARD)).status == 204
        await transport.aclose()

    answered = threading.Event()
    script = answer_the_head(OK, lambda _: answered.wait(GUARD), first=first)
    tls_context = make_context() if tls else None
    with Server(script, always(NO_CONTENT), tls=tls_context, receive_buffer=4096) as server:
        anyio.run(main, backend=backend)
        assert len(server.accepted) == 2


class Content(httpx.AsyncByteStream):
    """A body that no generator gives: httpx leaves that open when it cannot write on."""

    def __init__(self, content: bytes) -> None:
        self._left = [content]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


def reset_behind_it(peer: Peer) -> None:
    """Reset the connection as soon as the client's kernel has the answer."""
    while count_missing(peer.connection):
        pass
    peer.reset()


@pytest.mark.parametrize(("answer", "status"), [(OK, None), (BUSY, 503)])
def test_another_transport_cannot_write_a_request_to_its_end(answer: bytes, status: int | None) -> None:
    """On trio httpx reads the answer all the same."""

    async def main() -> None:
        transport = PooledTransport(httpx.AsyncHTTPTransport)
        request = httpx.Request(
            "POST", server.url, headers={"Host": "drain", "Content-Length": str(len(HUGE))}, stream=Content(HUGE)
        )
        reply = await attempt(transport, request, GUARD)
        assert (reply.status, reply.error) == (status, "no" if status else EARLY)
        await transport.aclose()

    with Server(answer_the_head(answer, reset_behind_it, first=0)) as server:
        anyio.run(main, backend="trio")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("tls", [False, True])
def test_another_transport_believes_a_drain_that_reads(backend: str, tls: bool) -> None:
    async def main() -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        transport = PooledTransport(lambda: httpx.AsyncHTTPTransport(verify=context))
        replies = [await attempt(transport, make_request(server.url, QUICK), GUARD) for _ in range(200)]
        await transport.aclose()
        assert [reply.error for reply in replies if reply.status != 204] == []

    with Server(always(NO_CONTENT), tls=make_context() if tls else None) as server:
        anyio.run(main, backend=backend)
        assert len(server.accepted) == 1


@on_every_loop
async def test_a_refusal_of_a_head_alone_counts() -> None:
    answered = threading.Event()
    with Server(answer_the_head(BUSY, lambda _: answered.wait(GUARD), first=0), receive_buffer=4096) as server:
        try:
            [reply] = await post_in_turn(server, BATCH)
        finally:
            answered.set()
    assert (reply.status, reply.error) == (503, "no")


class Slow(Proxy):
    """Gives a connection when the drain has spoken."""

    async def connect(self, drain: httpx.URL) -> socket.socket:
        connected = await super().connect(drain)
        assert await asyncio.to_thread(select.select, [connected], [], [], GUARD) == ([connected], [], [])
        return connected


def speak(answer: bytes, *, hang_up: bool) -> Script:
    """Answer before anything was asked."""

    def run(peer: Peer) -> None:
        peer.send(answer)
        if hang_up:
            peer.connection.shutdown(socket.SHUT_WR)
        peer.wait_gone()

    return run


@pytest.mark.parametrize("hang_up", [False, True])
@pytest.mark.parametrize("answer", [OK, OK * 3, ODD])
@on_every_loop
async def test_a_good_answer_before_the_request_is_a_failure(answer: bytes, hang_up: bool) -> None:
    with Server(speak(answer, hang_up=hang_up)) as server:
        replies = await post_in_turn(server, b"one", b"two", proxy=Slow(httpx.URL(server.url)))
        await server.until_all_gone()
    assert [(reply.status, reply.error) for reply in replies] == [(None, EARLY)] * 2
    assert len(server.accepted) == 2


@pytest.mark.parametrize("hang_up", [False, True])
@on_every_loop
async def test_a_refusal_before_the_request_counts(hang_up: bool) -> None:
    with Server(speak(BUSY, hang_up=hang_up)) as server:
        [reply] = await post_in_turn(server, b"one", proxy=Slow(httpx.URL(server.url)))
        await server.until_all_gone()
    assert (reply.status, reply.error) == (503, "no")


def speak_in_tls(answer: bytes) -> Script:
    """Answer in the same segment as the end of the handshake, which is the drain's in TLS 1.2."""
    context = make_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def run(peer: Peer) -> None:
        read, written = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(read, written, server_side=True)
        done = False
        while not done:
            try:
                tls.do_handshake()
                tls.write(answer)
                done = True
            except ssl.SSLWantReadError:
                peer.send(written.read())
                read.write(peer.connection.recv(65536))
        peer.send(written.read())
        peer.wait_gone()

    return run


@pytest.mark.parametrize(("answer", "status"), [(OK, None), (BUSY, 503)])
@on_every_loop
async def test_an_answer_with_the_end_of_the_handshake(answer: bytes, status: int | None) -> None:
    with Server(speak_in_tls(answer)) as server:
        server.url = server.url.replace("http:", "https:")
        [reply] = await post_in_turn(server, b"one")
        await server.until_all_gone()
    assert (reply.status, reply.error) == (status, "no" if status else EARLY)


@pytest.mark.parametrize("tls", [False, True])
@on_every_loop
async def test_a_spare_answer_is_not_that_of_the_next_request(tls: bool) -> None:
    """The event loop has not read it yet when the next request goes out, on another connection."""
    spoken = threading.Event()

    def run(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        assert asked.wait(GUARD)
        peer.send(OK)
        spoken.set()
        peer.wait_gone()

    asked = threading.Event()
    with Server(run, always(NO_CONTENT), tls=make_context() if tls else None) as server:
        transport = make_transport(server)
        assert (await attempt(transport, make_request(server.url), GUARD)).status == 200
        asked.set()
        assert spoken.wait(GUARD)  # the loop must not turn meanwhile
        assert (await attempt(transport, make_request(server.url), GUARD)).status == 204
        await transport.aclose()
        await server.until_all_gone()
    assert len(server.accepted) == 2


@pytest.mark.parametrize("tls", [False, True])
@on_every_loop
async def test_no_good_answer_of_a_drain_that_reads_is_called_early(tls: bool) -> None:
    """Its segment acknowledges the request, too."""
    with Server(always(NO_CONTENT), tls=make_context() if tls else None) as server:
        replies = await post_in_turn(server, *[QUICK] * 500)
        await server.until_all_gone()
    assert [reply.error for reply in replies if reply.status != 204] == []
    assert len(server.accepted) == 1
