"""One at a time, first come first served."""

from collections import deque

import anyio


class Turn:
    """What `anyio.Lock` is, free while nobody else is there: the lock asks three times which task it is that runs.

    On Python 3.11 each asking is a call of the system, and the intake takes a turn for every chunk.
    """

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[anyio.Event] = deque()

    async def __aenter__(self) -> None:
        if not self._taken:
            self._taken = True
            return
        called = anyio.Event()
        self._waiting.append(called)
        try:
            await called.wait()
        except BaseException:  # cancelled
            if called in self._waiting:
                self._waiting.remove(called)
            else:  # called just before: the turn is the next one's
                self._end()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        """Call whoever waits longest; the turn stays taken for it."""
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._taken = False
