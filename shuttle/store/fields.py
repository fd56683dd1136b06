"""Checks values from a database: anybody may have written them, and a checksum proves nothing about the writer."""

import math
import re
from collections.abc import Sequence
from functools import cache

MOST = (1 << 63) - 1  # of a number
MOST_KEY = 1 << 62  # those that follow it still fit SQLite's integers
MOST_SECONDS = 1e11  # since the epoch, or before it; later ones have no date


def is_number(value: object, least: int = 0, most: int = MOST) -> bool:
    """Say whether a value is an integer from `least` to `most`, and no boolean."""
    return type(value) is int and least <= value <= most


def is_time(value: object) -> bool:
    """Say whether a value is seconds since the epoch."""
    return type(value) is float and math.isfinite(value) and abs(value) <= MOST_SECONDS


def is_id(value: object) -> bool:
    """Say whether a value is 32 hex digits. They go into a request's header."""
    return isinstance(value, str) and _id_pattern().fullmatch(value) is not None


def is_stamp(value: object) -> bool:
    """Say whether a value is a time as frames have it. It goes into the header of a frame."""
    return isinstance(value, str) and _stamp_pattern().fullmatch(value) is not None


def are_long(long: Sequence[object], lines: int, frames: int) -> bool:
    """Say whether pairs can be the long lines of a batch: in order, and with all frames beyond one per line.

    Raises:
        ValueError: Something in it is no pair.
    """
    last, more = -1, 0
    for pair in long:
        if not isinstance(pair, list):
            return False
        index, count = pair  # or ValueError
        if not (is_number(index, last + 1, lines - 1) and is_number(count, 2)):
            return False
        last, more = index, more + count - 1
    return lines + more == frames


@cache  # compiled when it is used: not every start needs it
def _id_pattern() -> re.Pattern[str]:
    return re.compile("[0-9a-f]{32}")


@cache
def _stamp_pattern() -> re.Pattern[str]:
    return re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")
