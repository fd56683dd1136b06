"""A source faster than the drain: read at the drain's pace while it takes batches, and not held up when it does not."""

import pytest
import trio
import trio.lowlevel

from shuttle.delivery.backpressure import PACE, PLENTY
from shuttle.delivery.source import CHUNK
from tests.helpers.drains import HANG, REFUSE, Answer, Drain
from tests.helpers.virtual import make_lines, make_shuttle, virtual

LINE = 8  # bytes
CHUNKS = 20  # their frames fit the buffer


@pytest.mark.parametrize("num_outlets", [1, 4])
@virtual
async def test_a_flood_stays_in_the_pipe_while_the_drain_keeps_up(num_outlets: int) -> None:
    drain = Drain(Answer(delay=PACE / 100))
    async with make_shuttle(drain, num_outlets=num_outlets, batch_size=CHUNK // LINE // 4) as shuttle:
        most = 0
        for number in range(CHUNKS):
            await shuttle.write(make_lines(CHUNK // LINE, first=number * CHUNK // LINE))
            most = max(most, len(shuttle._parts.queue))
    assert most <= PLENTY
    assert shuttle.ledger.delivered == CHUNKS * CHUNK // LINE


@virtual
async def test_a_slow_drain_holds_a_chunk_for_5_ms_at_most() -> None:
    drain = Drain(Answer(delay=0.02))
    async with make_shuttle(drain, batch_size=1000) as shuttle:
        for number in range(CHUNKS):
            await shuttle.write(make_lines(CHUNK // LINE, first=number * CHUNK // LINE))
        assert trio.current_time() <= CHUNKS * PACE * 1.001
        assert len(shuttle._parts.queue) > CHUNKS * CHUNK // LINE // 1000 // 2


@pytest.mark.parametrize("failure", [HANG, REFUSE, Answer(503)])
@virtual
async def test_a_burst_goes_to_the_queue_at_once_when_down(failure: Answer) -> None:
    """The drain takes nothing meanwhile."""
    drain = Drain(failure)
    async with make_shuttle(drain) as shuttle:
        for number in range(CHUNKS):
            await shuttle.write(make_lines(CHUNK // LINE, first=number * CHUNK // LINE))
        assert trio.current_time() <= 3 * PACE
        assert shuttle.ledger.held == CHUNKS * CHUNK // LINE
        shuttle.abort()


@virtual
async def test_a_write_that_drops_lines_yields_to_other_tasks() -> None:
    """The host writes without a pause."""
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with (
        make_shuttle(Drain(REFUSE), batch_size=1, back_buff=1, patience=0.0) as shuttle,
        trio.open_nursery() as tasks,
    ):
        tasks.start_soon(take_turns)
        for number in range(500):
            await shuttle.write(make_lines(1, first=number))
        assert shuttle.ledger.dropped > 400
        assert turns > 400
        tasks.cancel_scope.cancel()
        shuttle.abort()


@virtual
async def test_writes_of_single_lines_yield_to_other_tasks() -> None:
    """The host writes without a pause."""
    drain = Drain(Answer(delay=2 * PACE))
    async with make_shuttle(drain, num_outlets=1, batch_size=1) as shuttle:
        for number in range(PLENTY):
            await shuttle.write(make_lines(1, first=number))
        turns = 0

        async def take_turns() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        async with trio.open_nursery() as tasks:
            tasks.start_soon(take_turns)
            for number in range(300):
                await shuttle.write(make_lines(1, first=PLENTY + number))
            tasks.cancel_scope.cancel()
        assert turns > 200
