"""Tasks of the event loop's own, and cancellations that pass every shield."""

import asyncio
import threading
from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest

from shuttle.event_loop import finish, outlast, spawn
from tests.helpers.loops import everywhere, on_every_loop

name = ContextVar("name", default="")


@everywhere
async def test_a_task_of_the_loops_own_outlives_its_parents_scope() -> None:
    ended, told = anyio.Event(), []

    async def work() -> None:
        await anyio.lowlevel.checkpoint()
        told.append(name.get())

    name.set("the caller's")
    with anyio.CancelScope() as scope:
        scope.cancel()
        spawn(work, ended=ended.set)
        await anyio.sleep_forever()
    await ended.wait()
    assert told == ["the caller's"]


@on_every_loop
async def test_the_end_of_a_task_is_told_if_it_never_began() -> None:
    async def work() -> None:
        pytest.fail("it began")

    others, ended = asyncio.all_tasks(), anyio.Event()
    spawn(work, ended=ended.set)
    [task] = asyncio.all_tasks() - others
    task.cancel()
    await ended.wait()


@on_every_loop
async def test_a_cancellation_of_the_loop_ends_a_shielded_block_and_no_more() -> None:
    told = []

    async def work() -> None:
        with anyio.CancelScope(shield=True):
            for number in range(3):
                with outlast(lambda: told.append("interrupted")):
                    await anyio.sleep(0 if number == 2 else 1000)
                    told.append("went on")

    task = asyncio.create_task(work())
    for _ in range(2):
        await anyio.wait_all_tasks_blocked()
        task.cancel()
    await task
    assert told == ["interrupted", "interrupted", "went on"]
    assert not task.cancelling()


@everywhere
async def test_a_cancellation_of_a_scope_is_not_outlasted() -> None:
    with anyio.move_on_after(0) as scope:
        with outlast(lambda: pytest.fail("it was the loop")):
            await anyio.sleep_forever()
        pytest.fail("it goes on")
    assert scope.cancelled_caught


@everywhere
async def test_an_error_is_not_outlasted() -> None:
    with pytest.raises(LookupError), outlast(lambda: pytest.fail("it was the loop")):
        raise LookupError


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


@on_every_loop  # trio keeps its threads from one run to the next
async def test_what_needs_a_thread_is_done_where_none_can_be_started() -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    limiter = anyio.CapacityLimiter(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert await finish(threading.get_ident, limiter=limiter) == threading.get_ident()
        with pytest.raises(OSError, match="full"):
            await finish(fail, limiter=limiter)
    assert limiter.borrowed_tokens == 0


def fail() -> None:
    raise OSError("full")
