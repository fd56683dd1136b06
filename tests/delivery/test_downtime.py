"""What all outlets do together while the drain is down, and when it is back."""

from itertools import pairwise

import pytest
import trio

from shuttle.delivery.landing_times import LANDING_DELAY
from tests.helpers.drains import CLOSE, HANG, REFUSE, TAKE, Answer, Drain, in_turn
from tests.helpers.virtual import Journal, make_lines, make_shuttle, virtual

LONGEST = 1 - 2**-53  # what random() gives at most
DELAYS = [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


@pytest.mark.parametrize("num_outlets", [1, 4, 7])
@virtual
async def test_a_drain_that_is_up_gets_a_request_per_outlet(num_outlets: int) -> None:
    """All outlets send at once."""
    drain = Drain(Answer(delay=1.0))
    async with make_shuttle(drain, num_outlets=num_outlets, batch_size=1) as shuttle:
        await shuttle.write(make_lines(20))
    assert drain.most_at_once == num_outlets
    assert drain.calls[-1].at == -(-20 // num_outlets) - 1.0
    assert shuttle.ledger.delivered == 20


@pytest.mark.parametrize("num_outlets", [1, 4, 16])
@pytest.mark.parametrize("failure", [Answer(503, delay=0.5), Answer(429, delay=0.5), HANG, REFUSE, CLOSE])
@virtual
async def test_a_drain_that_is_down_gets_one_request_at_a_time(failure: Answer, num_outlets: int) -> None:
    """And one of a batch that has not failed yet, which may be taken while the drain hangs on another."""
    drain = Drain(failure)
    async with make_shuttle(drain, num_outlets=num_outlets, batch_size=1, timeout=1.0) as shuttle:
        await shuttle.write(make_lines(1))
        await trio.sleep(1.0)
        before = len(drain.calls)
        drain.most_at_once = 0
        await shuttle.write(make_lines(30, first=1))
        await trio.sleep(100)
        assert drain.most_at_once <= min(2, num_outlets)
        assert 100 / 6.5 - 1 <= len(drain.calls) - before <= 100
        drain.script = in_turn(then=Answer(delay=0.5))
        await trio.sleep(40)
        assert drain.most_at_once == num_outlets
    assert sorted(drain.lines) == make_lines(31).split()


@pytest.mark.parametrize("num_outlets", [1, 4, 16])
@virtual
async def test_delays_do_not_depend_on_the_number_of_outlets(num_outlets: int) -> None:
    drain = Drain(Answer(503))
    async with make_shuttle(drain, num_outlets=num_outlets, batch_size=1, random=lambda: LONGEST) as shuttle:
        await shuttle.write(make_lines(num_outlets))
        await trio.sleep(sum(DELAYS))
        times = [call.at for call in drain.calls]
        assert times[:num_outlets] == [0.0] * num_outlets  # on their way before the first answer
        assert [later - earlier for earlier, later in pairwise(times[num_outlets - 1 :])] == pytest.approx(DELAYS)
        shuttle.abort()


@virtual
async def test_a_failing_batch_backs_off_and_stops_no_other() -> None:
    """The drain takes all other batches."""
    drain = Drain(lambda call: Answer(500) if b"0000000" in call.lines else TAKE)
    async with make_shuttle(drain, num_outlets=2, batch_size=1) as shuttle:
        for number in range(300):
            await shuttle.write(make_lines(1, first=number))
            await trio.sleep(0.1)
        await trio.sleep(60)
        assert shuttle.ledger.delivered == 299
        assert sum(b"0000000" in call.lines for call in drain.calls) < 100
        shuttle.abort()


@virtual
async def test_a_failing_batch_does_not_delay_a_recovery() -> None:
    """The drain was down and takes all other batches again."""
    drain = Drain(REFUSE)
    async with make_shuttle(drain, num_outlets=2, batch_size=1) as shuttle:
        await shuttle.write(make_lines(600))
        await trio.sleep(30)
        drain.script = lambda call: Answer(500) if b"0000000" in call.lines else TAKE
        await trio.sleep(30)
        assert str(shuttle.ledger) == "read=600 delivered=599 dropped=0 lost=0 held=1"
        shuttle.abort()


@virtual
async def test_landing_shortens_the_delays() -> None:
    drain = Drain(REFUSE)
    async with make_shuttle(drain, random=lambda: LONGEST) as shuttle:
        await shuttle.write(make_lines(1))
        await trio.sleep(60)
        before = len(drain.calls)
        landed = trio.current_time()
    assert drain.calls[before].at <= landed + LANDING_DELAY
    times = [call.at for call in drain.calls[before:] if call.lines]
    assert max(later - earlier for earlier, later in pairwise(times)) == pytest.approx(LANDING_DELAY)


@virtual
async def test_an_outage_of_a_minute_costs_nothing() -> None:
    """What gathered meanwhile is delivered when the drain is back."""
    drain, journal = Drain(REFUSE), Journal()
    async with make_shuttle(drain, log=journal) as shuttle:
        await shuttle.write(make_lines(1))
        await trio.sleep(1)
        for number in range(60):
            await shuttle.write(make_lines(100, first=1 + 100 * number))
            await trio.sleep(1)
        assert shuttle.ledger.held == 6001
        drain.script = in_turn()
        await trio.sleep(5.0)
        assert str(shuttle.ledger) == "read=6001 delivered=6001 dropped=0 lost=0 held=0"
    assert sorted(drain.lines) == make_lines(6001).split()
    assert [name for name, _ in journal.events] == ["drain.down", "drain.still_down", "drain.up"]
