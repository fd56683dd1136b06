"""The clock is the event loop's own, whichever that is."""

import math
import socket
import time

import anyio
import anyio.lowlevel
import pytest
import trio

from shuttle.clock import Limit, bind_clocks
from tests.helpers.loops import on_every_loop
from tests.helpers.sockets import GUARD
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


@pytest.mark.parametrize("moves", [(0.0,), (-1.0, 0.02), (60.0, 0.0), (60.0, -5.0), (0.02, 60.0, 0.01), (-9.0, -9.0)])
@on_every_loop
async def test_a_limit_may_move_to_any_time(moves: tuple[float, ...]) -> None:
    clocks = bind_clocks(wall)
    with Limit(clocks, math.inf, grace=0.01) as limit:
        for seconds in moves:
            limit.deadline = clocks.monotonic() + seconds
        await anyio.sleep(GUARD)
    assert limit.caught


@on_every_loop
async def test_a_limit_that_moves_away_does_not_cancel() -> None:
    clocks = bind_clocks(wall)
    with Limit(clocks, clocks.monotonic() + 0.01, grace=0.01) as limit:
        limit.deadline = clocks.monotonic() + GUARD
        await anyio.sleep(0.05)
    assert not limit.caught


@on_every_loop
async def test_a_late_limit_reads_what_has_arrived_first() -> None:
    """The loop is held up until both the deadline is over and the bytes are there."""
    clocks = bind_clocks(wall)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with Limit(clocks, clocks.monotonic() + 0.01, grace=0.01) as limit:
            await anyio.lowlevel.checkpoint()
            theirs.send(b"x")
            time.sleep(0.05)  # noqa: ASYNC251  # what is tested
            await anyio.wait_readable(ours)
            assert ours.recv(1) == b"x"
        assert not limit.caught


@virtual
async def test_on_trio_a_limit_is_a_plain_deadline() -> None:
    with Limit(bind_clocks(wall), 5.0, grace=1.0) as limit:
        limit.deadline = 3.0
        await trio.sleep(10.0)
    assert limit.caught
    assert trio.current_time() == 3.0
