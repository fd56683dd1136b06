"""Runs tests in virtual time: trio's clock jumps to the next deadline as soon as every task waits, and no thread works.

A thread takes real time, of which the clock knows nothing: while one works the clock stands still.
"""

import functools
import math
import random as randomness
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec

import anyio.to_thread
import httpx
import pytest
import trio
import trio.testing

from shuttle.config import Config
from shuttle.observe.log import SILENT, Logger
from shuttle.shuttle import Shuttle

EPOCH = 1_700_000_000.0  # seconds; the wall clock where the virtual one begins
LONGEST = 1e6  # seconds of a test; without a deadline one whose tasks all wait for each other would never end

Given = ParamSpec("Given")


def virtual(test: Callable[Given, Awaitable[None]]) -> Callable[Given, None]:
    """Make a test of an async function: minutes of back-off cost no time at all."""

    @functools.wraps(test)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> None:
        async def main() -> None:
            with trio.fail_after(LONGEST):
                await test(*args, **kwargs)

        run_in_virtual_time(main)

    return run


def run_in_virtual_time(main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` to its end in an event loop of its own."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    run_sync = anyio.to_thread.run_sync
    working = 0

    async def stop_clock(*arguments: Any, **options: Any) -> Any:
        nonlocal working
        working += 1
        clock.autojump_threshold = math.inf
        try:
            return await run_sync(*arguments, **options)
        finally:
            working -= 1
            clock.autojump_threshold = math.inf if working else 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anyio.to_thread, "run_sync", stop_clock)
        trio.run(main, clock=clock)


def wall() -> float:
    return EPOCH + trio.current_time()


def make_shuttle(
    drain: httpx.AsyncBaseTransport,
    *,
    log: Logger = SILENT,
    random: Callable[[], float] | None = None,
    **settings: Any,
) -> Shuttle:
    """Return a shuttle to `drain`; its random numbers are the same in every run."""
    config = Config(logs_url="http://drain.example/logs", **settings)
    return Shuttle(config, log=log, transport=drain, random=random or randomness.Random(1).random, wall=wall)


def make_lines(count: int, first: int = 0) -> bytes:
    """Return numbered lines, each 8 bytes with its newline."""
    return b"".join(b"%07d\n" % number for number in range(first, first + count))


class Journal:
    """A logger that keeps its events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, /, **data: object) -> None:
        self.events.append((event, data))

    debug = warning = error = info

    def named(self, event: str) -> list[dict[str, object]]:
        return [data for name, data in self.events if name == event]
