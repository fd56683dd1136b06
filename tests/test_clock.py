"""The clock is the event loop's own, whichever that is."""

import anyio
import pytest
import trio

from shuttle.clock import bind_clocks
from tests.helpers.loops import on_every_loop
from tests.helpers.virtual import virtual, wall


@on_every_loop
async def test_the_clock_on_asyncio_is_the_loops() -> None:
    clock = bind_clocks(wall).monotonic
    before, now, after = anyio.current_time(), clock(), anyio.current_time()
    assert before <= now <= after


@pytest.mark.parametrize("seconds", [0.0, 100.0])
@virtual
async def test_the_clock_on_trio_is_the_runs(seconds: float) -> None:
    """Virtual or not."""
    clock = bind_clocks(wall).monotonic
    await trio.sleep(seconds)
    assert clock() == trio.current_time() == seconds
