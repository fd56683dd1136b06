"""How a shuttle ends, and what it says of itself. Its parts have tests of their own."""

import re
from typing import Any

import anyio
import pytest
import trio
import trio.testing

from shuttle.config import LAND_TIMEOUT
from shuttle.core.margins import REPORT_TIME
from shuttle.landing import CANCELLED_TIMEOUT
from shuttle.shuttle import Shuttle
from tests.helpers.drains import CLOSE, HANG, REFUSE, TAKE, Answer, Drain, in_turn
from tests.helpers.virtual import Journal, make_lines, make_shuttle, virtual

DEAD = [HANG, REFUSE, CLOSE, Answer(503), Answer(429, headers={"Retry-After": "60"}), Answer(503, delay=4.0)]


def assert_settled(shuttle: Shuttle, read: int) -> None:
    ledger = shuttle.ledger
    assert (ledger.read, ledger.held) == (read, 0)
    assert ledger.delivered + ledger.dropped + ledger.lost == read


@pytest.mark.parametrize("settings", [{}, {"num_outlets": 1}, {"batch_size": 1}, {"wait": 1000.0}, {"wait": 0.0}])
@virtual
async def test_leaving_the_block_delivers_everything(settings: dict[str, Any]) -> None:
    drain = Drain(Answer(delay=0.1))
    async with make_shuttle(drain, **settings) as shuttle:
        await shuttle.write(make_lines(2000))
    assert sorted(drain.lines) == make_lines(2000).split()
    assert str(shuttle.ledger) == "read=2000 delivered=2000 dropped=0 lost=0 held=0"
    assert trio.current_time() < 1000.0


@virtual
async def test_landing_lasts_as_long_as_there_is_progress() -> None:
    drain = Drain(Answer(delay=4.0))
    async with make_shuttle(drain, num_outlets=1, batch_size=1, land_timeout=5.0) as shuttle:
        await shuttle.write(make_lines(100))
    assert drain.lines == make_lines(100).split()
    assert trio.current_time() == 400.0


@pytest.mark.parametrize("failure", DEAD)
@virtual
async def test_landing_gives_up_without_progress(failure: Answer) -> None:
    """It does so when land_timeout has passed since the last progress."""
    drain, journal = Drain(in_turn(Answer(delay=3.0), then=failure)), Journal()
    async with make_shuttle(drain, log=journal, num_outlets=1, batch_size=1) as shuttle:
        await shuttle.write(make_lines(9) + b"and a last one")
        landed = trio.current_time()
    assert landed + 3.0 + LAND_TIMEOUT <= trio.current_time() <= landed + 3.0 + LAND_TIMEOUT + REPORT_TIME
    assert str(shuttle.ledger) == "read=10 delivered=1 dropped=0 lost=9 held=0"
    reason = f"not delivered within -land-timeout ({LAND_TIMEOUT:g}s)"
    assert [(told["lines"], told["error"]) for told in journal.named("lines.lost")] == [(9, reason)]


@virtual
async def test_a_last_line_without_a_newline_is_counted() -> None:
    """It is counted even if the landing gives up."""
    async with make_shuttle(Drain(REFUSE), num_outlets=1, batch_size=2, back_buff=1, drop=False) as shuttle:
        await shuttle.write(make_lines(5) + b"a last one")
        await trio.sleep(1.0)  # the flush of the fifth line waits for room from now on
    assert str(shuttle.ledger) == "read=6 delivered=0 dropped=0 lost=6 held=0"


@pytest.mark.parametrize("failure", [*DEAD, Answer(delay=4.0)])
@pytest.mark.parametrize("seconds", [0.0, 0.5, 6.0, 30.0])
@virtual
async def test_landing_by_a_time_ends_by_that_time(failure: Answer, seconds: float) -> None:
    """Whatever the drain does."""
    drain = Drain(failure)
    async with make_shuttle(drain, num_outlets=1, batch_size=1) as shuttle:
        await shuttle.write(make_lines(100))
        await trio.sleep_until(100)
        await shuttle.land(by=100 + seconds)
    assert_settled(shuttle, 100)
    assert trio.current_time() <= 100 + max(seconds, REPORT_TIME)
    assert shuttle.ledger.lost > 0


@virtual
async def test_landing_by_a_time_ends_early_when_all_is_sent() -> None:
    drain = Drain(Answer(delay=0.5))
    async with make_shuttle(drain, batch_size=1) as shuttle:
        await shuttle.write(make_lines(8))
        await shuttle.land(by=50.0)
    assert len(drain.lines) == 8
    assert trio.current_time() == 1.0


@virtual
async def test_landing_takes_in_writes_in_progress() -> None:
    drain = Drain(Answer(delay=1.0))
    async with (
        make_shuttle(drain, num_outlets=1, batch_size=10, back_buff=1, drop=False) as shuttle,
        trio.open_nursery() as tasks,
    ):
        tasks.start_soon(shuttle.write, make_lines(100))
        await trio.testing.wait_all_tasks_blocked()
        await shuttle.land()
    assert drain.lines == make_lines(100).split()


@virtual
async def test_landing_drops_nothing_with_a_full_queue() -> None:
    drain = Drain(Answer(delay=1.0))
    async with make_shuttle(drain, num_outlets=1, batch_size=10, back_buff=1, patience=0.5) as shuttle:
        await shuttle.write(make_lines(20))
        await shuttle.write(make_lines(5, first=20))
    assert drain.lines == make_lines(25).split()


@virtual
async def test_a_second_landing_does_nothing() -> None:
    drain = Drain()
    async with make_shuttle(drain) as shuttle:
        await shuttle.write(make_lines(3))
        await shuttle.land()
        assert shuttle.ledger.delivered == 3
        await shuttle.land()
    assert len(drain.calls) == 1


@pytest.mark.parametrize("chunk", [b"", b"more\n"])
@virtual
async def test_a_write_after_landing_is_refused(chunk: bytes) -> None:
    async with make_shuttle(Drain()) as shuttle:
        await shuttle.write(make_lines(3))
        await shuttle.land()
        with pytest.raises(anyio.ClosedResourceError):
            await shuttle.write(chunk)
    with pytest.raises(anyio.ClosedResourceError):
        await shuttle.write(chunk)
    assert str(shuttle.ledger) == "read=3 delivered=3 dropped=0 lost=0 held=0"


@virtual
async def test_abort_counts_what_is_held_as_lost() -> None:
    """It gives up at once."""
    drain = Drain(HANG)
    async with make_shuttle(drain, batch_size=10, drop=False, back_buff=1) as shuttle, trio.open_nursery() as tasks:
        tasks.start_soon(shuttle.write, make_lines(105))
        await trio.sleep(1.0)
        assert shuttle.ledger.held == 105
        shuttle.abort()
    assert str(shuttle.ledger) == "read=105 delivered=0 dropped=0 lost=105 held=0"
    assert trio.current_time() == 1.0


@virtual
async def test_abort_ends_a_landing() -> None:
    async with make_shuttle(Drain(REFUSE)) as shuttle, trio.open_nursery() as tasks:
        await shuttle.write(make_lines(5))
        tasks.start_soon(shuttle.land)
        await trio.sleep(3.0)
        shuttle.abort()
    assert_settled(shuttle, 5)
    assert trio.current_time() == 3.0


@pytest.mark.parametrize("settings", [{}, {"land_timeout": 0.5}])
@virtual
async def test_the_log_says_which_limit_gave_lines_up(settings: dict[str, Any]) -> None:
    """By their own time they are given up in test_landing_gives_up_without_progress."""
    told = []
    for end in ("abort", "cancellation"):
        journal = Journal()
        with trio.CancelScope() as scope:
            async with make_shuttle(Drain(HANG), log=journal, **settings) as shuttle:
                await shuttle.write(make_lines(5))
                shuttle.abort() if end == "abort" else scope.cancel()
                await trio.sleep_forever()
        told += [line["error"] for line in journal.named("lines.lost")]
    seconds = settings.get("land_timeout", CANCELLED_TIMEOUT)
    assert told == ["not delivered: told to end at once", f"not delivered within {seconds:g}s of the cancellation"]


@pytest.mark.parametrize(("answer", "delivered"), [(TAKE, 30), (HANG, 0)])
@pytest.mark.parametrize("batch_size", [1, 7, 500])
@virtual
async def test_an_error_of_the_host_lands_and_is_raised(batch_size: int, answer: Answer, delivered: int) -> None:
    shuttle = make_shuttle(Drain(answer), batch_size=batch_size)

    async def host() -> None:
        async with shuttle:
            await shuttle.write(make_lines(30))
            await trio.testing.wait_all_tasks_blocked()
            raise error

    error = LookupError("the host's own")
    with pytest.raises(LookupError) as caught:
        await host()
    assert caught.value is error
    assert str(shuttle.ledger) == f"read=30 delivered={delivered} dropped=0 lost={30 - delivered} held=0"


@pytest.mark.parametrize("at", [0.0, 0.1, 0.6, 5.0, 5.2, 25.7, 26.2])
@virtual
async def test_a_cancellation_leaves_the_ledger_settled(at: float) -> None:
    drain = Drain(in_turn(Answer(delay=0.5), Answer(delay=0.5), then=HANG))
    with trio.move_on_after(at):
        async with make_shuttle(drain, num_outlets=2, batch_size=7, drop=False, back_buff=1) as shuttle:
            await shuttle.write(make_lines(30))
    assert_settled(shuttle, shuttle.ledger.read)
    assert shuttle.ledger.delivered == len(drain.lines)
    assert at <= trio.current_time() <= at + CANCELLED_TIMEOUT


@virtual
async def test_statistics_count_since_the_last_call() -> None:
    drain = Drain(in_turn(Answer(503, delay=0.125), then=TAKE))
    async with make_shuttle(drain, num_outlets=1, max_attempts=1, batch_size=2, back_buff=1, patience=0.0) as shuttle:
        await shuttle.write(make_lines(2))
        await trio.testing.wait_all_tasks_blocked()
        await shuttle.write(make_lines(7, first=2))
        first = dict(pair.split("=") for pair in shuttle.render_statistics().split(" "))
        await trio.sleep(10)
        second = dict(pair.split("=") for pair in shuttle.render_statistics().split(" "))
    names = [f"{name}.count" for name in ("lines.read", "lines.batched", "lines.dropped", "msg.lost")]
    assert [int(first[name]) for name in names] == [9, 8, 4, 0]
    assert [int(second[name]) for name in names] == [0, 1, 0, 2]
    assert [int(second[f"outlet.post.{name}.count"]) for name in ("success", "failure")] == [2, 1]
    assert (first["outlet.inbox.length"], second["outlet.inbox.length"]) == ("1", "0")
    assert float(second["outlet.post.failure.max"]) == 0.125
    assert float(second["batch.fill.max"]) == 0.25


@virtual
async def test_frame_ids_are_random_32_hex_digits() -> None:
    """Those of two shuttles have different beginnings."""
    drain = Drain()
    for _ in range(2):
        async with make_shuttle(drain, batch_size=1) as shuttle:
            await shuttle.write(make_lines(50))
    ids = [call.id for call in drain.calls]
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)
    assert len(set(ids)) == 100
    assert ids[0][:16] != ids[-1][:16]  # 2**64 to one
