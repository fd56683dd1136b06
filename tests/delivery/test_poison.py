"""Batches on which the drain fails, while it takes others: they are found out, and hold nothing up."""

from random import Random
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from shuttle.delivery.deliveries import MOST_ASIDE
from tests.helpers.drains import CLOSE, HANG, TAKE, Answer, Call, Drain, Script, in_turn
from tests.helpers.virtual import Journal, make_lines, make_shuttle, virtual

FAILURES = [Answer(500), Answer(503), Answer(403), CLOSE, HANG]


def fail_on(bad: set[int], failure: Answer) -> Script:
    words = {b"%07d" % number for number in bad}
    return lambda call: failure if words.intersection(call.lines) else TAKE


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.parametrize("outlets", [1, 2, 4])
@virtual
async def test_a_poisoned_line_is_lost_alone(outlets: int, failure: Answer) -> None:
    drain, journal = Drain(fail_on({1234}, failure)), Journal()
    async with make_shuttle(drain, num_outlets=outlets, log=journal, max_age=1e6) as shuttle:
        for number in range(40):
            await shuttle.write(make_lines(500, first=500 * number))
            await trio.sleep(5)
        await trio.sleep(300)
        assert str(shuttle.ledger) == "read=20000 delivered=19999 dropped=0 lost=1 held=0"
    assert sorted(set(map(int, drain.lines))) == sorted(set(range(20_000)) - {1234})
    [told] = journal.named("lines.lost")
    assert told["lines"] == 1
    assert "the drain fails on this line" in str(told["error"])


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@virtual
async def test_as_many_poisoned_batches_as_outlets_stop_nothing(failure: Answer) -> None:
    bad = {500 * number + 250 for number in range(4)}
    drain = Drain(fail_on(bad, failure))
    async with make_shuttle(drain, max_age=1e6) as shuttle:
        await shuttle.write(make_lines(500 * 20))
        await trio.sleep(60)
        assert shuttle.ledger.delivered >= 500 * 16
        await trio.sleep(1200)
        for number in range(200):  # others go on
            await shuttle.write(make_lines(1, first=100_000 + number))
            await trio.sleep(5)
        assert shuttle.ledger.held == 0
        assert shuttle.ledger.lost == len(bad)


@virtual
async def test_fresh_lines_pass_while_poison_is_found_out() -> None:
    """Each attempt at it hangs until the time-out, and there is as much of it as there are outlets."""
    drain = Drain(fail_on(set(range(4)), HANG))
    async with make_shuttle(drain, batch_size=1, max_age=1e6) as shuttle:
        await shuttle.write(make_lines(4))
        late: list[int] = []
        for number in range(4, 104):
            await shuttle.write(make_lines(1, first=number))
            await trio.sleep(1)
            late.append(number + 1 - len(drain.lines) - 4)
        assert sorted(late)[90] == 0  # of a hundred lines nine may have waited for a second or more


@virtual
async def test_poison_in_every_batch_is_found_out() -> None:
    """No batch is ever taken whole, and there are more than can be put aside."""
    batches = 2 * MOST_ASIDE
    bad = {20 * number + number for number in range(batches)}
    drain = Drain(fail_on(bad, Answer(500)))
    async with make_shuttle(drain, batch_size=20, max_age=1e6) as shuttle:
        await shuttle.write(make_lines(20 * batches))
        await trio.sleep(3600)
        assert shuttle.ledger.delivered >= 20 * batches - 2 * len(bad)


@pytest.mark.parametrize("settings", [{}, {"num_outlets": 1}], ids=str)
@pytest.mark.parametrize("failure", FAILURES, ids=str)
@virtual
async def test_an_outage_convicts_no_line(failure: Answer, settings: dict[str, Any]) -> None:
    """Whatever was accepted just before it."""
    drain = Drain()
    async with make_shuttle(drain, batch_size=10, max_age=1e6, **settings) as shuttle:
        await shuttle.write(make_lines(100))
        await trio.sleep(1)
        drain.script = lambda _: failure
        await shuttle.write(make_lines(500, first=100))
        await trio.sleep(3600)
        drain.script = lambda _: TAKE
        await trio.sleep(120)
        assert str(shuttle.ledger) == "read=600 delivered=600 dropped=0 lost=0 held=0"


@given(rate=st.floats(0.05, 0.9), seed=st.integers(0, 1000))
@settings(max_examples=15)
@virtual
async def test_a_flapping_drain_costs_no_line(rate: float, seed: int) -> None:
    chance = Random(seed)
    drain = Drain(lambda _: Answer(503) if chance.random() < rate else TAKE)
    async with make_shuttle(drain, batch_size=5, max_age=1e6) as shuttle:
        for number in range(100):
            await shuttle.write(make_lines(5, first=5 * number))
            await trio.sleep(1)
        await trio.sleep(10_000)  # up to 2700 are needed where nine in ten attempts fail
        assert shuttle.ledger.lost == 0
        assert shuttle.ledger.delivered == 500


@virtual
async def test_a_single_outlet_keeps_order_in_an_outage() -> None:
    drain = Drain(Answer(503))
    async with make_shuttle(drain, num_outlets=1, batch_size=10) as shuttle:
        await shuttle.write(make_lines(200))
        await trio.sleep(60)
        drain.script = lambda _: TAKE
        await trio.sleep(60)
    assert drain.lines == make_lines(200).split()


@virtual
async def test_a_batch_too_large_for_the_link_is_halved() -> None:
    """128 kB/s, and 5 s until the time-out."""

    def script(call: Call) -> Answer:
        return Answer(delay=len(call.body) / 128_000)

    drain = Drain(script)
    async with make_shuttle(drain, batch_size=500, num_outlets=1, max_age=1e6) as shuttle:
        line = b"x" * 1999 + b"\n"
        for _ in range(10):
            await shuttle.write(line * 500)
            await trio.sleep(10)
        await trio.sleep(60)
        assert str(shuttle.ledger) == "read=5000 delivered=5000 dropped=0 lost=0 held=0"
    late = [call for call in drain.calls if len(call.body) > 640_000]
    assert len(late) == 2  # the next batches are small enough at once


@pytest.mark.parametrize("settings", [{}, {"num_outlets": 1}], ids=str)
@virtual
async def test_a_slow_link_delivers_while_the_shuttle_lands(settings: dict[str, Any]) -> None:
    """60 kB/s, 1 MB in 25 s: no time for half after half to be too late."""
    rate = 60_000.0

    def script(call: Call) -> Answer:
        seconds = len(call.body) * (drain.at_once + 1) / rate
        return Answer(delay=seconds, arrived=min(1.0, 5.0 / seconds))

    drain = Drain(script)
    async with make_shuttle(drain, batch_size=500, **settings) as shuttle:
        await shuttle.write((b"x" * 1999 + b"\n") * 500)
        await shuttle.land(by=25.0)
    assert shuttle.ledger.delivered == 500


@virtual
async def test_a_request_that_has_arrived_is_halved_only_when_it_was_late_twice() -> None:
    """The drain may have taken it, and knows it by its id."""
    drain = Drain(in_turn(HANG))
    async with make_shuttle(drain, batch_size=500) as shuttle:
        await shuttle.write((b"x" * 1999 + b"\n") * 500)
    assert [len(call.lines) for call in drain.calls] == [500, 500]
    assert len({call.id for call in drain.calls}) == 1


@pytest.mark.parametrize("failure", [Answer(500), HANG], ids=str)
@virtual
async def test_poison_on_a_quiet_day_costs_its_own_line_at_most(failure: Answer) -> None:
    """Nothing else comes that could show that the drain works."""
    drain = Drain(fail_on({150}, failure))
    async with make_shuttle(drain, batch_size=100, max_age=1e6) as shuttle:
        await shuttle.write(make_lines(200))
        await trio.sleep(1200)
        assert shuttle.ledger.delivered == 199


@pytest.mark.parametrize("failure", [Answer(500), Answer(403), Answer(404)], ids=str)
@virtual
async def test_poison_at_the_end_leaves_the_other_lines_their_time(failure: Answer) -> None:
    drain = Drain(fail_on({2501}, failure))
    async with make_shuttle(drain, batch_size=100, num_outlets=1) as shuttle:
        await shuttle.write(make_lines(6000))
    assert shuttle.ledger.delivered == 5999


@virtual
async def test_two_bad_lines_of_a_batch_are_not_sent_in_a_circle() -> None:
    """Each lets the other go first. They are found out all the same once there are others."""
    drain = Drain(fail_on({3, 7}, Answer(500)))
    async with make_shuttle(drain, batch_size=10, max_age=1e6) as shuttle:
        await shuttle.write(make_lines(10))
        for number in range(600):
            await shuttle.write(make_lines(1, first=100 + number))
            await trio.sleep(1)
        assert str(shuttle.ledger) == "read=610 delivered=608 dropped=0 lost=2 held=0"
    assert len(drain.calls) < 2000


@virtual
async def test_two_bad_lines_of_a_batch_are_not_sent_in_a_circle_at_the_end() -> None:
    drain = Drain(fail_on({3, 7}, Answer(500)))
    async with make_shuttle(drain, batch_size=10, max_age=1e6, land_timeout=5.0) as shuttle:
        await shuttle.write(make_lines(40))
        await trio.sleep(20)
    assert shuttle.ledger.delivered == 38
    assert len(drain.calls) < 100
