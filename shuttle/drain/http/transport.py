"""The transport of requests to the drain: a direct one, or httpx's on trio and for proxies with TLS or SOCKS.

Strategy: most of the cost of `httpx.AsyncClient.post` is httpx's own transport. So this module replaces the transport
alone. Requests and answers are still httpx's. A request is two buffers written to asyncio's transport, and a C parser
reads the answer. It is ordinary that a connection which was used before closes without an answer: logplex closes after
100 requests or 5 s, silently. Then the request is sent again at once on a new connection. An idle connection is closed
after IDLE_LIMIT, and as soon as it receives anything. A connection older than AGE_LIMIT is not used again: so the
drain's name is resolved now and then.
"""

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import httpx
import sniffio

from shuttle.core.endpoint import Endpoint
from shuttle.core.host_name import unescape_zone
from shuttle.drain.http.connection import ARRIVED, SENT, Connection, UnansweredError
from shuttle.drain.http.failures import EarlyError
from shuttle.drain.http.lifetimes import AGE_LIMIT, IDLE_LIMIT
from shuttle.drain.http.pooled_transport import PooledTransport
from shuttle.drain.http.proxy import PORTS, Proxy, find_proxy, make_proxy_error
from shuttle.drain.http.tcp import connect

if TYPE_CHECKING:
    from ssl import SSLContext

    from shuttle.drain.http.tls import Tls

_TURNS = 2  # of the event loop: after them it has read what came before the first request
BUSY_MOST = 8  # idle connections that still read a body which nobody wants: each saves only a new one


class DirectTransport(httpx.AsyncBaseTransport):
    """Speaks HTTP/1.1 over asyncio and reuses connections. `tls` is used for https, and a `proxy` for all.

    It sets no time limit for a request: the caller cancels it.
    """

    def __init__(self, tls: "Tls | None", proxy: Proxy | None = None) -> None:
        self._tls = tls
        self._proxy = proxy
        self._idle: list[tuple[float, Connection]] = []  # the one that was used last at the end
        self._sweeper: asyncio.TimerHandle | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`, and return when the status and headers of its answer have arrived.

        Raises:
            httpx.TransportError: There is no connection, or no answer that can be read.
        """
        head, body = _write_head(request, self._proxy), await request.aread()
        request.extensions[SENT] = False
        connection = self._take_idle()
        if connection:
            request.extensions[SENT] = True
            try:
                return await _exchange(connection, request, head, body)
            except UnansweredError:
                request.extensions[SENT] = False  # it was closed while it was idle
        connection = await self._connect(request.url)
        request.extensions[SENT] = True
        return await _exchange(connection, request, head, body)

    async def aclose(self) -> None:
        """Close every idle connection."""
        for _, connection in self._idle:
            connection.abort()
        self._idle.clear()
        if self._sweeper:
            self._sweeper.cancel()
            self._sweeper = None

    def _take_idle(self) -> Connection | None:
        """Return the connection that was used last, if any can be used again."""
        now = asyncio.get_running_loop().time()
        busy: list[tuple[float, Connection]] = []
        try:
            while self._idle:
                idle_since, connection = self._idle.pop()
                over = idle_since < now - IDLE_LIMIT or connection.made_at < now - AGE_LIMIT
                if over or not connection.open:
                    connection.abort()
                elif connection.busy:
                    busy.append((idle_since, connection))
                elif connection.unasked:
                    connection.abort()
                else:
                    return connection
        finally:
            if busy:
                self._idle += reversed(busy)
        return None

    def _release(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now >= connection.made_at + AGE_LIMIT:
            connection.abort()
            return
        if connection.busy:
            self._make_room()
        self._idle.append((now, connection))
        if self._sweeper is None:
            self._sweeper = loop.call_at(now + IDLE_LIMIT, self._sweep)

    def _make_room(self) -> None:
        """Close the connection that has read an unwanted answer for longest, if there are many."""
        busy = [entry for entry in self._idle if entry[1].busy]
        if len(busy) >= BUSY_MOST:
            self._idle.remove(busy[0])
            busy[0][1].abort()

    def _sweep(self) -> None:
        """Close the connections that were idle too long."""
        self._sweeper = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._idle and self._idle[0][0] + IDLE_LIMIT <= now:
            self._idle.pop(0)[1].abort()
        if self._idle:
            self._sweeper = loop.call_at(self._idle[0][0] + IDLE_LIMIT, self._sweep)

    async def _connect(self, url: httpx.URL) -> Connection:
        tls = self._tls.context if self._tls and url.scheme == "https" else None
        try:
            if self._proxy:
                connected = await self._proxy.connect(url)
            else:
                connected = await connect(unescape_zone(url.host), url.port or PORTS[url.scheme])
            return await self._open(connected, tls, url)
        except OSError as error:  # TLS errors are OSErrors too
            raise httpx.ConnectError(str(error)) from error

    async def _open(self, connected: socket.socket, tls: "SSLContext | None", url: httpx.URL) -> Connection:
        name = url.host.removesuffix(".") if tls else None
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self._release), sock=connected, ssl=tls, server_hostname=name
            )
        except BaseException:
            with contextlib.suppress(OSError):  # uvloop leaves it open until it is collected as garbage
                connected.shutdown(socket.SHUT_RDWR)
            raise
        try:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        except BaseException:
            connection.abort()
            raise
        return connection


async def _exchange(connection: Connection, request: httpx.Request, head: bytes, body: bytes) -> httpx.Response:
    answer = connection.send(head, body)
    try:
        await answer.begun
        if answer.early:
            await connection.wait_arrived()
    except asyncio.CancelledError:
        request.extensions[ARRIVED] = connection.give_up()
        raise
    except EarlyError:
        connection.give_up()
        raise
    except BaseException:  # what comes later belongs to no request
        connection.abort()
        raise
    if not answer.complete:
        return httpx.Response(answer.status, headers=answer.headers, stream=answer)
    connection.finish()
    return httpx.Response(answer.status, headers=answer.headers, stream=httpx.ByteStream(b"".join(answer.content)))


def _write_head(request: httpx.Request, proxy: Proxy | None) -> bytes:
    """Return the head of a request to the drain, or for an http drain to its proxy.

    Raises:
        httpx.LocalProtocolError: Something in it would end a line, and begin a header or another request.
    """
    url = request.url
    target, headers = url.raw_path, request.headers.raw
    if proxy and url.scheme == "http":
        target, headers = b"http://%b%b" % (url.netloc, target), headers + proxy.headers
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), target)]
    lines += [b"%b: %b" % header for header in headers]
    head = b"\r\n".join(lines)
    if head.count(b"\r") + head.count(b"\n") != 2 * (len(lines) - 1) or b"\0" in head:
        raise httpx.LocalProtocolError("a header of the request holds a line end or NUL")
    return head + b"\r\n\r\n"


def make_transport(endpoint: Endpoint, tls: "Tls | None") -> httpx.AsyncBaseTransport:
    """Return the transport for the drain: httpx's on trio and for a proxy with TLS or SOCKS, else the direct one.

    Raises:
        ConfigError: The environment names a proxy that cannot be used.
    """
    proxy = find_proxy(endpoint)
    if sniffio.current_async_library() == "asyncio" and (proxy is None or proxy.scheme == "http"):
        return DirectTransport(tls, Proxy(proxy) if proxy else None)
    limits = httpx.Limits(keepalive_expiry=IDLE_LIMIT)
    try:
        return PooledTransport(
            lambda: httpx.AsyncHTTPTransport(verify=tls.context if tls else True, proxy=proxy, limits=limits),
            behind_proxy=proxy is not None,
        )
    except ImportError:  # a SOCKS proxy needs a package
        raise make_proxy_error(endpoint) from None
