"""The block of a host: it begins when the host enters a shuttle and ends when it leaves; an abort cancels it.

On asyncio, `Task.cancel()` cancels a block, as `asyncio.timeout` does. So the block may end in any order and in any
task. On trio only a cancel scope can cancel it, and a scope must end in order, in the task that began it.
"""

import asyncio
from types import TracebackType
from typing import Protocol

import sniffio


class Block(Protocol):
    """What a task does between entering a shuttle and leaving it."""

    def cancel(self) -> None:
        """Cancel what the task is doing there, once."""

    def end(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> BaseException | None:
        """Return `error` without the cancellation; without an error, what is wrong with the way the block ended.

        It raises nothing.
        """


def begin_block() -> Block:
    """Return a block of the current task."""
    return ScopeBlock() if sniffio.current_async_library() == "trio" else TaskBlock()


class TaskBlock:
    """A block on asyncio. A cancellation reaches the task that has begun it, wherever it ends."""

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task
        self._task = task
        self._cancelling = task.cancelling()
        self._ended = False
        self._cancelled = False

    def cancel(self) -> None:
        """Cancel what the task is doing there, once."""
        self._task.get_loop().call_soon(self._deliver)  # while no task runs: it arrives before the block ends, or never

    def _deliver(self) -> None:
        if not self._ended and not self._cancelled:
            self._cancelled = self._task.cancel()

    def end(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> BaseException | None:
        """Return `error`, unless it is the cancellation and no other cancellation continues."""
        self._ended = True
        if not self._cancelled or asyncio.current_task() is not self._task:
            return error
        alone = self._task.uncancel() <= self._cancelling
        return None if alone and isinstance(error, asyncio.CancelledError) else error


class ScopeBlock:
    """A block on trio."""

    def __init__(self) -> None:
        import trio  # noqa: PLC0415  # installed only where it is used

        self._get_task = trio.lowlevel.current_task
        self._task = self._get_task()
        self._scope = trio.CancelScope()
        self._scope.__enter__()

    def cancel(self) -> None:
        """Cancel what the task is doing there, once."""
        self._scope.cancel()

    def end(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> BaseException | None:
        """Return `error` without the cancellation; without an error, what is wrong with the place or order."""
        if self._get_task() is not self._task:
            return _blame("in another task", error)
        try:
            return None if self._scope.__exit__(kind, error, traceback) else error
        except BaseException as found:  # noqa: BLE001  # what the scope left of a group, or that the order is wrong
            if isinstance(error, BaseExceptionGroup):
                return found
            return _blame("in the wrong order", error)


def _blame(mistake: str, error: BaseException | None) -> BaseException:
    """Return the block's own `error`; without one, an error that describes the mistake."""
    if error is not None:
        return error
    return RuntimeError(
        f"the shuttle was left {mistake}: on trio, leave shuttles in reverse order, in the task that entered them"
    )
