"""A loop that never waits lets no time-out and no signal through: a test of it would not end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_LONGEST = 20.0  # seconds of the processor's; a guard against spinning, and no measure


@contextmanager
def not_spinning(seconds: float = _LONGEST) -> Iterator[None]:
    """Fail if the block takes the processor for so long."""

    def stop(*_: object) -> None:
        raise AssertionError("it spins")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
