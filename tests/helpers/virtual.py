"""Runs tests in virtual time: trio's clock jumps to the next deadline as soon as every task waits."""

import functools
import random as randomness
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec

import httpx
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

        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))

    return run


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
