"""An endpoint that denies everything: nothing is lost to it that can wait, and a first try ends at once."""

from pathlib import Path

import pytest
import trio

from shuttle.config import MAX_AGE
from shuttle.delivery.gate import LONGEST_DENIED_DELAY
from tests.helpers.drains import TAKE, Answer, Drain, in_turn
from tests.helpers.virtual import Journal, make_lines, make_shuttle, virtual

DENIED = [401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 414, 415, 418, 431, 451, 499]


@pytest.mark.parametrize("status", DENIED)
@virtual
async def test_a_denial_costs_no_line_before_its_age(status: int) -> None:
    drain = Drain(Answer(status, text="not you"))
    async with make_shuttle(drain, max_attempts=2) as shuttle:
        await shuttle.write(make_lines(500))
        await trio.sleep(MAX_AGE - 1)
        assert shuttle.ledger.held == 500
        drain.script = in_turn(TAKE)
        await trio.sleep(LONGEST_DENIED_DELAY)
        assert str(shuttle.ledger) == "read=500 delivered=500 dropped=0 lost=0 held=0"


@virtual
async def test_a_denial_is_final_when_the_lines_are_too_old() -> None:
    async with make_shuttle(Drain(Answer(401))) as shuttle:
        await shuttle.write(make_lines(500))
        await trio.sleep(MAX_AGE + 2 * LONGEST_DENIED_DELAY)
        assert str(shuttle.ledger) == "read=500 delivered=0 dropped=0 lost=500 held=0"


@virtual
async def test_a_denying_endpoint_gets_few_probes() -> None:
    drain = Drain(Answer(401))
    async with make_shuttle(drain, max_age=1e6) as shuttle:
        await shuttle.write(make_lines(5000))
        await trio.sleep(3600)
        assert len(drain.calls) < 4 + 10 + 3600 / (LONGEST_DENIED_DELAY / 2 * 0.8)
        drain.script = in_turn(TAKE)
        await trio.sleep(LONGEST_DENIED_DELAY)
        assert shuttle.ledger.delivered == 5000


@virtual
async def test_a_denial_is_told_once_with_advice() -> None:
    journal = Journal()
    async with make_shuttle(Drain(in_turn(401, 401, 401)), log=journal) as shuttle:
        await shuttle.write(make_lines(1))
        await trio.sleep(60)
    [told] = journal.named("drain.down")
    assert told["status"] == 401
    assert "password" in str(told["advice"])


@pytest.mark.parametrize("age", [None, 1.0])
@virtual
async def test_the_spool_is_never_emptied_by_denials(tmp_path: Path, age: float | None) -> None:
    drain = Drain(Answer(401))
    async with make_shuttle(drain, spool=tmp_path / "spool", max_age=age, max_attempts=1) as shuttle:
        await shuttle.write(make_lines(5000))
        await trio.sleep(40)
        assert shuttle.ledger.held == 5000
        drain.script = in_turn(TAKE)
        await trio.sleep(LONGEST_DENIED_DELAY)
        assert shuttle.ledger.delivered == 5000


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 410, 415])
@virtual
async def test_a_first_try_with_a_wrong_password_ends_at_once(status: int) -> None:
    drain, journal = Drain(Answer(status, text="not you")), Journal()
    async with make_shuttle(drain, log=journal) as shuttle:
        await shuttle.write(make_lines(5000))
    assert trio.current_time() < 1.0
    assert str(shuttle.ledger) == "read=5000 delivered=0 dropped=0 lost=5000 held=0"
    [told] = journal.named("lines.lost")
    assert (told["lines"], told["status"], told["error"]) == (5000, status, "not you")


@virtual
async def test_a_first_try_waits_for_every_answer() -> None:
    """One of the requests under way may be accepted."""
    drain = Drain(in_turn(401, Answer(delay=3.0)))
    async with make_shuttle(drain, batch_size=10, num_outlets=2) as shuttle:
        await shuttle.write(make_lines(20))
    assert str(shuttle.ledger) == "read=20 delivered=20 dropped=0 lost=0 held=0"


@virtual
async def test_a_drain_that_took_something_gets_the_whole_time() -> None:
    drain = Drain(in_turn(TAKE, *[401] * 5))
    async with make_shuttle(drain, batch_size=10, num_outlets=1) as shuttle:
        await shuttle.write(make_lines(20))
    assert str(shuttle.ledger) == "read=20 delivered=20 dropped=0 lost=0 held=0"


@virtual
async def test_an_outage_is_told_every_minute() -> None:
    drain, journal = Drain(Answer(503)), Journal()
    async with make_shuttle(drain, log=journal) as shuttle:
        await trio.sleep(100)
        await shuttle.write(make_lines(7))
        await trio.sleep(200)
        told = journal.named("drain.still_down")
        assert [round(float(str(each["down"]))) for each in told] == [60, 120, 180]
        assert [each["held"] for each in told] == [7] * 3
        assert [round(float(str(each["oldest"]))) for each in told] == [60, 120, 180]
        assert told[0]["status"] == 503
        drain.script = in_turn(TAKE)
        await trio.sleep(200)
        assert len(journal.named("drain.still_down")) == 3


@virtual
async def test_a_denial_between_failures_does_not_lift_max_attempts() -> None:
    drain = Drain(in_turn(TAKE, 503, 401, 503, 401, 503, TAKE))
    async with make_shuttle(drain, max_attempts=3, num_outlets=1) as shuttle:
        await shuttle.write(make_lines(500))
        await trio.sleep(1)
        await shuttle.write(make_lines(1))
        await trio.sleep(200)
        assert str(shuttle.ledger) == "read=501 delivered=500 dropped=0 lost=1 held=0"
