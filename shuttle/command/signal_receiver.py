"""Delivers signals to the agent until the process ends."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from types import FrameType
from typing import NamedTuple, TypeVar

from shuttle.command import signals
from shuttle.errors import ApplicationError

_Item = TypeVar("_Item")
_FROM_KERNEL = 0x80  # SI_KERNEL in asm-generic/siginfo.h: what a key of the terminal sends
_KEYS = (signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH)


class Received(NamedTuple):
    """A signal that came."""

    number: signal.Signals
    from_terminal: bool
    """The terminal has sent it to the whole process group."""


@contextlib.contextmanager
def receive() -> Iterator[AsyncIterator[signal.Signals]]:
    """Yield the signals that arrive during the block, on asyncio or uvloop.

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


def receive_all(begin: threading.Event) -> AsyncIterator[Received]:
    """Yield the signals that `signals.hold_all` holds, once `begin` is set. They stay held: none ends the process.

    A thread waits for them: only so the system says where one comes from.

    Raises:
        ApplicationError: It cannot be started.
    """
    loop = asyncio.get_running_loop()
    received: asyncio.Queue[Received] = asyncio.Queue()

    def wait() -> None:
        begin.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            while True:
                loop.call_soon_threadsafe(received.put_nowait, _wait())

    try:
        threading.Thread(target=wait, name="signals", daemon=True).start()
    except RuntimeError as error:  # this user has too many
        from shuttle.input.application import NOT_STARTED  # noqa: PLC0415  # a pipe need not wait for it

        raise ApplicationError(f"no signals can be passed on to an application: {error}", NOT_STARTED) from None
    return _iterate(received)


def _wait() -> Received:
    numbers = {*signals.PASSED_ON, signal.SIGCHLD}
    if hasattr(signal, "sigwaitinfo"):
        info = signal.sigwaitinfo(numbers)
        return Received(signal.Signals(info.si_signo), info.si_code == _FROM_KERNEL)
    number = signal.Signals(signal.sigwait(numbers))  # macOS
    return Received(number, number in _KEYS and _is_foreground())


def _is_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


async def _iterate(received: asyncio.Queue[_Item]) -> AsyncIterator[_Item]:
    while True:
        await asyncio.sleep(0)  # a storm of signals leaves the others their turn
        yield await received.get()
