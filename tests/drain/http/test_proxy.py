"""Requests through an HTTP proxy, over real sockets: what the proxy is asked, and what the drain gets."""

import asyncio
import base64
import gc
import ssl
import sys
import threading

import httpx
import pytest
import trio

from shuttle.config import Config
from shuttle.core.endpoint import parse_endpoint
from shuttle.core.outcome import Reply
from shuttle.drain.http import transport as module
from shuttle.drain.http.pooled_transport import PooledTransport
from shuttle.drain.http.proxy import Proxy, find_proxy
from shuttle.drain.http.tls import load_tls
from shuttle.drain.http.transport import DirectTransport, make_transport
from shuttle.errors import ConfigError
from shuttle.observe.log import SILENT
from tests.drain.http.test_tls import Pki
from tests.drain.http.test_transport import answer_one_then, make_request, post
from tests.helpers.clients import attempt
from tests.helpers.loops import on_every_loop
from tests.helpers.sockets import (
    ESTABLISHED,
    GUARD,
    NO_CONTENT,
    Peer,
    Script,
    Server,
    always,
    has_ipv6,
    in_turn,
    tunnel,
)

HTTP = "http://drain.example:8080/logs?key=a%2Fb"
HTTPS = "https://drain.example:8443/logs?key=a%2Fb"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def go_through(server: Server, url: str, *, pki: Pki | None = None, userinfo: str = "") -> DirectTransport:
    """Return a transport that sends requests to `url` through `server`."""
    tls = load_tls(Config(logs_url=url, ca_file=pki.ca_file), SILENT) if pki else None
    return DirectTransport(tls, Proxy(httpx.URL(f"http://{userinfo}127.0.0.1:{server.port}")))


@on_every_loop
async def test_a_request_to_an_http_drain_has_the_whole_url() -> None:
    """Its headers are the same as without a proxy."""
    with Server(always(NO_CONTENT)) as server:
        transport = go_through(server, HTTP)
        assert await post(transport, HTTP) == 204
        await transport.aclose()
    (asked,) = server.requests
    assert asked.line == f"POST {HTTP} HTTP/1.1"
    assert asked.headers == make_request(HTTP).headers
    assert asked.body == b"lines"


@on_every_loop
async def test_a_request_to_an_https_drain_goes_through_a_tunnel(pki: Pki) -> None:
    """In there it is the same as without a proxy."""
    with Server(tunnel(pki.serve("drain.example"), always(NO_CONTENT))) as server:
        transport = go_through(server, HTTPS, pki=pki)
        assert await post(transport, HTTPS) == 204
        await transport.aclose()
    connect, asked = server.requests
    assert connect.line == "CONNECT drain.example:8443 HTTP/1.1"
    assert connect.headers["Host"] == "drain.example:8443"
    assert connect.headers["User-Agent"].startswith("log-shuttle/")
    assert connect.body == b""
    assert asked.line == "POST /logs?key=a%2Fb HTTP/1.1"
    assert asked.headers == make_request(HTTPS).headers
    assert asked.body == b"lines"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://drain.example/", "drain.example:443"),
        ("https://drain.example./", "drain.example.:443"),
        ("https://[2001:db8::1]/", "[2001:db8::1]:443"),
        ("https://[2001:db8::1]:8443/", "[2001:db8::1]:8443"),
        ("https://münchen.example/", "xn--mnchen-3ya.example:443"),
        ("http://drain.example/", "http://drain.example/"),
        ("http://drain.example./x", "http://drain.example./x"),
        ("http://[2001:db8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        ("http://münchen.example/", "http://xn--mnchen-3ya.example/"),
    ],
)
@on_every_loop
async def test_the_drain_is_named_as_a_url_names_it(url: str, target: str) -> None:
    with Server(in_turn(b"HTTP/1.1 503 Down\r\n\r\n")) as server:
        await attempt(go_through(server, url), make_request(url), GUARD)
    assert server.requests[0].line.split()[1] == target
    assert server.requests[0].headers["Host"] == target.removeprefix("http://").split("/")[0]


@pytest.mark.parametrize(
    ("userinfo", "credentials"),
    [
        ("bob:hunter2@", b"bob:hunter2"),
        ("b%40b:p%2Fa%3As%0As@", b"b@b:p/a:s\ns"),
        ("bob@", b"bob:"),
        (":hunter2@", b":hunter2"),
        ("böb:p%FF@", "böb:p".encode() + b"\xff"),
        ("", None),
        ("@", None),
    ],
)
@pytest.mark.parametrize("url", [HTTP, HTTPS])
@on_every_loop
async def test_the_proxy_alone_is_given_its_credentials(
    pki: Pki, url: str, userinfo: str, credentials: bytes | None
) -> None:
    script = tunnel(pki.serve("drain.example"), always(NO_CONTENT)) if url == HTTPS else always(NO_CONTENT)
    with Server(script) as server:
        transport = go_through(server, url, pki=pki if url == HTTPS else None, userinfo=userinfo)
        assert [await post(transport, url) for _ in range(2)] == [204, 204]
        await transport.aclose()
    expected = f"Basic {base64.b64encode(credentials).decode()}" if credentials is not None else None
    told = [asked.headers.get("Proxy-Authorization") for asked in server.requests]
    assert told == ([expected, None, None] if url == HTTPS else [expected] * 2)


@on_every_loop
async def test_the_certificate_in_a_tunnel_must_be_the_drains(pki: Pki) -> None:
    with Server(tunnel(pki.serve("127.0.0.1"), always(NO_CONTENT))) as server:
        reply = await attempt(go_through(server, HTTPS, pki=pki), make_request(HTTPS), GUARD)
    assert reply.error.startswith("the drain's certificate is not trusted: ")
    assert "drain.example" in reply.error
    assert not reply.sent
    assert len(server.requests) == 1


@on_every_loop
async def test_the_tunnel_is_asked_for_the_drain_without_its_final_dot(pki: Pki) -> None:
    """That is for the DNS alone."""
    asked = []
    context = pki.serve("drain.example")
    context.sni_callback = lambda _connection, name, _context: asked.append(name)
    url = HTTPS.replace(".example", ".example.")
    with Server(tunnel(context, always(NO_CONTENT))) as server:
        transport = go_through(server, url, pki=pki)
        assert await post(transport, url) == 204
        await transport.aclose()
    assert asked == ["drain.example"]


def serve(url: str, context: ssl.SSLContext, script: Script) -> Script:
    """Be a proxy for `url`, and the drain behind it."""
    return tunnel(context, script) if url == HTTPS else script


@pytest.mark.parametrize("url", [HTTP, HTTPS])
@on_every_loop
async def test_a_connection_through_a_proxy_is_used_again(pki: Pki, url: str) -> None:
    with Server(serve(url, pki.serve("drain.example"), always(NO_CONTENT))) as server:
        transport = go_through(server, url, pki=pki if url == HTTPS else None)
        assert [await post(transport, url, b"." * 300_000) for _ in range(3)] == [204] * 3
        await transport.aclose()
        await server.until_all_gone()
    assert len(server.accepted) == 1


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("url", [HTTP, HTTPS])
@on_every_loop
async def test_a_request_on_a_dead_connection_goes_through_the_proxy_again(pki: Pki, url: str, end: str) -> None:
    context = pki.serve("drain.example")
    scripts = [serve(url, context, script) for script in (answer_one_then(end), always(NO_CONTENT))]
    with Server(*scripts) as server:
        transport = go_through(server, url, pki=pki if url == HTTPS else None)
        assert [await post(transport, url, number=number) for number in range(3)] == [204] * 3
        await transport.aclose()
    told = [(asked.connection, asked.headers["X-Request-Id"]) for asked in server.requests if asked.body]
    assert told == [(0, "0"), (0, "1"), (1, "1"), (1, "2")]


@pytest.mark.parametrize("url", [HTTP, HTTPS])
@on_every_loop
async def test_an_old_connection_through_a_proxy_is_not_reused(
    pki: Pki, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGE_LIMIT", 0.0)
    with Server(serve(url, pki.serve("drain.example"), always(NO_CONTENT))) as server:
        transport = go_through(server, url, pki=pki if url == HTTPS else None)
        assert [await post(transport, url) for _ in range(3)] == [204] * 3
        await server.until_all_gone()
    assert [asked.connection for asked in server.requests if asked.body] == [0, 1, 2]


@pytest.mark.parametrize("url", [HTTP, HTTPS])
@on_every_loop
async def test_an_idle_connection_through_a_proxy_is_closed(
    pki: Pki, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_LIMIT", 0.01)
    with Server(serve(url, pki.serve("drain.example"), always(NO_CONTENT))) as server:
        transport = go_through(server, url, pki=pki if url == HTTPS else None)
        await asyncio.gather(*(post(transport, url) for _ in range(3)))
        await server.until_all_gone()


@on_every_loop
async def test_a_tunnel_cancelled_at_any_moment_is_closed(pki: Pki) -> None:
    """From the look-up of the proxy's name to the beginning of TLS."""

    def never_begin_tls(peer: Peer) -> None:
        peer.read()
        peer.send(ESTABLISHED)
        if peer.connection.recv(1):
            greeted.set()
        peer.wait_gone()

    greeted = threading.Event()
    turns = 0
    with Server(never_begin_tls) as server:
        while not greeted.is_set():
            transport = go_through(server, HTTPS, pki=pki)
            task = asyncio.create_task(post(transport, HTTPS))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            turns += 1 + turns // 10
        await server.until_all_gone()
    gc.collect()  # a socket left open warns


@on_every_loop
async def test_a_proxy_that_says_nothing_is_left_in_time() -> None:
    """Nothing was sent then."""

    def say_nothing(peer: Peer) -> None:
        peer.read()
        peer.wait_gone()

    with Server(say_nothing) as server:
        reply = await attempt(go_through(server, HTTPS), make_request(HTTPS), 0.05)
        await server.until_all_gone()
    assert reply.error == "no connection within 0.05s"
    assert "proxy" in reply.advice
    assert (reply.late, reply.sent, reply.status) == (True, False, None)
    gc.collect()


@on_every_loop
async def test_the_proxy_may_have_an_ipv6_address() -> None:
    if not has_ipv6():
        pytest.skip("no ::1 here")
    with Server(always(NO_CONTENT), host="::1") as server:
        transport = DirectTransport(None, Proxy(httpx.URL(f"http://[::1]:{server.port}")))
        assert await post(transport, HTTP) == 204
        await transport.aclose()


def test_a_proxy_shows_no_credentials() -> None:
    proxy = Proxy(httpx.URL("http://bob:hunter2@proxy.example:3128"))
    assert "hunter2" not in f"{proxy!r} {proxy}"


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"https_proxy": "http://a.example:1"}, "http://a.example:1"),
        ({"https_proxy": "a.example:1"}, "http://a.example:1"),
        ({"HTTPS_PROXY": "http://bob:p%40ss@a.example:1/x"}, "http://bob:p%40ss@a.example:1/x"),
        ({"https_proxy": "http://a.example:1", "all_proxy": "http://b.example:1"}, "http://a.example:1"),
        ({"all_proxy": "socks5://b.example:1"}, "socks5://b.example:1"),
        ({"http_proxy": "http://a.example:1"}, None),
        ({"https_proxy": "http://a.example:1", "no_proxy": "drain.example"}, None),
        ({"https_proxy": "http://a.example:1", "no_proxy": "drain.example:444"}, "http://a.example:1"),
        ({"https_proxy": ""}, None),
    ],
)
def test_the_environment_names_the_proxy(
    environ: dict[str, str], found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    proxy = find_proxy(parse_endpoint("https://drain.example/"))
    assert (proxy and str(proxy)) == found


@pytest.mark.parametrize(
    "value",
    [
        "http://",
        "http://:3128",
        "http://bob:hunter2@",
        "http://bob:hunter2/x@proxy.example:3128",
        "http://bob:1234/hunter2@proxy.example:3128",
        "http://bob:1234#hunter2@proxy.example:3128",
        "http://proxy.example:99999",
        "http://proxy.example:0",
        "http://proxy..example:3128",
        "http://proxy example:3128",
        "http://proxy.example:3128\r\nX: y",
        "ftp://proxy.example:3128",
        "socks4://proxy.example:3128",
    ],
)
def test_a_proxy_that_cannot_be_is_an_error_at_the_start(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", value)
    with pytest.raises(ConfigError) as caught:
        find_proxy(parse_endpoint("https://drain.example/"))
    assert str(caught.value).startswith("https_proxy or all_proxy (not shown) must be http://")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("proxy", "kind"),
    [
        ("http://proxy.example:1", DirectTransport),
        ("proxy.example:1", DirectTransport),
        ("https://proxy.example:1", PooledTransport),
        ("", DirectTransport),
    ],
)
def test_only_a_proxy_that_speaks_tls_needs_httpx(
    proxy: str, kind: type[httpx.AsyncBaseTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On trio all do."""

    async def check(expected: type[httpx.AsyncBaseTransport]) -> None:
        transport = make_transport(parse_endpoint("https://drain.example/"), None)
        assert isinstance(transport, expected)
        await transport.aclose()

    monkeypatch.setenv("all_proxy", proxy)
    asyncio.run(check(kind))
    trio.run(check, PooledTransport)


def test_a_socks_proxy_without_its_package_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        with pytest.raises(ConfigError, match="http_proxy or all_proxy "):
            make_transport(parse_endpoint("http://drain.example/"), None)

    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("all_proxy", "socks5://proxy.example:1")
    asyncio.run(check())


@on_every_loop
async def test_what_the_environment_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(always(NO_CONTENT)) as server:
        monkeypatch.setenv("http_proxy", server.url.replace("://", "://bob:hunter2@"))
        transport = make_transport(parse_endpoint(HTTP), None)
        assert await attempt(transport, make_request(HTTP), GUARD) == Reply(status=204)
        await transport.aclose()
    assert server.requests[0].headers["Proxy-Authorization"] == "Basic Ym9iOmh1bnRlcjI="
