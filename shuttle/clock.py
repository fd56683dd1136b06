"""The monotonic clock of the event loop, bound once: `anyio.current_time()` finds out each time which loop runs.

On Python 3.11 that asks the system for the process's id, so that ten readings cost as much as a request's headers.
"""

import asyncio
from collections.abc import Callable

import anyio
import sniffio

Clock = Callable[[], float]
"""Gives seconds that never go back: those of `anyio.current_time()`."""


def bind_clock() -> Clock:
    """Return the clock of the event loop that runs now."""
    if sniffio.current_async_library() == "asyncio":
        return asyncio.get_running_loop().time
    return anyio.current_time
