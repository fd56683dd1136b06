"""Gives the agent its signals, up to the very end of the process."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from types import FrameType

from shuttle.command import signals


@contextlib.contextmanager
def receive() -> Iterator[AsyncIterator[signal.Signals]]:
    """Give the signals that come in the block, on an event loop of asyncio or uvloop.

    Behind the block they have the handlers that they had before. An event loop's own means would give them back their
    default action, which ends the process.
    """
    loop = asyncio.get_running_loop()
    received: asyncio.Queue[signal.Signals] = asyncio.Queue()

    def handle(number: int, _: FrameType | None) -> None:
        loop.call_soon_threadsafe(received.put_nowait, signal.Signals(number))

    before = {number: signal.signal(number, handle) for number in signals.list_heeded()}
    signals.release()
    try:
        yield _iterate(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _iterate(received: asyncio.Queue[signal.Signals]) -> AsyncIterator[signal.Signals]:
    while True:
        await asyncio.sleep(0)  # a storm of signals leaves the others their turn
        yield await received.get()
