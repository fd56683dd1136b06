"""What a time-out knows of a request: whether it has arrived, or the link was too slow for it."""

import select
import ssl
import threading

import pytest
import trustme

from shuttle.config import Config
from shuttle.core.outcome import Reply
from shuttle.drain.http.arrival import LARGE
from shuttle.drain.http.tls import load_tls
from shuttle.drain.http.transport import DirectTransport
from shuttle.observe.log import SILENT
from tests.drain.http.test_transport import make_request
from tests.helpers.clients import attempt
from tests.helpers.loops import on_every_loop
from tests.helpers.sockets import GUARD, NO_CONTENT, Peer, Script, Server, always, hang

TIMEOUT = 0.5  # seconds
HUGE = bytes(32 * 1024 * 1024)  # more than the kernel keeps of a connection
KEPT = 80_000  # bytes; as many as the sending kernel keeps
LARGEST_KEPT = 16 * 1024 * 1024  # bytes that the receiving kernel may have acknowledged, unread


def make_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


async def post(server: Server, *bodies: bytes) -> Reply:
    """Send requests on one connection and return the reply to the last one."""
    transport = DirectTransport(load_tls(Config(logs_url=server.url, skip_verify=True), SILENT))
    try:
        for body in bodies[:-1]:
            assert (await attempt(transport, make_request(server.url, body), GUARD)).status == 204
        return await attempt(transport, make_request(server.url, bodies[-1]), TIMEOUT)
    finally:
        await transport.aclose()


def stop_reading(over: threading.Event, *, first: int) -> Script:
    """Answer `first` requests, and read no more of the next one than its head."""

    def run(peer: Peer) -> None:
        for _ in range(first):
            peer.read()
            peer.send(NO_CONTENT)
        peer.read_head()
        over.wait(GUARD)

    return run


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("tls", [False, True])
@on_every_loop
async def test_a_request_that_is_not_read_has_not_arrived(tls: bool, first: int) -> None:
    over = threading.Event()
    with Server(stop_reading(over, first=first), tls=make_context() if tls else None) as server:
        try:
            reply = await post(server, *[bytes(4 * LARGE)] * first, HUGE)
        finally:
            over.set()
    assert reply.late
    assert 0 < reply.arrived < LARGEST_KEPT / len(HUGE)


@pytest.mark.parametrize("size", [1, LARGE + 1, 1_000_000])
@pytest.mark.parametrize("tls", [False, True])
@on_every_loop
async def test_a_request_that_is_read_has_arrived(tls: bool, size: int) -> None:
    with Server(hang, tls=make_context() if tls else None) as server:
        reply = await post(server, bytes(size))
    assert (reply.late, reply.arrived) == (True, 1.0)


@on_every_loop
async def test_a_reply_says_nothing_of_it() -> None:
    with Server(always(NO_CONTENT)) as server:
        assert await post(server, bytes(1_000_000)) == Reply(status=204)


@pytest.mark.parametrize("tls", [False, True])
@on_every_loop
async def test_what_has_not_arrived_when_it_was_given_up_never_does(tls: bool) -> None:
    """It was in the kernel's buffer, and was sent on a slow link while its parts were."""
    pieces: list[int] = []

    def read_late(peer: Peer) -> None:
        peer.read_head()
        ended = select.poll()
        ended.register(peer.connection, 0)  # a reset shows even so
        ended.poll(GUARD * 250)
        while piece := peer.connection.recv(len(HUGE)):
            pieces.append(len(piece))
        raise ConnectionAbortedError  # TLS in Python takes a reset for an end

    with Server(read_late, tls=make_context() if tls else None, receive_buffer=4096) as server:
        reply = await post(server, bytes(KEPT))
        await server.until_all_gone()
    assert reply.arrived < 1
    assert sum(pieces) < KEPT / 2
