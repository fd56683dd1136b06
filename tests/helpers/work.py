"""How much work is done, as the number of calls of functions: it says how work grows, and no clock is asked."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Work:
    """Counts calls, of Python and of C."""

    def __init__(self) -> None:
        self.calls = 0

    def note(self, _frame: FrameType, event: str, _arg: object) -> None:
        """Count one, as a profiler."""
        if event in ("call", "c_call"):
            self.calls += 1


@contextmanager
def work() -> Iterator[Work]:
    """Count what this thread does within the block, and those that it starts."""
    counter = Work()
    threading.setprofile(counter.note)
    sys.setprofile(counter.note)
    try:
        yield counter
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
