"""The client: makes one POST and returns the drain's reply as a value."""

import platform
from collections.abc import AsyncGenerator
from functools import cache
from http import HTTPStatus

import httpx

from shuttle import __version__
from shuttle.clock import Clocks, Limit
from shuttle.core.outcome import Reply, advise
from shuttle.drain.http.answer import Answer
from shuttle.drain.http.connection import ARRIVED, SENT
from shuttle.drain.http.failures import SHOWN, UNREACHED, DenialError, describe

CONTENT_LIMIT = 64 * 1024  # bytes of a body that are read so that the connection can be used again
PATIENCE = 1.0  # seconds for a reply's body: the status has said all, and the body only saves a new connection
ENDLESS_PATIENCE = 0.05  # seconds for a body that ends with the connection: what has come is shown
_LONGEST = 1e9  # seconds: no limit
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class Client:
    """Posts requests through `transport`, each within `timeout` seconds (0: no limit)."""

    def __init__(self, transport: httpx.AsyncBaseTransport, *, timeout: float, clocks: Clocks) -> None:
        self._transport = transport
        self._timeout = timeout
        self._clocks = clocks
        self._limits: dict[Limit, float] = {}  # of the requests whose answers are still to come, and when each began

    async def post(self, request: httpx.Request, *, shown: int = SHOWN) -> Reply:
        """Send `request` and return the reply with the first `shown` bytes of its body. A failure is a reply, too."""
        response = None
        seconds = self._timeout or _LONGEST
        limit = self._begin_limit(seconds)
        try:
            with limit:
                response = await self._transport.handle_async_request(request)
        except (httpx.TransportError, OSError) as error:
            return _explain(error)
        finally:
            del self._limits[limit]
        if response is None and self._clocks.monotonic() < limit.deadline:
            return Reply(error="no answer until shortly before the deadline")
        if response is None:
            sent = bool(request.extensions.get(SENT, True))
            return Reply(
                error=f"no {'answer' if sent else 'connection'} within {self._timeout:g}s",
                advice="a slow drain may need a longer -timeout" if sent else UNREACHED,
                sent=sent,
                late=True,
                arrived=request.extensions.get(ARRIVED, 1.0),
            )
        if response.is_success and shown <= SHOWN and isinstance(response.stream, Answer):
            response.stream.leave()
            return Reply(status=response.status_code)
        content = await self._finish(response, shown)
        if response.is_success:
            return Reply(status=response.status_code, content=content)
        return Reply(
            status=response.status_code,
            content=content,
            error=content[:SHOWN].decode("utf-8", "replace").strip() or response.reason_phrase,
            advice=advise(response.status_code),
            retry_after=response.headers.get("Retry-After", ""),
        )

    def _choose_patience(self, response: httpx.Response, shown: int) -> float:
        """Return the seconds for a reply's body: all the time if it is needed, and next to none if it has no end."""
        if shown > SHOWN:
            return self._timeout or _LONGEST
        ends = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
        return PATIENCE if ends else ENDLESS_PATIENCE

    def break_off(self, begun_before: float) -> None:
        """Interrupt requests that began before that time and have no answer. An answer that has come counts."""
        for limit, begun in self._limits.items():
            if begun < begun_before:
                limit.cancel()

    def _begin_limit(self, seconds: float) -> Limit:
        now = self._clocks.monotonic()
        limit = Limit(self._clocks, now + seconds, grace=seconds)
        self._limits[limit] = now
        return limit

    async def _finish(self, response: httpx.Response, shown: int) -> bytes:
        """Close `response` and return the beginning of its body. The status stands, whatever happens to the body."""
        stream = response.stream  # and not aiter_raw(), which fails when a transport gives the body in whole
        if isinstance(stream, httpx.ByteStream):  # all of it has come, as nearly always, and nothing is open any more
            return b"".join(stream)[:shown]
        content = b""
        length = 0
        assert isinstance(stream, httpx.AsyncByteStream)
        pieces = aiter(stream)
        limit = self._begin_limit(self._choose_patience(response, shown))
        try:
            with limit:
                while length <= max(CONTENT_LIMIT, shown) and (piece := await anext(pieces, None)) is not None:
                    content = (content + piece)[:shown]
                    length += len(piece)
        except (httpx.TransportError, OSError):
            pass  # cut off in the middle
        finally:
            del self._limits[limit]
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
            await response.aclose()
        return content


def _explain(error: BaseException) -> Reply:
    """Return the reply for `error`, which came instead of an answer."""
    text, advice = describe(error)
    if isinstance(error, DenialError):
        status = HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
        return Reply(status=status, error=text, advice=advise(status), sent=False)
    return Reply(error=text, advice=advice, sent=not isinstance(error, _UNSENT))


@cache
def user_agent() -> str:
    """Return the User-Agent: name and version, then in parentheses the runtime and the system, in Go's order."""
    runtime = f"python{platform.python_version()}; {platform.system().lower()}; {platform.machine()}"
    return f"log-shuttle/{__version__} ({runtime}; {platform.python_implementation()})"
