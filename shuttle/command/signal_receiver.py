"""Gives the agent its signals, up to the very end of the process."""

import asyncio
import contextlib
import math
import signal
from collections.abc import Iterator
from types import FrameType

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from shuttle.command import signals


@contextlib.contextmanager
def receive() -> Iterator[MemoryObjectReceiveStream[signal.Signals]]:
    """Give the signals that come in the block, on an event loop of asyncio or uvloop.

    Behind the block they have the handlers that they had before. An event loop's own means would give them back their
    default action, which ends the process.
    """
    loop = asyncio.get_running_loop()
    sender, receiver = anyio.create_memory_object_stream[signal.Signals](math.inf)

    def handle(number: int, _: FrameType | None) -> None:
        loop.call_soon_threadsafe(sender.send_nowait, signal.Signals(number))

    before = {number: signal.signal(number, handle) for number in signals.list_heeded()}
    signals.release()
    with sender, receiver:
        try:
            yield receiver
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
