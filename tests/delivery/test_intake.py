"""What a full buffer does to the input. The time is virtual, and so is every wait."""

from typing import Any

import pytest
import trio
import trio.testing

from shuttle.config import WAIT
from shuttle.core.batch import OVERHEAD
from shuttle.shuttle import Shuttle
from tests.helpers.drains import HANG, REFUSE, TAKE, Answer, Drain, in_turn
from tests.helpers.virtual import Journal, make_lines, make_shuttle, virtual

ONE_BY_ONE: dict[str, Any] = {"num_outlets": 1, "batch_size": 1, "timeout": 0.0}


async def write(shuttle: Shuttle, chunk: bytes) -> float:
    """Return the seconds that the writer was held."""
    begun = trio.current_time()
    await shuttle.write(chunk)
    await trio.testing.wait_all_tasks_blocked()  # an idle outlet has taken its batch
    return trio.current_time() - begun


@virtual
async def test_a_full_queue_holds_the_input_then_drops() -> None:
    """It holds the input once in a stall, and again only after the drain has taken a batch."""
    drain = Drain(Answer(delay=100.0))
    async with make_shuttle(drain, **ONE_BY_ONE, back_buff=2, patience=3.0) as shuttle:
        held = [await write(shuttle, make_lines(1, first=number)) for number in range(6)]
        assert held == [0, 0, 0, 3.0, 0, 0]
        assert str(shuttle.ledger) == "read=6 delivered=0 dropped=3 lost=0 held=3"
        await trio.sleep(100)
        assert [await write(shuttle, make_lines(1, first=number)) for number in range(6, 9)] == [0, 3.0, 0]
        assert str(shuttle.ledger) == "read=9 delivered=1 dropped=5 lost=0 held=3"
        shuttle.abort()


@virtual
async def test_a_stall_that_ends_in_time_costs_no_line() -> None:
    drain = Drain(in_turn(Answer(delay=3.0), Answer(delay=3.0)))
    async with make_shuttle(drain, **ONE_BY_ONE, back_buff=1, patience=3.5) as shuttle:
        held = [await write(shuttle, make_lines(1, first=number)) for number in range(5)]
    assert held == [0, 0, 3.0, 3.0, 0]
    assert drain.lines == make_lines(5).split()


@pytest.mark.parametrize("delay", [0.001, 0.02, 0.09])
@virtual
async def test_a_source_faster_than_the_drain_loses_nothing(delay: float) -> None:
    """The drain is healthy, and the source is slowed."""
    drain = Drain(Answer(delay=delay))
    async with make_shuttle(drain, num_outlets=1, batch_size=10, back_buff=2) as shuttle:
        for number in range(100):
            await shuttle.write(make_lines(37, first=37 * number))
        assert trio.current_time() > 360 * delay
    assert drain.lines == make_lines(3700).split()
    assert str(shuttle.ledger) == "read=3700 delivered=3700 dropped=0 lost=0 held=0"


@virtual
async def test_a_full_queue_blocks_the_writer_without_drop() -> None:
    """It blocks the writer as long as it takes."""
    drain = Drain(REFUSE)
    async with make_shuttle(drain, num_outlets=1, batch_size=1, back_buff=1, drop=False, max_age=1e6) as shuttle:
        held: list[float] = []
        async with trio.open_nursery() as tasks:

            async def write_all() -> None:
                for number in range(20):
                    held.append(await write(shuttle, make_lines(1, first=number)))  # noqa: PERF401  # seen as it grows

            tasks.start_soon(write_all)
            await trio.sleep(5000)
            assert held == [0, 0]
            assert str(shuttle.ledger) == "read=3 delivered=0 dropped=0 lost=0 held=3"
            drain.script = in_turn()
        assert held[2] >= 5000
    assert drain.lines == make_lines(20).split()


@virtual
async def test_held_input_waits_for_room() -> None:
    drain = Drain(in_turn(then=Answer(delay=2.0)))
    async with make_shuttle(drain, num_outlets=1, batch_size=1, back_buff=1) as shuttle:
        shuttle.hold_input()
        await shuttle.write(make_lines(30))
        assert trio.current_time() == 56.0
    assert drain.lines == make_lines(30).split()


@pytest.mark.parametrize("batches", [1, 2, 7])
@virtual
async def test_back_buff_bounds_the_batches_held(batches: int) -> None:
    async with make_shuttle(Drain(HANG), **ONE_BY_ONE, back_buff=batches, patience=0.0) as shuttle:
        for number in range(20):
            await write(shuttle, make_lines(1, first=number))
        assert shuttle.ledger.held == batches + 1  # and one is with the outlet
        assert shuttle.ledger.dropped == 19 - batches
        shuttle.abort()


@pytest.mark.parametrize("length", [0, 100, 1000, 9000])
@virtual
async def test_back_bytes_bounds_the_bytes_held(length: int) -> None:
    drain = Drain(HANG)
    async with make_shuttle(drain, **ONE_BY_ONE, back_bytes=64 * 1024, patience=0.0) as shuttle:
        for _ in range(200):
            await write(shuttle, b"x" * length + b"\n")
        size = len(drain.calls[0].body) + OVERHEAD
        assert shuttle.ledger.held == 64 * 1024 // size + 1
        assert shuttle.ledger.dropped == 200 - shuttle.ledger.held
        shuttle.abort()


@virtual
async def test_a_batch_is_flushed_after_its_wait() -> None:
    """It is flushed even when the input pauses within a line."""
    drain = Drain()
    async with make_shuttle(drain) as shuttle:
        await trio.sleep(1.0)
        await shuttle.write(b"one\ntw")
        await trio.sleep(WAIT / 2)
        await shuttle.write(b"o\nth")
        await trio.sleep(10)
        await shuttle.write(b"ree\n")
        await trio.sleep(10)
    assert [(call.at, call.lines) for call in drain.calls] == [
        (1.0 + WAIT, (b"one", b"two")),
        (11.0 + WAIT / 2 + WAIT, (b"three",)),
    ]


@virtual
async def test_a_full_batch_does_not_wait() -> None:
    """The wait of the rest runs from its own first line."""
    drain = Drain()
    async with make_shuttle(drain, batch_size=2, wait=8.0) as shuttle:
        await shuttle.write(make_lines(1))
        await trio.sleep(5)
        await shuttle.write(make_lines(2, first=1))
        await trio.sleep(20)
    assert [(call.at, len(call.lines)) for call in drain.calls] == [(5.0, 2), (13.0, 1)]


@virtual
async def test_a_last_line_without_a_newline_is_delivered() -> None:
    drain = Drain()
    async with make_shuttle(drain) as shuttle:
        await shuttle.write(b"one\ntwo")
    assert drain.lines == [b"one", b"two"]
    assert trio.current_time() == 0


@pytest.mark.parametrize("chunks", [[], [b""], [b"", b""]])
@virtual
async def test_empty_input_makes_no_request(chunks: list[bytes]) -> None:
    drain = Drain()
    async with make_shuttle(drain) as shuttle:
        for chunk in chunks:
            await shuttle.write(chunk)
        await trio.sleep(1000)
    assert drain.calls == []
    assert str(shuttle.ledger) == "read=0 delivered=0 dropped=0 lost=0 held=0"


@pytest.mark.parametrize("drop", [True, False])
@virtual
async def test_a_cancelled_write_loses_nothing(drop: bool) -> None:
    drain = Drain(in_turn(Answer(delay=10.0)))
    async with make_shuttle(drain, **ONE_BY_ONE, back_buff=1, drop=drop, patience=60.0) as shuttle:
        with trio.move_on_after(1) as scope:
            await shuttle.write(make_lines(10) + b"0000")
        assert scope.cancelled_caught
        assert str(shuttle.ledger) == "read=10 delivered=0 dropped=0 lost=0 held=10"
        await shuttle.write(b"010\n")
    assert drain.lines == make_lines(11).split()


@virtual
async def test_a_write_cancelled_behind_a_flush_loses_nothing() -> None:
    """The flush is waiting for room in the queue."""
    drain = Drain(HANG)
    async with make_shuttle(drain, **{**ONE_BY_ONE, "batch_size": 2}, back_buff=1, drop=False) as shuttle:
        for number in range(3):  # one is with the outlet, one in the buffer, and the flush of the third waits
            await shuttle.write(make_lines(1, first=number))
            await trio.sleep(2 * WAIT)
        with trio.move_on_after(1.0) as scope:
            await shuttle.write(make_lines(1, first=3))
        assert scope.cancelled_caught
        assert str(shuttle.ledger) == "read=4 delivered=0 dropped=0 lost=0 held=4"
        drain.script = in_turn()
        shuttle.abort()
    assert str(shuttle.ledger) == "read=4 delivered=0 dropped=0 lost=4 held=0"


@virtual
async def test_chunks_of_concurrent_writers_stay_whole() -> None:
    drain = Drain(Answer(delay=0.05))
    async with make_shuttle(drain, batch_size=3, back_buff=1, drop=False) as shuttle, trio.open_nursery() as tasks:
        for writer in range(10):
            tasks.start_soon(shuttle.write, make_lines(10, first=10 * writer))
    assert sorted(drain.lines) == make_lines(100).split()


@virtual
async def test_malformed_input_is_counted_lost_and_logged_once() -> None:
    def frame(text: bytes) -> bytes:
        line = b"<13>1 2026-01-02T03:04:05.000006+00:00 a b c - - " + text + b"\n"
        return b"%d %b" % (len(line), line)

    drain, journal = Drain(TAKE), Journal()
    async with make_shuttle(drain, log=journal, input_format="lprfc5424") as shuttle:
        for number in range(5):
            await shuttle.write(frame(b"%d" % number) + b"no frame at all, ")
            await trio.sleep(1)
    assert drain.lines == [b"0", b"1", b"2", b"3", b"4"]
    assert str(shuttle.ledger) == "read=10 delivered=5 dropped=0 lost=5 held=0"
    assert drain.told("L13") == 5
    assert len(journal.named("input.malformed")) == 1
