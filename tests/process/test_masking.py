"""No credential comes out of the real command, whatever the drain quotes of the request."""

import base64
import json
from collections.abc import Callable
from urllib.parse import unquote

import pytest

from shuttle.drain.http.failures import SHOWN
from tests.helpers.notations import NOTATIONS
from tests.helpers.process import Ended, run
from tests.helpers.sockets import Peer, Request, Script, Server

pytestmark = pytest.mark.process

SECRETS = ["zq9user", "zq9/pass+word", "zq9pathtoken", "zq9query&key", "zq9bearer", "zq9draintoken"]
AUTHORIZATION = base64.b64encode(b"zq9user:zq9/pass+word").decode()
PATH = "/inputs/zq9pathtoken/tag?key=zq9query%26key"
BEARER = ("-bearer-token", "zq9bearer", "-drain-token", "zq9draintoken")
BASIC = ("-drain-token", "zq9draintoken")


def refuse(make: Callable[[Request], str]) -> Script:
    """Refuse each request with what `make` says of it."""

    def serve(peer: Peer) -> None:
        while True:
            body = make(peer.read()).encode()
            peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(body), body)

    return serve


def quote_headers(request: Request) -> str:
    return "\n".join(f"{name}: {value}" for name, value in request.headers.items() if name != "user-agent")


def quote_target(request: Request) -> str:
    return f"no such page: {request.line} or {unquote(request.line)}"


def quote_as_json(request: Request) -> str:
    return json.dumps({"error": "unknown", "path": request.line, "token": request.headers["Logplex-Drain-Token"]})


def quote_decoded(request: Request) -> str:
    scheme, _, value = request.headers["Authorization"].partition(" ")
    return base64.b64decode(value).decode() if scheme == "Basic" else value


def quote_at_the_cut(request: Request) -> str:
    """The log shows no more than the first SHOWN bytes, and here they end in the middle of a credential."""
    return "." * (SHOWN - 12) + request.headers["Authorization"]


def deliver(script: Script, *flags: str, password: str = "zq9%2Fpass%2Bword") -> Ended:
    with Server(script) as server:
        url = server.url.replace("http://", f"http://zq9user:{password}@").removesuffix("/logs") + PATH
        ended = run("-logs-url", url, "-verbose", "-wait", "1ms", *flags, data=b"line\n")
    assert server.requests
    return ended


@pytest.mark.parametrize("flags", [BASIC, BEARER], ids=["basic", "bearer"])
@pytest.mark.parametrize("quote", [quote_headers, quote_target, quote_as_json, quote_decoded, quote_at_the_cut])
def test_what_the_drain_quotes_is_masked(quote: Callable[[Request], str], flags: tuple[str, ...]) -> None:
    ended = deliver(refuse(quote), *flags)
    assert ended.code == 3
    assert "***" in ended.err
    said = unquote(ended.err)
    assert [secret for secret in SECRETS if secret[:4] in said] == []
    assert AUTHORIZATION[:6] not in said


def quote_in_lines(request: Request) -> str:
    """Quote the password line by line, as programs do that read a file of them."""
    return "\n".join(f"line {number}: {line}" for number, line in enumerate(quote_decoded(request).splitlines()))


def quote_shortened(request: Request) -> str:
    return json.dumps({"no such user": f"{quote_decoded(request)[:18]}..."})


def quote_in(notation: str) -> Callable[[Request], str]:
    return lambda request: f"no such user: <{NOTATIONS[notation](quote_decoded(request))}>"


@pytest.mark.parametrize(
    "quote",
    [
        *(
            pytest.param(quote_in(name), id=name)
            for name in ("JSON", "C", "Go", "Python", "HTML, all of it", "percent", "base64", "bytes in hexadecimal")
        ),
        *(quote_in_lines, quote_shortened),
    ],
)
def test_a_password_with_control_characters_is_masked(quote: Callable[[Request], str]) -> None:
    ended = deliver(refuse(quote), *BASIC, password="zq9one%0Azq9two%1B%5B31mzq9red")
    assert "***" in ended.err
    assert [piece for piece in ("zq9o", "zq9t", "zq9r") if piece in ended.err] == []


def test_a_password_that_comes_in_two_chunks_is_masked() -> None:
    def serve(peer: Peer) -> None:
        while True:
            peer.read()
            peer.send(b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n", b"6\r\nzq9/pa\r\n")
            peer.send(b"7\r\nss+word\r\n", b"0\r\n\r\n")

    ended = deliver(serve, *BASIC)
    assert "error=***" in ended.err
    assert "zq9/" not in ended.err


@pytest.mark.parametrize("secret", ["zq9bearer", "zq9pathtoken"])
def test_the_source_of_statistics_is_masked(secret: str) -> None:
    ended = deliver(refuse(quote_target), *BEARER, "-stats-interval", "1h", "-stats-source", f"web.{secret}")
    assert "log_shuttle_stats_source=web.*** " in ended.out
