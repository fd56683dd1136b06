"""What becomes of a batch, seen from a drain that answers by a script. The time is virtual."""

from typing import Any

import httpx
import pytest
import trio

from shuttle.config import MAX_AGE, TIMEOUT
from tests.helpers.drains import CLOSE, HANG, Answer, Call, Drain, http_date, in_turn
from tests.helpers.virtual import EPOCH, Journal, make_lines, make_shuttle, virtual

RETRIED = (100, 300, 301, 302, 303, 304, 307, 308, 408, 425, 429, 500, 501, 502, 503, 504, 507, 520, 599)
ERRORS = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.ReadError,
    httpx.ReadTimeout,
    httpx.RemoteProtocolError,
    httpx.WriteError,
    httpx.WriteTimeout,
)


def with_lines(drain: Drain) -> list[Call]:
    """Return the requests that carry lines; a last one may only report."""
    return [call for call in drain.calls if call.lines]


def alike(calls: list[Call]) -> bool:
    """Tell whether a drain can see that all of them are one request; the id is X-Request-Id and Frame-Id both."""
    return len({(call.id, call.body, tuple(call.headers.raw)) for call in calls}) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
@virtual
async def test_2xx_means_delivered(status: int) -> None:
    drain = Drain(in_turn(then=Answer(status)))
    async with make_shuttle(drain) as shuttle:
        await shuttle.write(b"one\ntwo\n")
    assert drain.lines == [b"one", b"two"]
    assert len(drain.calls) == 1
    assert str(shuttle.ledger) == "read=2 delivered=2 dropped=0 lost=0 held=0"


@pytest.mark.parametrize("failure", [*map(Answer, RETRIED), *(Answer(error=error) for error in ERRORS), HANG], ids=str)
@virtual
async def test_a_failure_retries_with_the_same_request(failure: Answer) -> None:
    """The answer says nothing about the lines, or there is none."""
    drain = Drain(in_turn(failure, failure))
    async with make_shuttle(drain) as shuttle:
        await shuttle.write(b"one\ntwo\n")
    assert len(drain.calls) == 3
    assert alike(drain.calls)
    assert str(shuttle.ledger) == "read=2 delivered=2 dropped=0 lost=0 held=0"


@pytest.mark.parametrize("lines", [1, 2, 500])
@pytest.mark.parametrize("status", [401, 402, 403, 404, 405, 406, 409, 410, 411, 414, 415, 418, 431, 451, 499])
@virtual
async def test_any_other_4xx_loses_the_batch_at_once(status: int, lines: int) -> None:
    drain, journal = Drain(in_turn(Answer(status, text="not you"))), Journal()
    async with make_shuttle(drain, log=journal) as shuttle:
        await shuttle.write(make_lines(lines))
    assert len(with_lines(drain)) == 1
    assert str(shuttle.ledger) == f"read={lines} delivered=0 dropped=0 lost={lines} held=0"
    [told] = journal.named("lines.lost")
    assert (told["lines"], told["status"], told["error"]) == (lines, status, "not you")


@virtual
async def test_two_batches_have_two_ids() -> None:
    drain = Drain()
    async with make_shuttle(drain, batch_size=1) as shuttle:
        await shuttle.write(b"same\nsame\n")
    assert len(drain.taken) == 2


@pytest.mark.parametrize("attempts", [1, 2, 3, 10])
@pytest.mark.parametrize(
    ("failure", "named"),
    [
        (Answer(503, text="closed for today"), "closed for today"),
        (Answer(502), "Bad Gateway"),
        (CLOSE, "scripted"),
        (HANG, "no answer within 0.5s"),
    ],
)
@virtual
async def test_max_attempts_bounds_the_attempts_in_all(failure: Answer, named: str, attempts: int) -> None:
    drain, journal = Drain(failure), Journal()
    async with make_shuttle(drain, log=journal, max_attempts=attempts, timeout=0.5) as shuttle:
        await shuttle.write(b"one\ntwo\n")
    assert len(with_lines(drain)) == attempts
    assert str(shuttle.ledger) == "read=2 delivered=0 dropped=0 lost=2 held=0"
    [told] = journal.named("lines.lost")
    assert (told["lines"], told["error"]) == (2, named)


@virtual
async def test_max_attempts_counts_for_each_batch_anew() -> None:
    drain = Drain(in_turn(503, 503, 204, 503, 503, 204))
    async with make_shuttle(drain, max_attempts=3, batch_size=1, num_outlets=1) as shuttle:
        await shuttle.write(b"one\ntwo\n")
    assert drain.lines == [b"one", b"two"]
    assert len(drain.calls) == 6


@pytest.mark.parametrize(("settings", "age"), [({}, MAX_AGE), ({"max_age": 20.0}, 20.0)])
@pytest.mark.parametrize("failure", [Answer(503), CLOSE, HANG])
@virtual
async def test_a_batch_is_given_up_only_when_too_old(failure: Answer, settings: dict[str, Any], age: float) -> None:
    drain = Drain(failure)
    async with make_shuttle(drain, **settings) as shuttle:
        await shuttle.write(b"one\ntwo\n")
        await trio.sleep(age - 0.001)
        assert str(shuttle.ledger) == "read=2 delivered=0 dropped=0 lost=0 held=2"
        attempts = len(drain.calls)
        assert attempts > age / 10 - 1  # the delay before each is 5 s at most, and so is the wait for an answer
        await trio.sleep(10 + 2 * TIMEOUT)  # the one on its way, a delay, and one that begins when it is too old
        assert str(shuttle.ledger) == "read=2 delivered=0 dropped=0 lost=2 held=0"
        assert len(drain.calls) - attempts == 1


@virtual
async def test_a_batch_already_too_old_gets_one_attempt() -> None:
    drain = Drain(in_turn(503))
    async with make_shuttle(drain, max_age=0.0, batch_size=1) as shuttle:
        await shuttle.write(b"one\ntwo\n")
    assert str(shuttle.ledger) == "read=2 delivered=1 dropped=0 lost=1 held=0"
    assert len(with_lines(drain)) == 2


@virtual
async def test_one_answer_after_the_timeout_costs_one_more_call() -> None:
    drain = Drain(in_turn(Answer(delay=0.51)))
    async with make_shuttle(drain, timeout=0.5, random=lambda: 0.0) as shuttle:
        await shuttle.write(b"one\n")
    assert [call.at for call in drain.calls] == [0.0, 0.5]
    assert alike(drain.calls)
    assert shuttle.ledger.delivered == 1


@virtual
async def test_an_answer_just_within_the_timeout_costs_one_call() -> None:
    drain = Drain(Answer(delay=0.49))
    async with make_shuttle(drain, timeout=0.5) as shuttle:
        await shuttle.write(b"one\n")
    assert len(drain.calls) == 1
    assert shuttle.ledger.delivered == 1


@virtual
async def test_a_slow_drain_is_waited_for_without_a_timeout() -> None:
    drain = Drain(Answer(delay=3600))
    async with make_shuttle(drain, timeout=0.0, land_timeout=4000.0) as shuttle:
        await shuttle.write(b"one\n")
    assert len(drain.calls) == 1
    assert shuttle.ledger.delivered == 1


@pytest.mark.parametrize("status", [429, 503, 301])
@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("7", 7.0), (http_date(EPOCH + 7), 7.0), ("3600", 60.0), (http_date(EPOCH + 3600), 60.0), ("never", 0.0)],
)
@virtual
async def test_retry_after_is_obeyed_up_to_a_minute(retry_after: str, seconds: float, status: int) -> None:
    drain = Drain(in_turn(Answer(status, headers={"Retry-After": retry_after})))
    async with make_shuttle(drain, random=lambda: 0.0, wait=0.0) as shuttle:
        await shuttle.write(b"one\n")
        await trio.sleep(100.0)
    assert [call.at for call in drain.calls] == [0.0, seconds]
    assert shuttle.ledger.delivered == 1
