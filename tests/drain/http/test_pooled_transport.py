"""httpx's own transport: its connections have a maximum age, and each is closed."""

import anyio
import httpx
import pytest

from shuttle.core.outcome import Reply
from shuttle.drain.http import pooled_transport as module
from shuttle.drain.http.pooled_transport import PooledTransport
from tests.drain.http.test_transport import make_request
from tests.helpers.clients import attempt
from tests.helpers.sockets import GUARD, NO_CONTENT, Server, always

BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def post_often(backend: str, answer: bytes, times: int) -> list[int]:
    """Return the connections that requests one after the other are sent on."""

    async def main() -> None:
        transport = PooledTransport(httpx.AsyncHTTPTransport)
        for _ in range(times):
            reply = await attempt(transport, make_request(server.url), GUARD)
            assert reply == Reply(status=204 if answer is NO_CONTENT else 200, content=reply.content)
        await transport.aclose()

    with Server(always(answer)) as server:
        anyio.run(main, backend=backend)
        connections = [request.connection for request in server.requests]
    assert len(server.gone) == len(set(connections))
    return connections


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("answer", [NO_CONTENT, BODY])
def test_a_connection_is_used_again(backend: str, answer: bytes) -> None:
    assert post_often(backend, answer, 3) == [0, 0, 0]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("answer", [NO_CONTENT, BODY])
def test_an_old_pool_is_replaced(backend: str, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the drain's name is resolved again, and the files of the TLS settings are read again."""
    monkeypatch.setattr(module, "AGE_LIMIT", 0.0)
    assert post_often(backend, answer, 3) == [0, 1, 2]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_request_under_way_keeps_its_pool(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        transport = PooledTransport(httpx.AsyncHTTPTransport)
        first = await transport.handle_async_request(make_request(server.url))
        second = await transport.handle_async_request(make_request(server.url))
        assert await first.aread() == b"hello"
        assert await second.aread() == b"hello"
        await first.aclose()
        await second.aclose()
        await transport.aclose()

    monkeypatch.setattr(module, "AGE_LIMIT", 0.0)
    with Server(always(BODY)) as server:
        anyio.run(main, backend=backend)
