"""A program around a shuttle, from the first moment to the end of its event loop, on each that it may run on."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest
import trio

from shuttle import Config, Shuttle
from tests.helpers.loops import LOOPS
from tests.helpers.sockets import GUARD

on_asyncio = pytest.mark.parametrize("loop", LOOPS)
anywhere = pytest.mark.parametrize("loop", [*LOOPS, "trio"])


class Taker(httpx.AsyncBaseTransport):
    """A drain that takes every batch, in its own time, or never answers."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.bodies: list[bytes] = []
        """Of the requests, in order."""
        self.asked = anyio.Event()
        """Set by the first request."""
        self._hangs = hangs

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(await request.aread())
        self.asked.set()
        if self._hangs:
            await anyio.sleep_forever()
        await anyio.sleep(0.01)
        return httpx.Response(204)


def make(drain: Taker | None = None, **settings: Any) -> Shuttle:
    return Shuttle(Config(logs_url="http://drain.example/", **settings), transport=drain or Taker())


def run(loop: str, main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` and the end of its event loop, with no cancel scope around it. Errors that nobody took fail it."""
    unhandled: list[dict[str, Any]] = []

    async def guarded() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
        async with asyncio.timeout(GUARD):
            await main()

    if loop == "trio":
        trio.run(main)
    else:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(guarded())
    assert unhandled == []


async def generate(shuttle: Shuttle) -> AsyncGenerator[Shuttle, None]:
    """Be in the block for as long as nobody closes this generator."""
    async with shuttle:
        yield shuttle
