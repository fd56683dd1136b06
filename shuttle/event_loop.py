"""The event loop: cancellations that pass every shield.

asyncio cancels every task as its loop ends, and a host may cancel tasks of its own: with `Task.cancel()`, which passes
shields. On trio nothing does.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import anyio
import anyio.to_thread

_Answer = TypeVar("_Answer")


def is_stray(error: BaseException) -> bool:
    """Return whether `error` is the cancellation of another task of asyncio, which this one has waited for."""
    if not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return task is not None and not task.cancelling()


async def finish(call: Callable[[], _Answer], *, limiter: anyio.CapacityLimiter) -> _Answer:
    """Return what `call` returns, which runs in a thread. Once it has begun, a cancellation comes after its end."""
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
    return answer.result()


async def _wait_for(answer: Future[_Answer]) -> None:
    """Wait for `answer`, and have the task cancelled where it waits next. It was cancelled here, by asyncio's means."""
    while not answer.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([asyncio.wrap_future(answer)])
    task = asyncio.current_task()
    assert task
    task.uncancel()
    task.cancel()
