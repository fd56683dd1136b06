"""Files with an age: modification times that are hours apart, and past to every test."""

import os
from pathlib import Path

from tests.helpers.following import append

_HOUR = 3600.0  # seconds
_EPOCH = 1_700_000_000.0  # seconds


def put_history(path: Path, count: int = 1000, *, age: float) -> None:
    """Write lines that were there before the agent and are none of its business, `age` hours before the others."""
    append(path, *(b"history %06d of %b" % (number, os.fsencode(path.name)) for number in range(count)))
    set_age(path, age)


def set_age(path: Path, hours: float) -> None:
    """Have the file modified so many hours before others that have an age."""
    os.utime(path, (_EPOCH - hours * _HOUR,) * 2)
