"""The signals of the command: which of them end it, which one asks a question, and which ones are ignored.

Go's runtime takes no notice of most signals that would end another program, so whoever wraps Go's log-shuttle may send
them. Those that whoever started the command has it ignore, as nohup does, stay ignored.
"""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
ASKING = signal.SIGUSR1
HELD = (*ENDING, ASKING)
"""What waits until the agent can act on it."""
_IGNORED = ("SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGXCPU", "SIGIO", "SIGPWR", "SIGSTKFLT")  # not all anywhere


def hold() -> None:
    """Have the signals that the agent acts on wait, and take no notice of those that it ignores.

    A handler that does nothing is not passed on to programs that are started, as an ignored signal is.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    real_time = range(signal.SIGRTMIN, signal.SIGRTMAX + 1) if hasattr(signal, "SIGRTMIN") else ()
    named = (getattr(signal, name) for name in _IGNORED if hasattr(signal, name))
    for number in (*named, *real_time):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _do_nothing)


@contextlib.contextmanager
def receive() -> "Iterator[MemoryObjectReceiveStream[signal.Signals]]":
    """Give the signals that come in the block; behind it all that could end the process are ignored.

    The exit code is known by then, and nothing may replace it: event loops and the interpreter give signals back their
    default action while they end. The event loop is asyncio's or uvloop's.
    """
    import asyncio  # noqa: PLC0415  # this module holds signals before anything else is imported
    import math  # noqa: PLC0415

    import anyio  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    sender, receiver = anyio.create_memory_object_stream[signal.Signals](math.inf)

    def handle(number: int, _: FrameType | None) -> None:
        loop.call_soon_threadsafe(sender.send_nowait, signal.Signals(number))

    for number in list_heeded():
        signal.signal(number, handle)
    release()
    with sender, receiver:
        try:
            yield receiver
        finally:
            for each in signal.valid_signals():
                if signal.getsignal(each) in (handle, _do_nothing):
                    signal.signal(each, signal.SIG_IGN)


def release() -> None:
    """Let the signals come that were held."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


def list_heeded() -> list[signal.Signals]:
    """Return the signals that the agent acts on, but for those that whoever started it has it ignore."""
    return [number for number in HELD if signal.getsignal(number) is not signal.SIG_IGN]


def _do_nothing(*_: object) -> None:
    pass
