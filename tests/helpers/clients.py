"""One POST without a shuttle round it."""

import anyio
import httpx

from shuttle.clock import Clocks, bind_clocks
from shuttle.core.outcome import Reply
from shuttle.drain.http.client import Client
from shuttle.drain.http.failures import SHOWN


def wall() -> float:
    return 0.0


async def attempt(
    transport: httpx.AsyncBaseTransport,
    request: httpx.Request,
    timeout: float,  # noqa: ASYNC109
    shown: int = SHOWN,
) -> Reply:
    """Post `request` and return the reply."""
    return await Client(transport, timeout=timeout, clocks=bind_clocks(wall)).post(request, shown=shown)


def make_idle_client() -> Client:
    """Return a client for a drain whose requests a test only looks at."""
    return Client(httpx.AsyncBaseTransport(), timeout=0.0, clocks=Clocks(anyio.current_time, wall))
