"""Statistics: counts, gauges and three timers, one line an interval, by Go's names or in l2met's form.

No clock and no I/O: `now` is in seconds of a clock that never goes back.
"""

import math
import random
from collections.abc import Callable, Mapping

from structlog.processors import LogfmtRenderer

from shuttle.config import StatsFormat
from shuttle.core.escape import escape
from shuttle.observe.log import APP
from shuttle.observe.meter import MINUTES, Meter, Sample, percentile
from shuttle.observe.request_counts import RequestCounts

PERCENTILES = (75, 95, 99)


class Timer:
    """How long something takes and how often it happens.

    Attributes:
        total: The seconds of all updates, added up.
    """

    def __init__(self, *, started: float, random: Callable[[], float] = random.random) -> None:
        self.total = 0.0
        self._meter = Meter(started=started)
        self._sample = Sample(random=random)

    @property
    def count(self) -> int:
        """The updates since the start."""
        return self._meter.count

    def update(self, seconds: float, now: float) -> None:
        """Take in that it happened at `now` and took `seconds`."""
        self.total += seconds
        self._meter.mark(now)
        self._sample.add(seconds, now)

    def durations(self) -> dict[str, float]:
        """Return `min max mean stddev p75 p95 p99` of the sample, in seconds; all are 0 without an update."""
        values = self._sample.values() or [0.0]
        mean = math.fsum(values) / len(values)
        variance = math.fsum((value - mean) ** 2 for value in values) / len(values)
        shares = {f"p{percent}": percentile(values, percent / 100) for percent in PERCENTILES}
        return {"min": values[0], "max": values[-1], "mean": mean, "stddev": math.sqrt(variance), **shares}

    def rates(self, now: float) -> dict[str, float]:
        """Return `1min 5min 15min mean`, in updates a second."""
        averages = zip(MINUTES, self._meter.averages(now), strict=True)
        return {**{f"{minutes}min": rate for minutes, rate in averages}, "mean": self._meter.mean(now)}


class Statistics:
    """What a shuttle's users chart, rendered as one logfmt line an interval.

    Attributes:
        fill: From a batch's first line to its flush.
        success: Attempts that the drain accepted.
        failure: All other attempts.
        requests: All attempts, by the code of their answer.
    """

    def __init__(
        self,
        *,
        source: str,
        format: StatsFormat,  # noqa: A002  # the setting's own word
        started: float,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.fill = Timer(started=started, random=random)
        self.success = Timer(started=started, random=random)
        self.failure = Timer(started=started, random=random)
        self.requests = RequestCounts()
        self._timers = {
            "batch.fill": self.fill,
            "outlet.post.success": self.success,
            "outlet.post.failure": self.failure,
        }
        self._source = escape(source)
        self._l2met = format == "l2met"
        self._render = LogfmtRenderer(sort_keys=not self._l2met)
        self._counts: dict[str, int] = {}  # at the last render, as the totals are
        self._totals = dict.fromkeys(self._timers, 0.0)

    def render(self, now: float, *, counts: Mapping[str, int], gauges: Mapping[str, int]) -> str:
        """Return the line of the interval that ends now; the next one begins.

        Args:
            now: Seconds of the clock that `started` was read from.
            counts: Totals since the start by name, such as `lines.read`; the line shows by how much each grew.
            gauges: What there is now by name, such as `outlet.inbox.length`.
        """
        counted = {**counts, **{name: timer.count for name, timer in self._timers.items()}}
        grown = {name: count - self._counts.get(name, 0) for name, count in counted.items()}
        self._counts = counted
        pairs = self._l2met_pairs(grown, gauges) if self._l2met else self._go_pairs(grown, gauges, now)
        self._totals = {name: timer.total for name, timer in self._timers.items()}
        return self._render(None, "", pairs)

    def _go_pairs(self, grown: Mapping[str, int], gauges: Mapping[str, int], now: float) -> dict[str, object]:
        pairs: dict[str, object] = {"log_shuttle_stats_source": self._source} if self._source else {}
        pairs |= {f"{name}.count": count for name, count in grown.items()}
        pairs |= gauges
        for name, timer in self._timers.items():
            pairs |= {f"{name}.{key}": f"{value:.6f}" for key, value in timer.durations().items()}
            pairs |= {f"{name}.rate.{key}": f"{value:.3f}" for key, value in timer.rates(now).items()}
        return pairs

    def _l2met_pairs(self, grown: Mapping[str, int], gauges: Mapping[str, int]) -> dict[str, object]:
        pairs: dict[str, object] = {"source": self._source} if self._source else {}
        pairs |= {f"count#{APP}.{name}": count for name, count in grown.items() if name not in self._timers}
        pairs |= {f"sample#{APP}.{name}": value for name, value in gauges.items()}
        for name, timer in self._timers.items():
            if grown[name]:
                mean = (timer.total - self._totals[name]) / grown[name]
                pairs[f"measure#{APP}.{name}"] = _milliseconds(mean)
        return pairs


def _milliseconds(seconds: float) -> str:
    """Return `seconds` as l2met reads it: fixed point, to the microsecond, and the unit behind it."""
    return f"{seconds * 1000:.3f}".rstrip("0").rstrip(".") + "ms"
