"""The last five minutes: values to take percentiles of, and slots of time to draw.

No clock: `at` and `now` are in seconds of one that does not go back. What comes late goes where it belongs.
"""

import math
from array import array
from collections.abc import Callable
from typing import Generic, TypeVar

from shuttle.observe.meter import percentile

SPAN = 300.0  # seconds
MOST = 1000  # values; at 99 percent ten of them are above

T = TypeVar("T")


class Slots(Generic[T]):
    """Equal stretches of time, `count` of them, each with something that `make` has made for it."""

    def __init__(self, make: Callable[[], T], *, width: float, count: int) -> None:
        self._make = make
        self._width = width
        self._count = count
        self._newest = -math.inf
        self._slots: dict[int, T] = {}

    def find(self, at: float) -> T | None:
        """Return what is in the slot of `at`; None if that is too long ago."""
        number = math.floor(at / self._width)
        if number > self._newest:
            self._newest = number
            for old in [other for other in self._slots if other <= number - self._count]:
                del self._slots[old]
        if number <= self._newest - self._count:
            return None
        if number not in self._slots:
            self._slots[number] = self._make()
        return self._slots[number]

    def read(self, now: float) -> list[T | None]:
        """Return what is in the slots, the oldest first, up to that of `now`; None where there is nothing."""
        last = math.floor(now / self._width)
        return [self._slots.get(number) for number in range(last - self._count + 1, last + 1)]


class Window:
    """The newest values, MOST of them, none older than SPAN."""

    def __init__(self) -> None:
        self._values = array("d")
        self._times = array("d")
        self._next = 0

    def add(self, value: float, at: float) -> None:
        """Take in a value in place of the oldest."""
        if len(self._values) < MOST:
            self._values.append(value)
            self._times.append(at)
            return
        self._values[self._next] = value
        self._times[self._next] = at
        self._next = (self._next + 1) % MOST

    def read(self, now: float) -> dict[str, float]:
        """Return `min median p95 p99 max` of the values; nothing if there are none."""
        values = sorted(value for value, at in zip(self._values, self._times, strict=True) if now - SPAN < at)
        if not values:
            return {}
        shares = {"median": 0.5, "p95": 0.95, "p99": 0.99}
        inner = {name: percentile(values, share) for name, share in shares.items()}
        return {"min": values[0], **inner, "max": values[-1]}
