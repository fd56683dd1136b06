"""Odd answers through a proxy, and those of the proxy itself, over real sockets.

What Go (net/http) or curl takes for a tunnel is one here too, and what neither takes is a failure to connect.
"""

import gc

import pytest
import trio

from shuttle.config import Config
from shuttle.core.outcome import Reply, Verdict, judge
from shuttle.drain.http.connection import HEAD_LIMIT
from shuttle.drain.http.failures import SHOWN
from shuttle.drain.http.tls import load_tls
from shuttle.drain.http.transport import make_transport
from shuttle.observe.log import SILENT
from tests.drain.http.test_connection import CONTINUE, HINTS, ODD
from tests.drain.http.test_proxy import HTTP, HTTPS, go_through
from tests.drain.http.test_tls import Pki
from tests.drain.http.test_transport import make_request
from tests.helpers.clients import attempt
from tests.helpers.loops import everywhere, on_every_loop
from tests.helpers.process import find_closed_port
from tests.helpers.sockets import GUARD, NO_CONTENT, Peer, Server, always, in_turn, tunnel

pytestmark = pytest.mark.usefixtures("each_parser")

PROXY = "check host and port of the proxy (http_proxy, https_proxy or all_proxy), and that it is running"
RULES = "check what the proxy allows, and host and port of -logs-url"
DENIED = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


async def try_once(server: Server, url: str, pki: Pki | None = None) -> Reply:
    transport = go_through(server, url, pki=pki)
    reply = await attempt(transport, make_request(url), GUARD)
    await transport.aclose()
    return reply


@pytest.mark.parametrize("data", ODD, ids=lambda data: repr(data[-40:]))
@on_every_loop
async def test_the_status_of_an_odd_answer_decides_behind_a_proxy(data: bytes) -> None:
    with Server(in_turn(data)) as server:
        reply = await try_once(server, HTTP)
    assert reply == Reply(status=204 if b" 204" in data else 200)
    assert len(server.requests) == 1


@pytest.mark.parametrize("data", ODD, ids=lambda data: repr(data[-40:]))
@on_every_loop
async def test_the_status_of_an_odd_answer_decides_in_a_tunnel(pki: Pki, data: bytes) -> None:
    with Server(tunnel(pki.serve("drain.example"), in_turn(data))) as server:
        reply = await try_once(server, HTTPS, pki)
    assert reply == Reply(status=204 if b" 204" in data else 200)
    assert len(server.requests) == 2


OPEN = [
    b"HTTP/1.0 200 Connection established\r\n\r\n",
    b"HTTP/1.1 201 Created\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 299 x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 200 OK\nServer: x\n\n",
    b"HTTP/1.1 200\r\n\r\n",
    b"HTTP/1.1  200  OK\r\n\r\n",
    b"http/1.1 200 OK\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/9.9 200 OK\r\n\r\n",
    b"HTTP/1.1 200 \xff\xe9\r\n\r\n",
    b"\r\n\nHTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nbroken\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nServer : x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nServer: a\r\n b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nServer: \0\1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: " + b"b" * (HEAD_LIMIT - 100) + b"\r\n\r\n",
    CONTINUE + HINTS + b"HTTP/1.1 200 OK\r\n\r\n",
]


def cut(answer: bytes, size: int) -> list[bytes]:
    return [answer[start : start + size] for start in range(0, len(answer), size)]


@pytest.mark.parametrize("answer", OPEN, ids=lambda answer: repr(answer[:60]))
@pytest.mark.parametrize("size", [1, HEAD_LIMIT])
@on_every_loop
async def test_a_tunnel_is_open_whatever_is_odd_about_an_answer_of_2xx(pki: Pki, answer: bytes, size: int) -> None:
    def serve(peer: Peer) -> None:
        peer.read()
        peer.send(*cut(answer, size if len(answer) < 1000 else HEAD_LIMIT))
        peer.start_tls(context)
        always(NO_CONTENT)(peer)

    context = pki.serve("drain.example")
    with Server(serve) as server:
        assert await try_once(server, HTTPS, pki) == Reply(status=204)


REFUSED = {
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nbanned": "403 Forbidden",
    b"HTTP/1.0 502 cannot resolve drain.example\r\n\r\n": "502 cannot resolve drain.example",
    b"HTTP/1.1 503 Busy\nRetry-After: 9\n\n": "503 Busy",
    b"HTTP/1.1 301 Moved\r\nLocation: http://x/\r\n\r\n": "301 Moved",
    b"HTTP/1.1 504\r\n\r\n": "504",
    b"HTTP/1.1 999  Oh \t\r\n\r\n": "999 Oh",
    b"HTTP/1.1 403 Forbidden\r\n": "403 Forbidden",
    b"HTTP/1.1 400 Bad\r\nA: " + b"b" * HEAD_LIMIT: "400 Bad",
    CONTINUE + b"HTTP/1.1 401 Who\r\n\r\n": "401 Who",
    b"HTTP/1.1 500 " + b"x" * 5000 + b"\r\n\r\n": ("500 " + "x" * SHOWN)[:SHOWN],
}
NO_ANSWER = {
    b"": "the proxy closed the connection without an answer to CONNECT",
    b"HTTP/1.1 2": "the proxy closed the connection in the middle of its answer to CONNECT",
    b"HTTP/1.1 200 OK\r\nServer: x\r\n": "the proxy closed the connection in the middle of its answer to CONNECT",
    CONTINUE: "the proxy closed the connection in the middle of its answer to CONNECT",
    b"HTTP/1.1 200 OK\r\nA: " + b"b" * HEAD_LIMIT: "the proxy's answer to CONNECT is longer than 65536 bytes",
    CONTINUE * (HEAD_LIMIT // len(CONTINUE) + 1): "the proxy's answer to CONNECT is longer than 65536 bytes",
    b"SSH-2.0-OpenSSH_9.7\r\n": "the proxy's answer to CONNECT is not HTTP: there is no status",
    b"220 mail.example ESMTP\r\n": "the proxy's answer to CONNECT is not HTTP: there is no status",
    b"\x15\x03\x03\x00\x02\x02\x46": "the proxy's answer to CONNECT is not HTTP: there is no status",
    b"HTTP/1.1 099 Oh\r\n\r\n": "the proxy's answer to CONNECT is not HTTP: there is no status",
    b"HTTP/1.1 20000 Oh\r\n\r\n": "the proxy's answer to CONNECT is not HTTP: there is no status",
    b"HTTP/1.1 101 Switching\r\n\r\n": ("the proxy's answer to CONNECT is not HTTP: what follows is another protocol"),
}
BEHIND = [b"HTTP/1.1 200 OK\r\n\r\nhello", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", NO_CONTENT * 2]


@pytest.mark.parametrize("answer", REFUSED, ids=lambda answer: repr(answer[:60]))
@on_every_loop
async def test_a_refusal_by_the_proxy_is_a_failure_to_connect(pki: Pki, answer: bytes) -> None:
    """It is told in the proxy's words, and nothing was sent."""
    with Server(in_turn(answer)) as server:
        reply = await try_once(server, HTTPS, pki)
    assert reply == Reply(error=f"the proxy refused: {REFUSED[answer]}", advice=RULES, sent=False)
    assert judge(reply, lines=1).verdict is Verdict.RETRY
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", NO_ANSWER, ids=lambda answer: repr(answer[:60]))
@on_every_loop
async def test_what_is_no_answer_of_a_proxy_is_a_failure_to_connect(pki: Pki, answer: bytes) -> None:
    with Server(in_turn(answer)) as server:
        reply = await try_once(server, HTTPS, pki)
    assert reply == Reply(error=NO_ANSWER[answer], advice=PROXY, sent=False)
    gc.collect()  # a socket left open warns


@pytest.mark.parametrize("answer", [*NO_ANSWER][6:], ids=lambda answer: repr(answer[:60]))
@on_every_loop
async def test_what_is_no_answer_of_a_proxy_is_not_waited_behind(pki: Pki, answer: bytes) -> None:
    """The proxy holds the connection open."""

    def hold(peer: Peer) -> None:
        peer.read()
        peer.send(answer)
        peer.wait_gone()

    with Server(hold) as server:
        assert (await try_once(server, HTTPS, pki)).error == NO_ANSWER[answer]
        await server.until_all_gone()


@pytest.mark.parametrize("answer", BEHIND)
@on_every_loop
async def test_what_a_proxy_sends_before_tls_begins_is_refused(pki: Pki, answer: bytes) -> None:
    """It is no part of its answer, and the drain does not speak first."""
    with Server(in_turn(answer)) as server:
        reply = await try_once(server, HTTPS, pki)
    assert reply == Reply(error="the proxy sent more than an answer to CONNECT", advice=PROXY, sent=False)


@pytest.mark.parametrize(
    "answer",
    [
        DENIED,
        b"HTTP/1.0 407 Who\n\n",
        b"HTTP/1.1 407 Who\r\nProxy-Authenticate: x",
    ],
)
@on_every_loop
async def test_a_tunnel_without_credentials_is_denied(pki: Pki, answer: bytes) -> None:
    """It takes somebody to put them right, and says how."""
    with Server(in_turn(answer)) as server:
        reply = await try_once(server, HTTPS, pki)
    assert (reply.status, reply.sent) == (407, False)
    assert reply.error.startswith("the proxy refused: 407 ")
    assert reply.advice == "add the user and password to the proxy's URL: http://user:password@host:port"
    assert judge(reply, lines=3).verdict is Verdict.DENIED


@on_every_loop
async def test_a_request_without_credentials_is_denied() -> None:
    with Server(in_turn(DENIED)) as server:
        reply = await try_once(server, HTTP)
    assert (reply.status, reply.error) == (407, "no")
    assert reply.advice == "add the user and password to the proxy's URL: http://user:password@host:port"
    assert judge(reply, lines=3).verdict is Verdict.DENIED


def reset(peer: Peer) -> None:
    peer.read()
    peer.reset()


@on_every_loop
async def test_a_reset_by_the_proxy_names_it(pki: Pki) -> None:
    with Server(reset) as server:
        reply = await try_once(server, HTTPS, pki)
    assert reply == Reply(error="connection reset by the proxy", advice=PROXY, sent=False)


@on_every_loop
async def test_a_connection_that_is_reset_blames_nobody() -> None:
    """It may have been the proxy, the drain, or something between them."""
    with Server(reset) as server:
        reply = await try_once(server, HTTP)
    assert reply.error == "connection reset"
    assert reply.sent


async def try_proxy(proxy: str, url: str, monkeypatch: pytest.MonkeyPatch, pki: Pki) -> Reply:
    """Make one attempt through the proxy that the environment names."""
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("https_proxy", proxy)
    config = Config(logs_url=url, ca_file=pki.ca_file)
    transport = make_transport(config.endpoint, load_tls(config, SILENT))
    reply = await attempt(transport, make_request(url), GUARD)
    await transport.aclose()
    return reply


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("url", [HTTP, HTTPS])
@everywhere
async def test_a_proxy_that_is_not_there_is_named(
    pki: Pki, url: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = f"{scheme}://bob:hunter2@127.0.0.1:{find_closed_port()}"
    reply = await try_proxy(proxy, url, monkeypatch, pki)
    assert reply == Reply(error="connection refused by the proxy", advice=PROXY, sent=False)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("url", [HTTP, HTTPS])
@everywhere
async def test_an_unknown_proxy_is_named(pki: Pki, url: str, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = await try_proxy(f"{scheme}://bob:hunter2@proxy.invalid:3128", url, monkeypatch, pki)
    assert reply.error.startswith("the proxy's host name is not known: ")
    assert (reply.advice, reply.sent) == (PROXY, False)


def test_refusals_are_the_same_on_trio(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """There httpx speaks to the proxy."""
    with Server(in_turn(DENIED), in_turn(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) as server:
        proxy = server.url.replace("://", "://bob:hunter2@")
        denied = trio.run(try_proxy, proxy, HTTPS, monkeypatch, pki)
        refused = trio.run(try_proxy, proxy, HTTPS, monkeypatch, pki)
    assert (denied.status, denied.sent) == (407, False)
    assert denied.error == "the proxy refused: 407 Proxy Authentication Required"
    assert denied.advice == "add the user and password to the proxy's URL: http://user:password@host:port"
    assert refused == Reply(error="the proxy refused: 403 Forbidden", advice=RULES, sent=False)
