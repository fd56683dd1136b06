"""A truce between whoever ends the agent and whoever takes away what only the running agent can read."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_STEP = 0.02  # seconds between two looks at what the agent is not ended before
_PATIENCE = 300.0  # seconds; a drain that fails at random takes everything within a few, but the machine may be busy


class Truce:
    """Knows whether the agent runs, and what must happen before it may be ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._reasons: list[Callable[[], bool]] = []

    def hold(self, is_over: Callable[[], bool]) -> bool:
        """Have the agent run until `is_over`; False if it does not run."""
        with self._lock:
            if self._pid is not None:
                self._reasons.append(is_over)
            return self._pid is not None

    @contextlib.contextmanager
    def while_down(self) -> Iterator[bool]:
        """Within the block no agent is started; False if one runs already."""
        with self._lock:
            yield self._pid is None

    def begin(self, start: Callable[[], int]) -> None:
        """Note that the agent runs that `start` starts and returns the process of."""
        with self._lock:
            self._pid = start()

    def end(self, runs: Callable[[], bool], may_end: Callable[[], bool]) -> bool:
        """Wait until the agent may be ended, all told; False if that does not come, or the agent no longer `runs`."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and runs():
            with self._lock:
                self._reasons = [is_over for is_over in self._reasons if not is_over()]
                if not self._reasons and may_end():
                    self._pid = None
                    return True
            time.sleep(_STEP)
        return False

    def is_open(self, path: Path) -> bool:
        """Say whether the running agent has the file open that stands at `path`."""
        with contextlib.suppress(OSError):
            status = path.stat()
            for fd in Path(f"/proc/{self._pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.path.samestat(fd.stat(), status):
                        return True
        return False
