"""The home thread: what belongs to the event loop is called there, or noted by another thread and called later."""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import ParamSpec

from shuttle.observe.log import Logger

_Given = ParamSpec("_Given")


class HomeThread:
    """The thread of the event loop, and all others that do not `leave` it."""

    def __init__(self) -> None:
        self._away = threading.local()
        self._due: deque[Callable[[], object]] = deque()

    def leave(self) -> None:
        """Have what this thread calls from now on be noted and called at home."""
        self._away.__dict__["is"] = True

    def call(self, function: Callable[_Given, object], *args: _Given.args, **kwargs: _Given.kwargs) -> None:
        """Call `function` now, or if this thread has left home, when that catches up."""
        if not self._away.__dict__:
            function(*args, **kwargs)
        else:
            self._due.append(partial(function, *args, **kwargs))

    def catch_up(self) -> None:
        """Call what other threads have noted, in its order. For the home thread."""
        while self._due:
            self._due.popleft()()


class HomeLog:
    """A log that belongs to the home thread, for others."""

    def __init__(self, log: Logger, home: HomeThread) -> None:
        self._log = log
        self._home = home

    def debug(self, event: str, /, **data: object) -> None:
        """Log what helps to find a fault."""
        self._home.call(partial(self._log.debug, event, **data))

    def info(self, event: str, /, **data: object) -> None:
        """Log what is usual."""
        self._home.call(partial(self._log.info, event, **data))

    def warning(self, event: str, /, **data: object) -> None:
        """Log what somebody should know."""
        self._home.call(partial(self._log.warning, event, **data))

    def error(self, event: str, /, **data: object) -> None:
        """Log what has failed."""
        self._home.call(partial(self._log.error, event, **data))
