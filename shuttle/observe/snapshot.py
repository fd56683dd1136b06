"""A snapshot: all that an operator can see of a shuttle, at one moment."""

from collections.abc import Mapping
from typing import NamedTuple


class SpoolState(NamedTuple):
    """What is on the disk."""

    lines: int
    bytes: int
    most_bytes: int
    """It takes so many, about."""
    oldest_age: float
    """Seconds since the first line of its oldest batch was read; 0 without any."""


class DrainState(NamedTuple):
    """The drain, as far as is known."""

    is_up: bool
    down_for: float
    """Seconds; 0 while it is up."""
    error: str
    """Why it is down, as nobody has masked it yet."""
    pause: float
    """Seconds until the next attempt may begin; 0 while it is up."""
    last_delivery: float | None
    """Seconds since the epoch when it last took something; None if it never has."""


class Snapshot(NamedTuple):
    """Counts and gauges of one moment: read = delivered + dropped + lost + held."""

    read: int
    delivered: int
    dropped: int
    lost: int
    held: int
    missed: int
    """Stretches of files that were gone before they were read; each is one of the lost lines."""
    held_bytes: int
    """What held lines take in memory."""
    oldest_age: float
    """Seconds since the oldest line that is with an outlet was read; 0 without any."""
    drain: DrainState
    spool: SpoolState | None
    unread: Mapping[str, int]
    """Bytes of files that are there and were not read, by path."""
    codes: Mapping[str, int]
    """Requests by the code of their answer."""
    seconds: tuple[float, tuple[int, ...]]
    """Of all requests, added up, and the number of them in each bucket of the histogram."""
    landing: bool
    """Nothing more is taken in, and what is held is delivered."""
    gives_up_in: float | None
    """Seconds until the landing gives up, unless there is progress; None before it has begun."""
