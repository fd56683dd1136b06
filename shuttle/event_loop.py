"""The event loop: tasks that belong to it and to no other task, and the cancellations that pass every shield.

When a loop ends, it cancels such tasks. On trio a shield holds that off, like any other cancellation. asyncio cancels
every task once with `Task.cancel()`, which passes shields. A host may cancel its own tasks in the same way.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import sniffio

_Answer = TypeVar("_Answer")

_tasks: set[asyncio.Task[None]] = set()  # asyncio itself forgets a task that nobody else has


def spawn(run: Callable[[], Coroutine[Any, Any, None]], *, ended: Callable[[], None]) -> None:
    """Start `run` in a task that belongs to the event loop, in the context of the caller. `run` raises nothing.

    `ended` is called at the end of the task. On asyncio a task may end before it has begun.
    """
    if sniffio.current_async_library() == "asyncio":
        task = asyncio.get_running_loop().create_task(run())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        task.add_done_callback(lambda _: ended())
        return
    import trio  # noqa: PLC0415  # installed only where it is used

    async def run_to_the_end() -> None:
        try:
            await run()
        finally:
            ended()

    trio.lowlevel.spawn_system_task(run_to_the_end, context=copy_context())


@contextlib.contextmanager
def outlast(interrupted: Callable[[], None]) -> Iterator[None]:
    """Let a cancellation without a cancel scope end the block, and nothing else; then call `interrupted`."""
    cancelled = anyio.get_cancelled_exc_class()
    try:
        yield
    except cancelled:
        if anyio.current_effective_deadline() == -math.inf:
            raise
        task = asyncio.current_task()
        assert task, "every cancellation of trio is ordered by a scope"
        task.uncancel()
        interrupted()


def is_stray(error: BaseException) -> bool:
    """Return whether `error` is the cancellation of another task of asyncio, which this one has waited for."""
    if not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return task is not None and not task.cancelling()


async def finish(call: Callable[[], _Answer], *, limiter: anyio.CapacityLimiter) -> _Answer:
    """Return what `call` returns, which runs in a thread. Once it has begun, a cancellation comes after its end.

    If no thread can be started, it runs here, and the event loop waits for it.
    """
    answer: Future[_Answer] = Future()

    def work() -> None:
        if answer.set_running_or_notify_cancel():
            try:
                answer.set_result(call())
            except BaseException as error:  # noqa: BLE001  # the caller gets it
                answer.set_exception(error)

    try:
        await anyio.to_thread.run_sync(work, limiter=limiter)
    except anyio.get_cancelled_exc_class():
        if answer.cancel():  # it had not begun
            raise
        await _wait_for(answer)
    except RuntimeError:  # the machine, or this user, has too many threads
        if answer.running() or answer.done():
            raise
        work()
    return answer.result()


async def _wait_for(answer: Future[_Answer]) -> None:
    """Wait for `answer`, then cancel the task again: it was cancelled here, by `Task.cancel()`."""
    while not answer.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([asyncio.wrap_future(answer)])
    task = asyncio.current_task()
    assert task
    task.uncancel()
    task.cancel()
