"""An exception that nobody expected is the outcome of one attempt, and no more."""

import asyncio

import anyio
import httpx
import pytest
import trio

from shuttle.config import Config
from shuttle.shuttle import Shuttle
from tests.helpers.drains import TAKE, Call, Drain, in_turn
from tests.helpers.loops import on_every_loop
from tests.helpers.virtual import Journal, make_lines, make_shuttle, virtual, wall


class Broken(Drain):
    """Raises an error for each of the first requests."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__(in_turn())
        self.errors = list(errors)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.errors:
            raise self.errors.pop(0)
        return await super().handle_async_request(request)


@pytest.mark.parametrize(
    "error",
    [UnicodeError("label empty or too long"), ValueError("no"), RecursionError(), KeyError("x"), AssertionError()],
    ids=repr,
)
@virtual
async def test_an_unexpected_error_is_retried(error: Exception) -> None:
    journal = Journal()
    async with make_shuttle(Broken(error, error), log=journal) as shuttle:
        await shuttle.write(make_lines(1000))
    assert str(shuttle.ledger) == "read=1000 delivered=1000 dropped=0 lost=0 held=0"
    [told] = journal.named("attempt.crashed")
    assert type(error).__name__ in str(told["error"])
    assert "handle_async_request test_crash.py" in str(told["traceback"])


@virtual
async def test_an_error_in_one_batch_stops_no_other() -> None:
    def script(call: Call) -> object:
        if b"0000007" in call.lines:
            raise LookupError("seven")
        return TAKE

    drain = Drain(script)  # type: ignore[arg-type]  # it answers, or breaks
    async with make_shuttle(drain, batch_size=1) as shuttle:
        await shuttle.write(make_lines(100))
        await trio.sleep(30)
        assert shuttle.ledger.delivered == 99
        assert shuttle.ledger.held == 1


@virtual
async def test_a_cancellation_is_no_such_error() -> None:
    journal = Journal()
    with trio.move_on_after(1):
        async with make_shuttle(Drain(lambda _: TAKE), log=journal) as shuttle:
            await shuttle.write(make_lines(1))
            await trio.sleep_forever()
    assert not journal.named("attempt.crashed")


class BreakingClock(Journal):
    """Is a wall clock, too. It breaks once, when the next batch is loaded after the first loss was logged."""

    def wall(self) -> float:
        if self.named("lines.lost") and not self.named("attempt.crashed"):
            raise OverflowError("the clock")
        return wall()


@virtual
async def test_what_a_batch_that_could_not_be_loaded_was_to_report_is_owed_again() -> None:
    drain, clock = Drain(in_turn(503)), BreakingClock()
    config = Config(logs_url="http://drain.example/logs", num_outlets=1, batch_size=2, max_attempts=1)
    async with Shuttle(config, log=clock, transport=drain, random=lambda: 0.5, wall=clock.wall) as shuttle:
        await shuttle.write(make_lines(6))
    assert clock.named("attempt.crashed")
    assert str(shuttle.ledger) == "read=6 delivered=2 dropped=0 lost=4 held=0"
    assert drain.told("L13") == 4


@pytest.mark.parametrize("times", [1, 3])
@on_every_loop
async def test_a_cancellation_of_another_task_is_an_unexpected_error(times: int) -> None:
    """The host's transport waits for a task of its own, which somebody has cancelled."""
    left = [None] * times

    async def answer(_: httpx.Request) -> httpx.Response:
        inner = asyncio.create_task(anyio.sleep_forever())
        if left:
            left.pop()
            inner.cancel()
            await inner
        inner.cancel()
        return httpx.Response(204)

    journal = Journal()
    config = Config(logs_url="http://drain.example/", batch_size=1, num_outlets=1)
    async with Shuttle(config, log=journal, transport=httpx.MockTransport(answer), random=lambda: 0.0) as shuttle:
        await shuttle.write(make_lines(5))
    assert str(shuttle.ledger) == "read=5 delivered=5 dropped=0 lost=0 held=0"
    assert journal.named("attempt.crashed")
