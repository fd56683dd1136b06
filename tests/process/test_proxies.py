"""The real command behind a proxy: what the environment names is used, and no credential of it is shown."""

import base64
from collections.abc import Callable

import pytest

from shuttle.drain.http.failures import SHOWN
from tests.drain.http.test_tls import Pki
from tests.helpers.process import Ended, find_closed_port, run
from tests.helpers.sockets import NO_CONTENT, Peer, Request, Script, Server, always, tunnel

pytestmark = pytest.mark.process

USERINFO = "zq9user:zq9%2Fpass%2Bword"
SECRETS = ["zq9user", "zq9/pass+word"]
AUTHORIZATION = base64.b64encode(b"zq9user:zq9/pass+word").decode()
HTTP = "http://token:x@drain.example/logs"
HTTPS = "https://token:x@drain.example/logs"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


def deliver(url: str, port: int, *flags: str) -> Ended:
    """Run the command with a proxy on `port`, and check that its credentials are shown nowhere."""
    environ = {"all_proxy": f"http://{USERINFO}@127.0.0.1:{port}"}
    ended = run("-logs-url", url, "-verbose", "-wait", "1ms", *flags, data=b"line\n", environ=environ)
    assert [secret for secret in SECRETS if secret[:4] in ended.err] == []
    assert AUTHORIZATION[:6] not in ended.err
    return ended


def test_lines_go_through_a_proxy() -> None:
    with Server(always(NO_CONTENT)) as server:
        ended = deliver(HTTP, server.port)
    assert (ended.code, ended.ledger.delivered) == (0, 1)
    assert [request.line for request in server.requests] == ["POST http://drain.example/logs HTTP/1.1"]


def test_lines_go_through_a_tunnel(pki: Pki) -> None:
    with Server(tunnel(pki.serve("drain.example"), always(NO_CONTENT))) as server:
        ended = deliver(HTTPS, server.port, "-ca-file", str(pki.ca_file))
    assert (ended.code, ended.ledger.delivered) == (0, 1)
    assert [request.line for request in server.requests] == [
        "CONNECT drain.example:443 HTTP/1.1",
        "POST /logs HTTP/1.1",
    ]


def test_a_batch_with_an_odd_answer_in_a_tunnel_is_not_sent_again(pki: Pki) -> None:
    """It has arrived."""
    odd = b"http/1.1 204 No Content\r\nbroken\r\n\r\n"
    with Server(tunnel(pki.serve("drain.example"), always(odd))) as server:
        ended = deliver(HTTPS, server.port, "-ca-file", str(pki.ca_file), "-land-timeout", "2s")
    assert (ended.code, ended.ledger.delivered) == (0, 1)
    assert len(server.requests) == 2


def quote(request: Request) -> str:
    return f"\x1b[31m no: {request.headers['Proxy-Authorization']}"


def quote_decoded(request: Request) -> str:
    return base64.b64decode(request.headers["Proxy-Authorization"].partition(" ")[2]).decode()


def quote_at_the_cut(request: Request) -> str:
    return "." * (SHOWN - 16) + request.headers["Proxy-Authorization"]


def refuse(status: int, make: Callable[[Request], str]) -> Script:
    """Refuse each request with what `make` says of it, as its phrase and as its body."""

    def serve(peer: Peer) -> None:
        said = make(peer.read())
        peer.send(f"HTTP/1.1 {status} {said}\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode())

    return serve


@pytest.mark.parametrize("make", [quote, quote_decoded, quote_at_the_cut])
@pytest.mark.parametrize("status", [403, 407])
@pytest.mark.parametrize("url", [HTTP, HTTPS])
def test_what_a_proxy_quotes_is_masked(url: str, status: int, make: Callable[[Request], str]) -> None:
    with Server(refuse(status, make)) as server:
        ended = deliver(url, server.port, "-land-timeout", "300ms")
    assert ended.code == 3
    assert "***" in ended.err
    assert "\x1b" not in ended.err


def test_a_proxy_that_wants_credentials_ends_at_once(pki: Pki) -> None:
    """So does a drain that does, if it has never taken anything."""
    with Server(refuse(407, quote)) as server:
        ended = deliver(HTTPS, server.port, "-ca-file", str(pki.ca_file))
    assert (ended.code, ended.ledger.lost) == (3, 1)
    (down,) = ended.named("drain.down")
    assert " status=407 " in down
    assert "the proxy refused: 407 " in down
    assert 'advice="add the user and password to the proxy\'s URL: http://user:password@host:port"' in down


@pytest.mark.parametrize("url", [HTTP, HTTPS])
def test_a_proxy_that_is_not_there_is_named(url: str) -> None:
    ended = deliver(url, find_closed_port(), "-land-timeout", "300ms")
    (down,) = ended.named("drain.down")
    assert 'error="connection refused by the proxy"' in down
    assert "http_proxy" in down
