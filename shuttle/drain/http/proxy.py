"""An HTTP proxy on the way to the drain.

Strategy: a request to an http drain is sent to the proxy itself, with the whole URL as its target (RFC 9112, 3.2.2).
For an https drain, the proxy is asked for a tunnel (CONNECT; RFC 9110, 9.3.6), and TLS with the drain begins inside.
So a request differs only in its target and Proxy-Authorization, and its answer is read like any other.

The proxy's answer to CONNECT is not the drain's. Its head is read as leniently as Go and curl do: any 2xx opens the
tunnel, and has no body, whatever the head says. Everything else is a failure to connect: nothing was sent.
"""

import asyncio
import os
import socket
from http import HTTPStatus
from urllib.request import getproxies

import httpx

from shuttle.core.endpoint import HIGHEST_PORT, Endpoint, encode_userinfo
from shuttle.core.host_name import is_excluded, is_host, unescape_zone
from shuttle.drain.http.client import user_agent
from shuttle.drain.http.connection import HEAD_LIMIT
from shuttle.drain.http.failures import make_refusal
from shuttle.drain.http.head import END, Head, read_head
from shuttle.drain.http.tcp import connect
from shuttle.errors import ConfigError

PORTS = {"http": 80, "https": 443}
_SCHEMES = {*PORTS, "socks5", "socks5h"}


class Proxy:
    """A proxy that speaks HTTP without TLS. The `url` may hold a user and a password."""

    def __init__(self, url: httpx.URL) -> None:
        self._host = unescape_zone(url.raw_host.decode("ascii"))
        self._port = url.port or PORTS["http"]
        self.headers = [(b"Proxy-Authorization", encode_userinfo(url.userinfo).encode())] if url.userinfo else []
        """What each request to the proxy has beside its own headers."""

    async def connect(self, drain: httpx.URL) -> socket.socket:
        """Return a socket that is connected to the proxy, or for an https drain through it to the drain.

        Raises:
            httpx.ProxyError: There is no connection.
        """
        try:
            connected = await connect(self._host, self._port)
        except OSError as error:
            raise httpx.ProxyError(str(error)) from error
        if drain.scheme == "https":
            try:
                await self._open_tunnel(connected, drain)
            except BaseException:
                connected.close()
                raise
        return connected

    async def _open_tunnel(self, connected: socket.socket, drain: httpx.URL) -> None:
        target = drain.netloc if drain.port else b"%b:%d" % (drain.netloc, PORTS["https"])
        headers = [(b"Host", target), (b"User-Agent", user_agent().encode("ascii")), *self.headers]
        lines = [b"CONNECT %b HTTP/1.1" % target, *(b"%b: %b" % header for header in headers), b"", b""]
        try:
            await asyncio.get_running_loop().sock_sendall(connected, b"\r\n".join(lines))
            head = await _read_answer(connected)
        except OSError as error:
            raise httpx.ProxyError(str(error)) from error
        except ValueError as error:
            raise httpx.ProxyError(f"the proxy's answer to CONNECT is not HTTP: {error}") from None
        if not _opens(head):
            raise make_refusal(f"{head.status} {head.reason.decode('utf-8', 'replace')}")
        if head.rest:  # a drain does not speak before TLS does, so what that is for nobody knows
            raise httpx.ProxyError("the proxy sent more than an answer to CONNECT")


async def _read_answer(connected: socket.socket) -> Head:
    """Return the head of the answer to CONNECT, and what came with it. Of a refusal the status line is enough.

    Raises:
        httpx.ProxyError: There is no whole head.
        OSError: The connection broke.
        ValueError: It is not HTTP.
    """
    loop = asyncio.get_running_loop()
    data = bytearray()
    received = 0
    while received <= HEAD_LIMIT:
        piece = await loop.sock_recv(connected, HEAD_LIMIT)
        known = len(data)
        data += piece
        received += len(piece)
        if piece and known and data.find(b"\n") < known and not END.search(data, max(0, known - 2)):
            continue  # neither the first line nor the head has come to its end
        if head := read_head(data, over=False):
            return head
        if not piece:
            break
    head = read_head(data, over=True)
    if head and not _opens(head):
        return head
    if received > HEAD_LIMIT:
        raise httpx.ProxyError(f"the proxy's answer to CONNECT is longer than {HEAD_LIMIT} bytes")
    how = "in the middle of its" if received else "without an"
    raise httpx.ProxyError(f"the proxy closed the connection {how} answer to CONNECT")


def _opens(head: Head) -> bool:
    return head.status // 100 == HTTPStatus.OK // 100


def find_proxy(endpoint: Endpoint) -> httpx.URL | None:
    """Return the URL of the proxy that the environment names for the drain, if any.

    Raises:
        ConfigError: There cannot be such a proxy.
    """
    proxies = getproxies()
    url = endpoint.url
    text = proxies.get(url.scheme) or proxies.get("all")
    if not text or is_excluded(url.raw_host.decode("ascii"), url.port or PORTS[url.scheme], proxies.get("no", "")):
        return None
    try:
        return _read_proxy(text if "://" in text else f"http://{text}")
    except (ValueError, httpx.InvalidURL):  # UnicodeError, of an odd host, is a ValueError
        raise make_proxy_error(endpoint) from None


def name_proxy_variables(endpoint: Endpoint) -> tuple[str, str]:
    """Return the variables that name a proxy for the drain, and that exclude the drain from it; empty texts if none do.

    A proxy of the system's settings, as macOS has them, is in no variable.
    """
    proxies = getproxies()
    url = endpoint.url
    named = next((kind for kind in (url.scheme, "all") if proxies.get(kind)), "")
    port = url.port or PORTS[url.scheme]
    excluded = named and is_excluded(url.raw_host.decode("ascii"), port, proxies.get("no", ""))
    return _name_variable(named), _name_variable("no") if excluded else ""


def _name_variable(kind: str) -> str:
    """Return the variable of a kind of proxy, in whatever case it is written; the one in lower case wins."""
    name = f"{kind}_proxy"
    called = [variable for variable, value in os.environ.items() if variable.lower() == name and value]
    return name if name in called else "".join(called[-1:])


def make_proxy_error(endpoint: Endpoint) -> ConfigError:
    """Return the error of a proxy that the environment names and that cannot be used."""
    name = f"{endpoint.url.scheme}_proxy or all_proxy"
    return ConfigError(f"{name} (not shown) must be http://[user:password@]host:port")


def _read_proxy(text: str) -> httpx.URL:
    url = httpx.URL(text)
    if url.scheme not in _SCHEMES or not is_host(unescape_zone(url.raw_host.decode("ascii"))):
        raise ValueError
    if url.port is not None and not 1 <= url.port <= HIGHEST_PORT:
        raise ValueError
    if b"@" in url.raw_path or "@" in url.fragment:  # the host is half of a password then
        raise ValueError
    return url
