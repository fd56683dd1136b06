"""The metrics, as Prometheus reads them: its text format, or OpenMetrics where that is asked for."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from shuttle import __version__
from shuttle.observe.request_counts import BOUNDS
from shuttle.observe.snapshot import DrainState, Snapshot, SpoolState

PREFIX = "log_shuttle_"

_COUNTS = {
    "read": "Lines read. At every moment read = delivered + dropped + lost + held.",
    "delivered": "Lines that the drain has taken.",
    "dropped": "Lines for which the queue had no room (L12).",
    "lost": "Lines that were given up, or refused by the drain (L13).",
}


class Exposition:
    """Renders what `look` returns, the snapshot of this moment."""

    def __init__(self, look: Callable[[], Snapshot]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Snapshots(look))

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics in the form that the header `Accept` asks for, and the type of that."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Snapshots(Collector):
    """Reads what the parts of a shuttle count; nothing is counted twice."""

    def __init__(self, look: Callable[[], Snapshot]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Name nothing ahead: the registry has no other collector."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, all of one moment."""
        seen = self._look()
        yield from _collect_lines(seen)
        yield from _collect_requests(seen)
        yield from _collect_drain(seen.drain)
        if seen.spool is not None:
            yield from _collect_spool(seen.spool)
        text = "Bytes of followed files that were not read; others: those of all files that are not named."
        unread = GaugeMetricFamily(f"{PREFIX}unread_bytes", text, labels=["file"])
        for path, left in seen.unread.items():
            unread.add_metric([path], left)
        yield unread
        info = GaugeMetricFamily(f"{PREFIX}build_info", "The version of log-shuttle; always 1.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info


def _collect_lines(seen: Snapshot) -> Iterator[Metric]:
    for name, text in _COUNTS.items():
        yield CounterMetricFamily(f"{PREFIX}lines_{name}", text, value=getattr(seen, name))
    text = "Stretches of files that were gone before they were read; each is one of the lost lines."
    yield CounterMetricFamily(f"{PREFIX}missed", text, value=seen.missed)
    yield _gauge("lines_held", "Lines read, and neither delivered nor dropped nor lost yet.", seen.held)
    yield _gauge("held_bytes", "Memory that held lines take.", seen.held_bytes)
    yield _gauge("oldest_age_seconds", "Age of the oldest line that is on its way to the drain.", seen.oldest_age)
    yield _gauge("landing", "1 once nothing more is taken in and what is held is delivered.", seen.landing)


def _collect_requests(seen: Snapshot) -> Iterator[Metric]:
    text = "Requests to the drain by the code of the answer; none: there was no answer."
    requests = CounterMetricFamily(f"{PREFIX}requests", text, labels=["code"])
    for code, count in sorted(seen.codes.items()):
        requests.add_metric([code], count)
    yield requests
    total, buckets = seen.seconds
    bounds = [*map(str, BOUNDS), "+Inf"]
    counts = [(bound, float(count)) for bound, count in zip(bounds, accumulate(buckets), strict=True)]
    text = "Seconds that requests to the drain took."
    yield HistogramMetricFamily(f"{PREFIX}request_duration_seconds", text, buckets=counts, sum_value=total)


def _collect_drain(drain: DrainState) -> Iterator[Metric]:
    yield _gauge("drain_up", "0 while the drain is down, as far as is known.", drain.is_up)
    yield _gauge("backoff_seconds", "Seconds until the next attempt may begin; 0 while the drain is up.", drain.pause)
    if drain.last_delivery is not None:
        text = "When the drain last took something."
        yield _gauge("last_delivery_timestamp_seconds", text, drain.last_delivery)


def _collect_spool(spool: SpoolState) -> Iterator[Metric]:
    yield _gauge("spool_lines", "Held lines that are on the disk.", spool.lines)
    yield _gauge("spool_bytes", "What they take on the disk.", spool.bytes)
    yield _gauge("spool_limit_bytes", "What they may take.", spool.most_bytes)
    yield _gauge("spool_oldest_age_seconds", "Age of the oldest line on the disk.", spool.oldest_age)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value=float(value))
