"""The block of a host: what an abort does to it, on every event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from shuttle import Config, Shuttle
from tests.helpers.loops import everywhere, on_every_loop

HANGING = httpx.MockTransport(lambda _: anyio.sleep_forever())  # type: ignore[arg-type]


def make(**options: Any) -> Shuttle:
    return Shuttle(Config(logs_url="http://drain.example/"), **{"transport": HANGING, **options})


async def abort(shuttle: Shuttle) -> None:
    """Abort when every other task waits."""
    await anyio.wait_all_tasks_blocked()
    shuttle.abort()


async def assert_uncancelled() -> None:
    """Nothing is left of a cancellation."""
    await anyio.lowlevel.checkpoint()
    await anyio.lowlevel.checkpoint()
    task = asyncio.current_task() if asyncio_runs() else None
    assert task is None or not task.cancelling()


def asyncio_runs() -> bool:
    try:
        return bool(asyncio.get_running_loop())
    except RuntimeError:
        return False


async def wait_in_a_group() -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.sleep_forever)
        tasks.start_soon(anyio.sleep_forever)


async def wait_in_a_scope() -> None:
    with anyio.fail_after(1000), anyio.CancelScope():
        await anyio.sleep_forever()


@pytest.mark.parametrize(
    "wait", [anyio.sleep_forever, wait_in_a_group, wait_in_a_scope], ids=lambda wait: wait.__name__
)
@everywhere
async def test_an_abort_leaves_the_block_at_once(wait: Callable[[], Awaitable[None]]) -> None:
    async with anyio.create_task_group() as tasks:
        async with make() as shuttle:
            await shuttle.write(b"one\n")
            tasks.start_soon(abort, shuttle)
            await wait()
            pytest.fail("it goes on")
        await assert_uncancelled()
    assert str(shuttle.ledger) == "read=1 delivered=0 dropped=0 lost=1 held=0"


@everywhere
async def test_an_abort_by_the_host_itself_leaves_the_block_where_it_waits_next() -> None:
    async with make() as shuttle:
        shuttle.abort()
        shuttle.abort()
        await anyio.sleep_forever()
    await assert_uncancelled()


@everywhere
async def test_an_abort_at_the_end_of_the_block_cancels_nothing_behind_it() -> None:
    async with make() as shuttle:
        await shuttle.write(b"one\n")
        shuttle.abort()
    await assert_uncancelled()
    shuttle.abort()
    await assert_uncancelled()


@everywhere
async def test_an_error_comes_out_of_an_aborted_block_after_the_landing() -> None:
    async def fail() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise LookupError

    async def host() -> None:
        async with shuttle:
            await shuttle.write(b"one\n")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fail)
                await anyio.wait_all_tasks_blocked()
                shuttle.abort()
                await anyio.sleep_forever()

    shuttle = make()
    with pytest.raises(ExceptionGroup) as caught:
        await host()
    assert caught.group_contains(LookupError)
    assert str(shuttle.ledger) == "read=1 delivered=0 dropped=0 lost=1 held=0"
    await assert_uncancelled()


@everywhere
async def test_an_abort_ends_the_landing_of_a_shuttle_within() -> None:
    async with anyio.create_task_group() as tasks:
        async with make() as outer:
            async with make() as inner:
                await inner.write(b"one\n")
                tasks.start_soon(abort, outer)
            pytest.fail("it goes on")
        await assert_uncancelled()
    assert str(inner.ledger) == "read=1 delivered=0 dropped=0 lost=1 held=0"


@pytest.mark.parametrize("abort_first", [True, False])
@everywhere
async def test_an_abort_hides_no_cancellation_by_a_scope(abort_first: bool) -> None:
    with anyio.CancelScope() as scope:
        async with make() as shuttle:
            ends = [shuttle.abort, scope.cancel]
            for end in ends if abort_first else reversed(ends):
                end()
            await anyio.sleep_forever()
        await anyio.sleep_forever()
    assert scope.cancelled_caught
    await assert_uncancelled()


@pytest.mark.parametrize("abort_first", [True, False])
@on_every_loop
async def test_an_abort_hides_no_cancellation_of_the_task(abort_first: bool) -> None:
    async def host() -> None:
        async with shuttle:
            await anyio.sleep_forever()
        pytest.fail("it goes on")

    shuttle = make()
    task = asyncio.create_task(host())
    await anyio.wait_all_tasks_blocked()
    ends: list[Callable[[], object]] = [shuttle.abort, task.cancel]
    for end in ends if abort_first else reversed(ends):
        end()
    with pytest.raises(asyncio.CancelledError):
        await task


@on_every_loop
async def test_an_abort_cancels_no_task_whose_shuttle_was_left_elsewhere() -> None:
    shuttle = make()
    await shuttle.__aenter__()
    await asyncio.create_task(shuttle.__aexit__(None, None, None))
    shuttle.abort()
    await assert_uncancelled()


@everywhere
async def test_an_error_in_the_work_leaves_the_block_and_comes_out() -> None:
    """A host's function that gives no random numbers: the first delay is computed in an outlet."""

    async def host() -> None:
        async with shuttle:
            await shuttle.write(b"one\n")
            await anyio.sleep_forever()

    shuttle = make(transport=httpx.MockTransport(lambda _: httpx.Response(503)), random=lambda: 1 // 0)
    with pytest.raises(ExceptionGroup) as caught:
        await host()
    assert caught.group_contains(ZeroDivisionError)
    assert str(shuttle.ledger) == "read=1 delivered=0 dropped=0 lost=1 held=0"
    await assert_uncancelled()
