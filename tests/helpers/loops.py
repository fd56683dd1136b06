"""Runs tests of an async function on every event loop that the agent may run on, or on one in virtual time."""

import asyncio
import functools
import inspect
import selectors
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import uvloop

from tests.helpers.sockets import GUARD

TURN = 5e-5  # seconds of virtual time that a turn of the loop takes
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
}


def on_every_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a test for each event loop. Tasks left over and errors that nobody took fail it."""

    @functools.wraps(test)
    def run(*args: Any, loop: str, **kwargs: Any) -> None:
        unhandled: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
            async with asyncio.timeout(GUARD * 1.5):
                await test(*args, **kwargs)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(main())
        assert unhandled == []

    signature = inspect.signature(test)
    loop_parameter = inspect.Parameter("loop", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), loop_parameter]
    )
    parametrized: Callable[..., None] = pytest.mark.parametrize("loop", LOOPS)(run)
    return parametrized


def everywhere(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a test for each event loop that a host may run: trio's too."""
    on_asyncio = on_every_loop(test)

    @functools.wraps(test)
    def run(*args: Any, loop: str, **kwargs: Any) -> None:
        async def main() -> None:
            with trio.fail_after(GUARD):
                await test(*args, **kwargs)

        if loop == "trio":
            trio.run(main)
        else:
            on_asyncio(*args, loop=loop, **kwargs)

    run.__signature__ = on_asyncio.__signature__  # type: ignore[attr-defined]
    parametrized: Callable[..., None] = pytest.mark.parametrize("loop", [*LOOPS, "trio"])(run)
    return parametrized


class VirtualLoop(asyncio.SelectorEventLoop):
    """Has a clock of its own, so that the same things happen in every run: it skips the time in which nothing happens.

    For tests in which nothing comes from outside but from threads and signals; these are waited for if no timer is set.
    """

    def __init__(self) -> None:
        self._ticker = _Ticker()
        super().__init__(self._ticker)

    def time(self) -> float:
        return self._ticker.now


class _Ticker(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0  # seconds

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        self.now += max(TURN, timeout)
        return super().select(0)
