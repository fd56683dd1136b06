"""The drain's numbers as Prometheus scrapes them.

The names in l2met's lines are values of labels: they come from strangers, and cannot stand for a metric of the drain's.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shuttle.local_drain.l2met.metric_lines import COUNT, MEASURE, Metric

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

_LABELS = ("name", "unit", "source")
_HELP = {
    "requests": "Requests that have come",
    "refused": "Requests that were not accepted",
    "messages": "Messages that were accepted, reports of loss included",
    "bytes": "Bytes of accepted messages, their headers included",
    "duplicates": "Messages in requests that were accepted before",
    "dropped": "Messages that senders report as dropped (L12)",
    "lost": "Messages that senders report as lost (L13)",
    "ignored": "Values in l2met's form of metrics that there was no room for",
}
_QUANTILES = {"0.5": "median", "0.95": "p95", "0.99": "p99"}

Rows = Sequence[tuple[Metric, Mapping[str, Any]]]


def format_numbers(totals: Mapping[str, int], rows: Rows, accept: str) -> tuple[str, bytes]:
    """Return a Content-Type that goes with the Accept header, and a text with all numbers.

    Args:
        totals: The drain's counts by name.
        rows: Each metric of l2met's, with what its series reads.
        accept: What the client takes: OpenMetrics, or else Prometheus' own text.
    """
    from prometheus_client import CollectorRegistry  # noqa: PLC0415  # it takes a tenth of a second, and few ask
    from prometheus_client.exposition import choose_encoder  # noqa: PLC0415

    class Numbers:
        def collect(self) -> Iterator["Family"]:
            yield from _collect_totals(totals)
            yield from _collect_rows(rows)

    registry = CollectorRegistry()
    registry.register(Numbers())
    encode, content_type = choose_encoder(accept)
    return content_type, encode(registry)


def _collect_totals(totals: Mapping[str, int]) -> Iterator["Family"]:
    from prometheus_client.metrics_core import CounterMetricFamily  # noqa: PLC0415

    for name, total in totals.items():
        yield CounterMetricFamily(f"log_shuttle_drain_{name}", _HELP[name], total)


def _collect_rows(rows: Rows) -> Iterator["Family"]:
    from prometheus_client import metrics_core  # noqa: PLC0415

    prefix = "log_shuttle_drain_l2met"
    count = metrics_core.CounterMetricFamily(f"{prefix}_count", "Sum of a count#", labels=_LABELS)
    sample = metrics_core.GaugeMetricFamily(f"{prefix}_sample", "Last value of a sample#", labels=_LABELS)
    text = "Values of a measure#; quantiles of the last 5 minutes"
    measure = metrics_core.SummaryMetricFamily(f"{prefix}_measure", text, labels=_LABELS)
    ends = {
        name: metrics_core.GaugeMetricFamily(
            f"{prefix}_measure_{name}", f"The {name} of the same values", labels=_LABELS
        )
        for name in ("min", "max")
    }
    for metric, numbers in rows:
        labels = [metric.name, metric.unit, metric.source]
        if metric.kind == COUNT:
            count.add_metric(labels, numbers["total"])
        elif metric.kind == MEASURE:
            measure.add_metric(labels, numbers["values"], numbers["total"])
            named = dict(zip(_LABELS, labels, strict=True))
            for quantile, name in _QUANTILES.items():
                if name in numbers:
                    measure.add_sample(f"{prefix}_measure", {**named, "quantile": quantile}, numbers[name])
            for name, family in ends.items():
                if name in numbers:
                    family.add_metric(labels, numbers[name])
        else:
            sample.add_metric(labels, numbers["last"])
    yield from (count, sample, measure, *ends.values())
