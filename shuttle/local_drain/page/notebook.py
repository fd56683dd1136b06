"""The notebook: what the page shows of what has come, bounded in every way. Threads may write and read at once."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from shuttle.local_drain.l2met.metric_lines import Metric, may_hold_metrics, read_metrics
from shuttle.local_drain.l2met.metric_table import MetricTable
from shuttle.local_drain.page.message_feed import MessageFeed
from shuttle.local_drain.page.message_ring import MessageRing
from shuttle.local_drain.page.request_rates import RequestRates
from shuttle.local_drain.syslog import read_message, read_timestamp

COUNTED = ("requests", "messages", "bytes", "refused", "duplicates", "dropped", "lost")
FRESH = 0.9  # seconds; a browser gets a look a second, and whoever asks more often gets the same again


class Look(NamedTuple):
    """All numbers at a moment."""

    rates: Mapping[str, Mapping[str, Any]]
    """Of each count its total, its rate per second and its chart."""
    rows: Sequence[tuple[Metric, Mapping[str, Any]]]
    """Each metric with what its series reads; the one that was touched last comes first."""
    ignored: int
    """Values of metrics that there was no room for."""

    @property
    def totals(self) -> dict[str, int]:
        """Each count by its name."""
        return {name: rate["total"] for name, rate in self.rates.items()}


class Notebook:
    """The newest messages, how many came in each second, and the metrics in them.

    Args:
        monotonic: A clock that does not go back.
        wall: The clock that timestamps are of.
    """

    def __init__(
        self, *, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._lock = threading.Lock()
        self._ring = MessageRing()
        self._rates = RequestRates()
        self._rates.take(dict.fromkeys(COUNTED, 0), monotonic())
        self._table = MetricTable()
        self._bytes = 0
        self._look: Look | None = None
        self._looked = 0.0

    def take(self, frames: Sequence[bytes], counts: Mapping[str, int]) -> None:
        """Take in the frames of a request, and the drain's counts after it."""
        marked = [(frame, read_metrics(read_message(frame))) for frame in frames if may_hold_metrics(frame)]
        now, wall = self._monotonic(), self._wall()
        with self._lock:
            self._bytes += sum(map(len, frames))
            self._ring.extend(frames)
            self._rates.take({**counts, "bytes": self._bytes}, now)
            for frame, found in marked:
                written = read_timestamp(frame)
                at = now if written is None else now - (wall - written)
                for metric, value in found:
                    self._table.add(metric, value, at=at, now=now)

    def follow(self, feed: MessageFeed) -> bytes:
        """Return the next event of `feed`; nothing if it has all messages."""
        with self._lock:
            stretch = feed.choose(self._ring)
        return feed.send(stretch)

    def look(self) -> Look:
        """Return the numbers of now, or of a moment ago."""
        with self._lock:
            now = self._monotonic()
            if self._look is None or now - self._looked >= FRESH:
                rows = [(metric, series.read(metric.kind, now)) for metric, series in self._table]
                self._look = Look(self._rates.read(now), rows, self._table.ignored)
                self._looked = now
            return self._look
