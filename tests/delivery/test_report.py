"""L12 and L13: what was dropped or lost is told to the drain, each line exactly once."""

from typing import Any

import pytest
import trio
import trio.testing

from shuttle.core.margins import DOWN_SHARE, REPORT_TIME
from tests.helpers.drains import CLOSE, HANG, TAKE, Answer, Drain, in_turn
from tests.helpers.virtual import make_lines, make_shuttle, virtual

ONE_BY_ONE: dict[str, Any] = {"num_outlets": 1, "batch_size": 2}


@virtual
async def test_the_next_batch_reports_drops() -> None:
    """The count then starts again at 0."""
    drain = Drain(in_turn(Answer(delay=4.0)))
    async with make_shuttle(drain, **ONE_BY_ONE, back_buff=1, patience=0.0) as shuttle:
        await shuttle.write(make_lines(2))
        await trio.sleep(1.5)
        await shuttle.write(make_lines(4, first=2))
        assert shuttle.ledger.owed.dropped.count == 2
        await trio.sleep(10)
        assert not shuttle.ledger.owed
        await shuttle.write(make_lines(2, first=6))
    assert [call.lines for call in drain.calls] == [
        (b"0000000", b"0000001"),
        (b"0000002", b"0000003"),
        (b"0000006", b"0000007"),
    ]
    assert [call.headers.get("Logplex-Drop-Count") for call in drain.calls] == [None, "2", None]
    assert (
        b" heroku token log-shuttle - - Error L12: 2 messages dropped since 2023-11-14T22:13:21.5"
        in drain.calls[1].body
    )


@virtual
async def test_the_next_batch_reports_losses() -> None:
    """The count then starts again at 0."""
    drain = Drain(in_turn(503))
    async with make_shuttle(drain, **ONE_BY_ONE, max_attempts=1) as shuttle:
        await shuttle.write(make_lines(6))
        await trio.sleep(1)
        assert not shuttle.ledger.owed
    assert [call.headers.get("Logplex-Lost-Count") for call in drain.calls] == [None, "2", None]
    assert (
        b" heroku token log-shuttle - - Error L13: 2 messages lost since 2023-11-14T22:13:20.0" in drain.calls[1].body
    )


@virtual
async def test_l12_comes_before_l13() -> None:
    drain = Drain(in_turn(Answer(503, delay=4.0)))
    async with make_shuttle(drain, **ONE_BY_ONE, max_attempts=1, back_buff=1, patience=0.0) as shuttle:
        await shuttle.write(make_lines(2))
        await trio.testing.wait_all_tasks_blocked()
        await shuttle.write(make_lines(8, first=2))
    assert drain.calls[1].first == ("L12", "L13")
    assert drain.calls[1].reports == {"L12": 6, "L13": 2}
    assert len(drain.calls) == 2


@pytest.mark.parametrize(
    ("failure", "settings"),
    [
        (Answer(401), {"max_age": 0.0}),
        (Answer(400), {}),
        (Answer(413), {}),
        (Answer(503), {"max_attempts": 1}),
        (Answer(503), {"max_attempts": 3}),
        (CLOSE, {"max_attempts": 2}),
        (HANG, {"max_attempts": 1}),
        (Answer(500), {"max_age": 0.0}),
    ],
)
@virtual
async def test_a_failed_batchs_reports_pass_to_a_later_batch(failure: Answer, settings: dict[str, Any]) -> None:
    """Each is told once."""
    drain = Drain(failure)
    async with make_shuttle(drain, **ONE_BY_ONE, back_buff=1, patience=0.0, **settings) as shuttle:
        await shuttle.write(make_lines(20))
        await trio.sleep(60)
        assert shuttle.ledger.held == 0
        assert sum(bool(call.reports) for call in drain.calls) >= 1
        assert shuttle.ledger.owed.dropped.count == shuttle.ledger.dropped > 0
        assert shuttle.ledger.owed.lost.count == shuttle.ledger.lost > 0
        drain.script = in_turn()
        await shuttle.write(make_lines(2, first=20))
        await trio.sleep(60)
        assert drain.lines == [b"0000020", b"0000021"]
        assert (drain.told("L12"), drain.told("L13")) == (shuttle.ledger.dropped, shuttle.ledger.lost)
        assert not shuttle.ledger.owed
    assert len(drain.heard) == 1


@virtual
async def test_a_retry_carries_the_same_reports() -> None:
    drain = Drain(in_turn(503, 503, 503, 503, Answer(takes=True, status=502)))
    async with make_shuttle(drain, **ONE_BY_ONE, max_attempts=3) as shuttle:
        await shuttle.write(make_lines(4))
    assert [call.reports for call in drain.calls] == [{}] * 3 + [{"L13": 2}] * 3
    assert len({call.id for call in drain.calls[3:]}) == 1
    assert drain.told("L13") == shuttle.ledger.lost == 2


@virtual
async def test_halves_do_not_carry_the_refused_batchs_report() -> None:
    """A request of its own carries it afterwards."""
    drain = Drain(in_turn(503, 413))
    async with make_shuttle(drain, **ONE_BY_ONE, max_attempts=1) as shuttle:
        await shuttle.write(make_lines(4))
    assert [(len(call.lines), call.reports) for call in drain.calls] == [
        (2, {}),
        (2, {"L13": 2}),
        (1, {}),
        (1, {}),
        (0, {"L13": 2}),
    ]


@virtual
async def test_losses_at_the_end_go_in_a_request_without_lines() -> None:
    drain = Drain(in_turn(401))
    async with make_shuttle(drain) as shuttle:
        await shuttle.write(make_lines(7))
    assert [call.lines for call in drain.calls[1:]] == [()]
    assert drain.told("L13") == shuttle.ledger.lost == 7
    assert drain.calls[0].id != drain.calls[1].id
    assert not shuttle.ledger.owed


@virtual
async def test_drops_at_the_end_are_reported() -> None:
    drain = Drain(Answer(delay=1.0))
    async with make_shuttle(drain, num_outlets=4, batch_size=1, back_buff=1, patience=0.0) as shuttle:
        await shuttle.write(make_lines(1))
        await trio.testing.wait_all_tasks_blocked()
        await shuttle.write(make_lines(100, first=1))
    assert drain.told("L12") == shuttle.ledger.dropped > 90


@virtual
async def test_lines_given_up_are_reported_before_the_deadline() -> None:
    """These are the lines that the landing gives up."""
    drain = Drain(lambda call: HANG if call.lines else TAKE)
    async with make_shuttle(drain) as shuttle:
        await shuttle.write(make_lines(7))
        await shuttle.land(by=20.0)
    assert drain.told("L13") == shuttle.ledger.lost == 7
    assert trio.current_time() == 20.0 - DOWN_SHARE * REPORT_TIME


@pytest.mark.parametrize("failure", [Answer(503), Answer(401), CLOSE, HANG])
@virtual
async def test_a_last_report_that_fails_is_not_tried_again(failure: Answer) -> None:
    drain = Drain(in_turn(401, then=failure))
    async with make_shuttle(drain) as shuttle:
        await shuttle.write(make_lines(7))
    assert len(drain.calls) == 2
    assert shuttle.ledger.owed.lost.count == shuttle.ledger.lost == 7
    assert trio.current_time() <= 5.0  # -timeout
