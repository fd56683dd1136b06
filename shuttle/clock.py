"""The clocks of a shuttle, and time limits that do not run out while the process is stopped.

The clocks are bound to the event loop once, because `anyio.current_time()` finds the running event loop at each call.
On Python 3.11 that needs a system call, and ten calls cost as much as the headers of a request.

A process can be stopped (SIGSTOP, a suspended machine) for longer than a limit. When it continues, every timer is due
at once, even if an answer has arrived that is not read yet. So a `Limit` that fires late gives its block more time.
"""

import asyncio
import math
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

import anyio
import sniffio

Clock = Callable[[], float]
"""Gives seconds that never go back: those of `anyio.current_time()`."""
Wall = Callable[[], float]
"""Gives the seconds since the epoch."""

LATE = 1.0  # seconds that a timer is late when the process was stopped; a busy machine is seldom as late
SETTLE = 0.01  # seconds for reading what has arrived: an event loop may run what is due before it looks for more


class Clocks(NamedTuple):
    """The clocks of one event loop."""

    monotonic: Clock
    wall: Wall
    loop: asyncio.AbstractEventLoop | None = None
    """None: the loop is not asyncio's."""


def bind_clocks(wall: Wall) -> Clocks:
    """Return the clocks of the event loop that runs now."""
    if sniffio.current_async_library() == "asyncio":
        loop = asyncio.get_running_loop()
        return Clocks(loop.time, wall, loop)
    return Clocks(anyio.current_time, wall)


class Limit:
    """Cancels its block at `deadline`, which may move.

    Data that has arrived by the deadline is read first. If the limit fires more than LATE seconds after the deadline,
    the process was stopped meanwhile, and the block gets `grace` seconds more. (On trio a limit is a plain deadline.)
    """

    def __init__(self, clocks: Clocks, deadline: float, *, grace: float) -> None:
        self._clocks = clocks
        self._grace = grace
        self._deadline = deadline
        self._scope = anyio.CancelScope()
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf  # when the timer is
        self._entered = False
        self._extended = False  # the deadline is over, and what has arrived is being read

    def __enter__(self) -> Self:
        self._scope.__enter__()
        self._entered = True
        self._arm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._entered = False
        if self._timer:
            self._timer.cancel()
        return bool(self._scope.__exit__(kind, error, traceback))

    @property
    def deadline(self) -> float:
        """The time when the block is cancelled, in seconds of the monotonic clock."""
        return self._deadline

    @deadline.setter
    def deadline(self, deadline: float) -> None:
        if deadline == self._deadline:
            return  # what is read in the last moment puts the end off no further
        over = self._extended and deadline <= self._clocks.monotonic()
        self._deadline = deadline
        if self._entered and not over:
            self._arm()

    @property
    def caught(self) -> bool:
        """Whether the block was cancelled."""
        return self._scope.cancelled_caught

    def cancel(self) -> None:
        """Cancel the block now, or as soon as it begins."""
        self._scope.cancel()

    def _arm(self) -> None:
        self._extended = False
        loop = self._clocks.loop
        if loop is None:
            self._scope.deadline = self._deadline
        elif self._timer is None or self._due > self._deadline:  # a timer that is due too early is armed again
            self._set_timer(self._deadline)

    def _set_timer(self, due: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._due = due  # a handle of uvloop does not always tell it
        loop = self._clocks.loop
        self._timer = loop.call_at(due, self._check) if loop and due < math.inf else None

    def _check(self) -> None:
        now = self._clocks.monotonic()
        if self._extended:
            self._scope.cancel()
        elif now < self._deadline:
            self._set_timer(self._deadline)
        else:
            self._extended = True
            more = self._grace if now - self._deadline > LATE else SETTLE
            self._set_timer(now + more)
