"""The host: the program around a shuttle. It may leave the shuttle at any time, in any way, or never.

Theory of operation. A shuttle works in a task that belongs to the event loop and not to the host. So no cancellation
of the host reaches it, and the host may leave shuttles in any order and in another task. Leaving begins the landing
and waits for its end. The landing has to hurry if the host is cancelled, before or meanwhile, or if the event loop
ends and nobody has left. An abort cancels the host's block, and so does an error in the work.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

import anyio

from shuttle.block import Block, begin_block
from shuttle.event_loop import spawn
from shuttle.landing import Landing

_ERRORS = (Exception, BaseExceptionGroup, KeyboardInterrupt, SystemExit)  # all but cancellations


class Host:
    """Runs `work` from when the host enters until `landing` is over, whatever the host does."""

    def __init__(self, landing: Landing, work: Callable[[], Awaitable[None]]) -> None:
        self.began = False
        """Whether the work has begun. An event loop that ends as the host enters may keep it from that."""
        self.left = False
        """Whether the host has begun to leave."""
        self._landing = landing
        self._work = work
        self._loop = _find_loop()
        self._entered = anyio.Event()
        self._ended = anyio.Event()
        self._error: BaseException | None = None  # of the work
        self._block: Block | None = None

    async def enter(self) -> None:
        """Begin the work, and the block of the host."""
        spawn(self._run, ended=self._end)
        try:
            with anyio.CancelScope(shield=True):
                await self._entered.wait()
        except (anyio.get_cancelled_exc_class(), KeyboardInterrupt, SystemExit):  # what passes every shield
            self._landing.abort()
            await self._see_out(hurried=True)
            raise
        if not self.began:
            raise RuntimeError("a Shuttle was entered while its event loop ended")
        self._block = begin_block()
        if self._error:
            self._block.cancel()

    def cancel(self) -> None:
        """Cancel the block of the host."""
        if self._block and not self.left:
            self._block.cancel()

    async def leave(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Land, and return whether `error` is nothing but the cancellation of the block.

        Raises:
            RuntimeError: The block cannot end here. The shuttle has landed all the same, unless its loop does not run.
        """
        self.left = True
        if _find_loop() is not self._loop:
            if error is not None or self._ended.is_set():
                return False
            raise RuntimeError("the shuttle has not landed: it was entered on another event loop")
        assert self._block
        rest = self._block.end(kind, error, traceback)
        cancelled = rest is not None and not isinstance(rest, Exception)
        if cancelled:
            self._landing.hurry()
        self._landing.begin()
        interruption = await self._see_out(hurried=cancelled)
        if interruption is not None and not (isinstance(rest, Exception) and _is_cancellation(interruption)):
            raise interruption  # else the block's own error comes out, as it does of a task group
        if self._error:
            raise self._error
        if rest is not None and rest is not error:
            raise rest
        return error is not None and rest is None

    async def _see_out(self, *, hurried: bool) -> BaseException | None:
        """Wait for the end, and return the error that interrupted the wait.

        The first interruption hurries the landing, unless it is `hurried` already. From then on a shield keeps off all
        but asyncio's `Task.cancel()` and a KeyboardInterrupt. Those abort.
        """
        interruption: BaseException | None = None
        while not self._ended.is_set():
            try:
                with anyio.CancelScope(shield=hurried):
                    await self._ended.wait()
            except (anyio.get_cancelled_exc_class(), KeyboardInterrupt, SystemExit) as error:
                interruption = error
                if hurried:
                    self._landing.abort()
                self._landing.hurry()
                hurried = True
        return interruption

    async def _run(self) -> None:
        self.began = True
        self._entered.set()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch)
            with anyio.CancelScope(shield=True):
                try:
                    await self._work()
                except _ERRORS as error:  # the host gets it
                    self._error = error
                    self.cancel()
            tasks.cancel_scope.cancel()

    async def _watch(self) -> None:
        """Hurry when the event loop ends, which cancels this task."""
        cancelled = anyio.get_cancelled_exc_class()
        try:
            await anyio.sleep_forever()
        except cancelled:
            self._landing.hurry()
            raise

    def _end(self) -> None:
        self._entered.set()
        self._ended.set()


def _is_cancellation(error: BaseException) -> bool:
    return isinstance(error, anyio.get_cancelled_exc_class())


def _find_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop of asyncio that runs now; None if there is none, as on trio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
