"""An attempt: one POST, and what came of it, as a value."""

import math
from collections.abc import AsyncGenerator

import anyio
import httpx

from shuttle.clock import Clock
from shuttle.core.outcome import Outcome, advise
from shuttle.drain.http.failures import describe

CONTENT_LIMIT = 64 * 1024  # bytes of a body that are read so that the connection can be used again
SHOWN = 200  # bytes of a refusal's body that logs show
PATIENCE = 1.0  # seconds for an answer's body: the status has said all, and the body only saves a new connection


async def attempt(
    transport: httpx.AsyncBaseTransport,
    request: httpx.Request,
    timeout: float,  # noqa: ASYNC109
    clock: Clock = anyio.current_time,
    *,
    shown: int = SHOWN,
) -> Outcome:
    """Send `request` and return what came of it; no answer within `timeout` seconds (0: no limit) is an outcome too.

    Of the answer's body the first `shown` bytes are kept.
    """
    response = None
    try:
        with anyio.CancelScope(deadline=clock() + timeout if timeout else math.inf):
            response = await transport.handle_async_request(request)
    except (httpx.TransportError, OSError) as error:
        text, advice = describe(error)
        return Outcome(error=text, advice=advice)
    if response is None:
        return Outcome(error=f"no answer within {timeout:g}s", advice="a slow drain may need a longer -timeout")
    content = await _finish(response, shown, PATIENCE if shown <= SHOWN else timeout or PATIENCE)
    if response.is_success:
        return Outcome(status=response.status_code, content=content)
    return Outcome(
        status=response.status_code,
        content=content,
        error=content[:SHOWN].decode("utf-8", "replace").strip() or response.reason_phrase,
        advice=advise(response.status_code),
        retry_after=response.headers.get("Retry-After", ""),
    )


async def _finish(response: httpx.Response, shown: int, patience: float) -> bytes:
    """Let go of `response` and return the beginning of its body. Whatever becomes of the body, the status stands."""
    stream = response.stream  # and not aiter_raw(), which fails when a transport gives the body in whole
    if isinstance(stream, httpx.ByteStream):  # it is here in whole, as nearly always, and nothing is open any more
        return b"".join(stream)[:shown]
    content = b""
    length = 0
    assert isinstance(stream, httpx.AsyncByteStream)
    pieces = aiter(stream)
    try:
        with anyio.move_on_after(patience):
            while length <= max(CONTENT_LIMIT, shown) and (piece := await anext(pieces, None)) is not None:
                content = (content + piece)[:shown]
                length += len(piece)
    except (httpx.TransportError, OSError):
        pass  # cut off in the middle
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
        await response.aclose()
    return content
