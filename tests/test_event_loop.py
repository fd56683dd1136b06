"""Cancellations that pass every shield."""

import asyncio
import threading

import anyio
import pytest

from shuttle.event_loop import finish
from tests.helpers.loops import everywhere, on_every_loop


@everywhere
async def test_an_answer_or_an_error_comes_out_of_a_thread() -> None:
    limiter = anyio.CapacityLimiter(1)
    assert await finish(lambda: 7, limiter=limiter) == 7
    with pytest.raises(ZeroDivisionError):
        await finish(lambda: 1 // 0, limiter=limiter)


@pytest.mark.parametrize("cancellations", [1, 3])
@on_every_loop
async def test_a_call_that_has_begun_is_finished_before_a_cancellation(cancellations: int) -> None:
    begun, go_on = anyio.Event(), threading.Event()
    loop, answers = asyncio.get_running_loop(), []

    def call() -> int:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait()
        return 7

    async def work() -> None:
        answers.append(await finish(call, limiter=anyio.CapacityLimiter(1)))
        await anyio.sleep(1000)

    task = asyncio.create_task(work())
    await begun.wait()
    for _ in range(cancellations):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert answers == [7]


@on_every_loop
async def test_a_call_that_has_not_begun_never_begins_after_a_cancellation() -> None:
    limiter = anyio.CapacityLimiter(1)
    async with limiter:
        task = asyncio.create_task(finish(lambda: pytest.fail("it began"), limiter=limiter))
        await anyio.wait_all_tasks_blocked()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await finish(lambda: 7, limiter=limiter) == 7
