"""The clock is the event loop's own, whichever that is."""

import anyio
import pytest
import trio

from shuttle.clock import bind_clocks
from tests.helpers.loops import on_every_loop
from tests.helpers.virtual import virtual, wall


@on_every_loop
async def test_on_asyncio_it_goes_with_the_loops_deadlines() -> None:
    clock = bind_clocks(wall).monotonic
    before, now, after = anyio.current_time(), clock(), anyio.current_time()
    assert before <= now <= after


@pytest.mark.parametrize("seconds", [0.0, 100.0])
@virtual
async def test_on_trio_it_is_the_run_s_clock_virtual_or_not(seconds: float) -> None:
    clock = bind_clocks(wall).monotonic
    await trio.sleep(seconds)
    assert clock() == trio.current_time() == seconds
