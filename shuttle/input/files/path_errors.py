"""What fails with each path: told of once, and tried again with back-off.

Theory of operation. A call that fails on a file is an event of the path by which the file is followed, whoever made the
call: the opener, the tracker, the scheduler or the replay. Each of them notes the error here. The path is then failing.
`may_try` says no until its delay is over, and the delay doubles with each failure in a row. Where something changes the
next try comes sooner, but no sooner than after a first failure. Reading or looking with success ends all that
(`clear`). What fails after that is told of again.
"""

import errno
import math
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from shuttle.clock import Clock
from shuttle.input.files.formats import UnsupportedFormatError
from shuttle.observe.log import Logger

FIRST_DELAY = 0.25  # seconds; a file that was locked or swapped for a moment is read within the time of a poll
LONGEST_DELAY = 10.0  # seconds; as often as everything is looked at in any case

PATIENCE = 60.0  # seconds from a first failure until what cannot be read is given up, where something else could be

_NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}


@dataclass(slots=True)
class _Failure:
    since: float
    """When the first of them came."""
    count: int = 0
    """In a row."""
    noted: float = -math.inf
    """When it failed last."""
    due: float = -math.inf
    """When the next try may be made; -inf while one is being made."""


class PathErrors:
    """The paths that cannot be read now, and when each may be tried again."""

    def __init__(self, log: Logger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._failures: dict[Path, _Failure] = {}

    def __bool__(self) -> bool:
        return bool(self._failures)

    def note(self, path: Path, error: OSError) -> None:
        """Note that something has failed with `path`; log it if that is new."""
        failure = self._failures.get(path)
        if failure is None:
            self._log.warning("file.unreadable", path=path, error=error.strerror or str(error))
            failure = self._failures[path] = _Failure(self._clock())
        failure.count += 1
        failure.noted = self._clock()
        failure.due = failure.noted + min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failure.count - 1, 30))

    def clear(self, path: Path) -> None:
        """Note that `path` can be read, or is not there."""
        self._failures.pop(path, None)

    def hurry(self, paths: AbstractSet[Path]) -> None:
        """Have those of `paths` that fail tried soon: something has changed there, a permission perhaps."""
        for path in self._failures.keys() & paths:
            failure = self._failures[path]
            failure.due = min(failure.due, failure.noted + FIRST_DELAY)

    def may_try(self, path: Path) -> bool:
        """Say whether `path` may be looked at, opened or read now."""
        failure = self._failures.get(path)
        return failure is None or failure.due <= self._clock()

    def is_patient(self, path: Path) -> bool:
        """Say whether `path` is to be tried again as a whole, rather than without what cannot be read of it."""
        failure = self._failures.get(path)
        return failure is None or self._clock() < failure.since + PATIENCE

    @property
    def next_try(self) -> float:
        """When the next failing path is to be tried again, by the clock; inf if none is."""
        return min((one.due for one in self._failures.values() if one.due > -math.inf), default=math.inf)

    def take_due(self) -> set[Path]:
        """Return the failing paths that are to be tried now, each once a delay."""
        now = self._clock()
        due = {path for path, one in self._failures.items() if -math.inf < one.due <= now}
        for path in due:
            self._failures[path].due = -math.inf
        return due


def may_pass(error: OSError) -> bool:
    """Say whether `error` may be over soon: something is there, and neither rights nor a decompressor are missing."""
    return not leads_nowhere(error) and not isinstance(error, PermissionError | UnsupportedFormatError)


def leads_nowhere(error: OSError) -> bool:
    """Say whether `error` tells that nothing is there, and not that nobody could look."""
    return error.errno in _NOWHERE
