"""A shuttle that is left in an odd way: in the wrong order, in another task, by a generator, on another event loop.

On asyncio it may be left anywhere, on trio in order and by the task that entered it. It has landed in any case.
"""

import asyncio
import contextlib
import gc
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest
import trio

from shuttle import Shuttle
from tests.helpers.endings import Taker, anywhere, generate, make, on_asyncio, run
from tests.helpers.loops import LOOPS
from tests.helpers.sockets import GUARD

LEDGER = "read=1 delivered=1 dropped=0 lost=0 held=0"


def open_tasks(loop: str) -> Any:
    """Return what starts tasks, and adds no cancel scope of its own to each."""
    return trio.open_nursery() if loop == "trio" else anyio.create_task_group()


@contextlib.contextmanager
def refused_on_trio(loop: str, mistake: str) -> Iterator[None]:
    if loop == "trio":
        with pytest.raises(
            RuntimeError, match=f"^the shuttle was left in {mistake}: on trio, leave shuttles in reverse"
        ):
            yield
    else:
        yield


@anywhere
def test_two_shuttles_may_be_left_in_the_order_they_were_entered(loop: str) -> None:
    async def main() -> None:
        first, second = make(), make()
        await first.__aenter__()
        await second.__aenter__()
        await first.write(b"one\n")
        await second.write(b"two\n")
        with refused_on_trio(loop, "the wrong order"):
            await first.__aexit__(None, None, None)
        assert str(first.ledger) == LEDGER
        await second.__aexit__(None, None, None)
        assert str(second.ledger) == LEDGER

    run(loop, main)


@on_asyncio
def test_a_shuttle_may_be_left_within_a_task_group_and_a_scope_that_were_opened_later(loop: str) -> None:
    async def main() -> None:
        shuttle = make()
        with anyio.fail_after(GUARD):
            await shuttle.__aenter__()
            async with anyio.create_task_group() as tasks, asyncio.timeout(GUARD):
                tasks.start_soon(shuttle.write, b"one\n")
                await anyio.wait_all_tasks_blocked()
                await shuttle.__aexit__(None, None, None)
                tasks.start_soon(anyio.sleep, 0)
        assert str(shuttle.ledger) == LEDGER

    run(loop, main)


async def leave(shuttle: Shuttle, loop: str, error: BaseException | None = None) -> None:
    with refused_on_trio(loop, "another task") if error is None else contextlib.nullcontext():
        assert not await shuttle.__aexit__(type(error) if error else None, error, None)


@anywhere
def test_a_shuttle_may_be_left_in_another_task(loop: str) -> None:
    """The task that entered it goes on, and has a scope around it."""

    async def main() -> None:
        shuttle = make()
        await shuttle.__aenter__()
        await shuttle.write(b"one\n")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave, shuttle, loop)
        assert str(shuttle.ledger) == LEDGER

    async def scoped() -> None:
        with anyio.fail_after(GUARD) if loop != "trio" else contextlib.nullcontext():
            await main()

    run(loop, scoped)


@anywhere
def test_a_shuttle_may_be_left_when_the_task_that_entered_it_is_over(loop: str) -> None:
    """Fixtures do so."""

    async def main() -> None:
        shuttle = make()

        async with open_tasks(loop) as tasks:
            tasks.start_soon(shuttle.__aenter__)
        await shuttle.write(b"one\n")
        await leave(shuttle, loop)
        assert str(shuttle.ledger) == LEDGER

    run(loop, main)


@on_asyncio
def test_an_exit_stack_may_be_closed_in_another_task(loop: str) -> None:
    async def main() -> None:
        async with AsyncExitStack() as outer:
            shuttles = [await outer.enter_async_context(make()) for _ in range(3)]
            for shuttle in shuttles:
                await shuttle.write(b"one\n")
            stack = outer.pop_all()
            await asyncio.create_task(stack.aclose())
        assert [str(shuttle.ledger) for shuttle in shuttles] == [LEDGER] * 3

    run(loop, main)


@anywhere
def test_the_blocks_error_comes_out_of_another_task(loop: str) -> None:
    error = LookupError("the host's own")

    async def main() -> None:
        shuttle = make()
        await shuttle.__aenter__()
        await shuttle.write(b"one\n")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave, shuttle, loop, error)
        assert str(shuttle.ledger) == LEDGER

    run(loop, main)


@anywhere
def test_the_blocks_error_comes_out_of_the_wrong_order(loop: str) -> None:
    error = LookupError("the host's own")

    async def main() -> None:
        first, second = make(), make()
        await first.__aenter__()
        async with second:
            assert not await first.__aexit__(LookupError, error, None)

    run(loop, main)


@pytest.mark.parametrize("hangs", [False, True])
@anywhere
def test_a_generator_that_is_forgotten_leaves(loop: str, hangs: bool) -> None:
    """The event loop closes it in a task of its own."""
    shuttle = make(Taker(hangs=hangs))

    async def main() -> None:
        generator = generate(shuttle)
        await anext(generator)
        await shuttle.write(b"one\n")
        with pytest.warns(ResourceWarning, match="aclosing") if loop == "trio" else contextlib.nullcontext():
            del generator
            gc.collect()
        await shuttle.land()

    run(loop, main)
    assert str(shuttle.ledger) == f"read=1 delivered={int(not hangs)} dropped=0 lost={int(hangs)} held=0"


@on_asyncio
def test_a_shuttle_cannot_be_left_on_another_event_loop(loop: str) -> None:
    """It says so, and does not wait for what cannot come."""
    shuttle = make()

    async def leave() -> None:
        await shuttle.__aexit__(None, None, None)

    async def leave_with_an_error() -> None:
        assert not await shuttle.__aexit__(LookupError, LookupError(), None)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as own:
        own.run(shuttle.__aenter__())
        own.run(shuttle.write(b"one\n"))
        with pytest.raises(RuntimeError, match=r"^the shuttle has not landed: it was entered on another event loop$"):
            run(loop, leave)
        run(loop, leave_with_an_error)
        own.run(leave())
    assert str(shuttle.ledger) == LEDGER
    run(loop, leave)


@on_asyncio
def test_a_block_that_is_closed_after_its_loop_waits_for_nothing(loop: str) -> None:
    """Its task is thrown away, as by a program that closes the loop and cancels no task."""

    async def host() -> None:
        async with make():
            await anyio.sleep_forever()

    running = LOOPS[loop]()
    block = host()
    running.create_task(block)
    running.run_until_complete(asyncio.sleep(0.01))
    running.close()
    block.close()
