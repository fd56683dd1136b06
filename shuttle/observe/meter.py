"""The parts of a timer: a meter of events per second, and a sample of values that favours recent ones.

Both compute what go-metrics computes, because Go's log-shuttle prints its numbers. Neither reads a clock: `now` is in
seconds of a monotonic clock. What go-metrics does at each tick is done at the next request.
"""

import heapq
import math
from collections.abc import Callable, Sequence

TICK = 5.0  # seconds between two steps of an average, as in Unix load averages
MINUTES = (1, 5, 15)
_DECAYS = tuple(math.exp(-TICK / 60 / minutes) for minutes in MINUTES)

SAMPLE_SIZE = 1028  # go-metrics' own: 99.9 % confidence of a 5 % error, were the values normally distributed
ALPHA = 0.015  # a second; go-metrics' own: the weight halves in 46 s, so a sample speaks for the last five minutes


class Meter:
    """Events a second: since the start, and as moving averages of 1, 5 and 15 minutes."""

    def __init__(self, *, started: float) -> None:
        self.count = 0
        self._started = started
        self._ticks = 0
        self._uncounted = 0
        self._averages = (0.0,) * len(MINUTES)

    def mark(self, now: float) -> None:
        """Count one event."""
        self._catch_up(now)
        self.count += 1
        self._uncounted += 1

    def averages(self, now: float) -> tuple[float, ...]:
        """Return the averages of MINUTES, in events a second; 0 until the first tick."""
        self._catch_up(now)
        return self._averages

    def mean(self, now: float) -> float:
        """Return the events a second since the start."""
        elapsed = now - self._started
        return self.count / elapsed if elapsed > 0 else 0.0

    def _catch_up(self, now: float) -> None:
        """Do the ticks that are due: the first takes the uncounted events; the others had none."""
        due = int((now - self._started) // TICK) - self._ticks
        if due <= 0:
            return
        recent = self._uncounted / TICK
        before = self._averages if self._ticks else (recent,) * len(MINUTES)  # the very first tick sets the average
        self._averages = tuple(
            (recent + decay * (average - recent)) * decay ** (due - 1)
            for decay, average in zip(_DECAYS, before, strict=True)
        )
        self._ticks += due
        self._uncounted = 0


class Sample:
    """At most SAMPLE_SIZE values of a stream, each kept with a probability that grows with e^(ALPHA * its time).

    Cormode and others, "Forward Decay" (2009): keep the highest of e^(ALPHA * t) / u, where u is random in (0, 1]. Here
    it is that number's logarithm, which does not overflow, so that nothing needs rescaling.
    """

    def __init__(self, *, random: Callable[[], float]) -> None:
        self._random = random
        self._kept: list[tuple[float, float]] = []

    def add(self, value: float, now: float) -> None:
        """Take `value` in; the one with the lowest priority may have to go."""
        entry = (ALPHA * now - math.log(1.0 - self._random()), value)
        if len(self._kept) < SAMPLE_SIZE:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heappushpop(self._kept, entry)

    def values(self) -> list[float]:
        """Return the values kept, the lowest first."""
        return sorted(value for _, value in self._kept)


def percentile(values: Sequence[float], share: float) -> float:
    """Return what `share` of the ascending `values` lie below, between two values in proportion; 0 of no values."""
    if not values:
        return 0.0
    place = share * (len(values) + 1)
    if place < 1:
        return values[0]
    if place >= len(values):
        return values[-1]
    lower, upper = values[int(place) - 1 : int(place) + 1]
    return lower + (place - int(place)) * (upper - lower)
