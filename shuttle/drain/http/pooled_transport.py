"""httpx's own transport, which runs on trio and knows proxies with TLS and SOCKS; connections have a maximum age.

Its pool closes idle connections, but a busy connection may live forever. So the pool itself has a maximum age: then a
new one replaces it, with the current TLS settings, and the old one is closed after its last answer.

httpx reads an answer when it has written the request, or cannot write any more. So a 2xx may come early here too, and
is a failure (see connection.py).
"""

from collections.abc import AsyncIterator, Callable

import anyio
import httpx

from shuttle.drain.http.arrival import count_missing
from shuttle.drain.http.failures import EarlyError, is_unreachable, make_refusal
from shuttle.drain.http.lifetimes import AGE_LIMIT

_UNWRITTEN = "http11.send_request_body.failed"  # as httpcore traces it
_OWN = 512  # bytes that TLS may have sent for itself, behind the request


class _Writing:
    """Notes whether a request was written to its end. httpcore calls it at each step."""

    def __init__(self) -> None:
        self.broken = False

    async def __call__(self, step: str, _: object) -> None:
        self.broken |= step == _UNWRITTEN


class _Pool:
    """A transport, and how many of its answers are open."""

    def __init__(self, transport: httpx.AsyncHTTPTransport) -> None:
        self.transport = transport
        self.made_at = anyio.current_time()
        self.answers = 0
        self.retired = False

    async def release(self) -> None:
        """Note that an answer is closed, or did not come."""
        self.answers -= 1
        await self.close_if_over()

    async def close_if_over(self) -> None:
        """Close the connections if no answer is expected."""
        if self.retired and not self.answers:
            await self.transport.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer; closing it releases the pool."""

    def __init__(self, stream: httpx.AsyncByteStream, pool: _Pool) -> None:
        self._stream = stream
        self._pool = pool
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            yield piece

    async def aclose(self) -> None:
        """Close the answer."""
        await self._stream.aclose()
        if not self._closed:
            self._closed = True
            await self._pool.release()


class PooledTransport(httpx.AsyncBaseTransport):
    """Sends requests by transports that `make` makes, one after the other; `behind_proxy` if they go through one.

    A final dot of the host is for DNS alone: no certificate has it.
    """

    def __init__(self, make: Callable[[], httpx.AsyncHTTPTransport], *, behind_proxy: bool = False) -> None:
        self._make = make
        self._behind_proxy = behind_proxy
        self._pool = _Pool(make())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` and return the answer.

        Raises:
            httpx.TransportError: There is no answer.
        """
        request.extensions["sni_hostname"] = request.url.host.removesuffix(".")
        request.extensions["trace"] = writing = _Writing()
        pool = await self._choose()
        pool.answers += 1
        try:
            response = await self._send(pool, request)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await pool.release()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Body(response.stream, pool)
        if response.is_success and (writing.broken or _is_missing(response)):
            with anyio.CancelScope(shield=True):
                await _close(response)
            raise EarlyError
        return response

    async def _send(self, pool: _Pool, request: httpx.Request) -> httpx.Response:
        """Send `request`, and distinguish the proxy's failures from the drain's."""
        try:
            return await pool.transport.handle_async_request(request)
        except httpx.ProxyError as error:
            raise make_refusal(str(error)) from error
        except httpx.ConnectError as error:
            if self._behind_proxy and is_unreachable(error):
                raise httpx.ProxyError(str(error)) from error
            raise

    async def aclose(self) -> None:
        """Close every idle connection."""
        await self._pool.transport.aclose()

    async def _choose(self) -> _Pool:
        """Return the pool for the next request."""
        old = self._pool
        if anyio.current_time() >= old.made_at + AGE_LIMIT:
            self._pool = _Pool(self._make())
            old.retired = True
            await old.close_if_over()
        return self._pool


def _is_missing(response: httpx.Response) -> bool:
    """Return whether part of the request has not arrived, as far as is known."""
    stream = response.extensions.get("network_stream")
    connected = stream and stream.get_extra_info("socket")
    return connected is not None and count_missing(connected) > _OWN


async def _close(response: httpx.Response) -> None:
    """Close `response` and its connection, which the pool would use again."""
    stream = response.extensions.get("network_stream")
    if stream:
        await stream.aclose()
    await response.aclose()
