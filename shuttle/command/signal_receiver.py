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
    """Give the signals that come in the block; behind it all that could end the process are ignored.

    The exit code is known by then, and nothing may replace it: event loops and the interpreter give signals back their
    default action while they end. The event loop is asyncio's or uvloop's.
    """
    loop = asyncio.get_running_loop()
    sender, receiver = anyio.create_memory_object_stream[signal.Signals](math.inf)

    def handle(number: int, _: FrameType | None) -> None:
        loop.call_soon_threadsafe(sender.send_nowait, signal.Signals(number))

    for number in signals.list_heeded():
        signal.signal(number, handle)
    signals.release()
    with sender, receiver:
        try:
            yield receiver
        finally:
            for each in signal.valid_signals():
                if signal.getsignal(each) in (handle, signals.do_nothing):
                    signal.signal(each, signal.SIG_IGN)
