"""The metrics: their units, and which direction is better."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Literal

Figures = dict[str, float]
"""What one run gave, by the name of the metric."""


@dataclass(frozen=True, slots=True)
class Metric:
    """How a figure is shown."""

    heading: str
    form: Callable[[float], str]
    better: Literal["higher", "lower"] | None = "lower"
    """None: no ratio is shown."""


METRICS = {
    "rate": Metric("lines/s", lambda x: f"{x:,.0f}", "higher"),
    "cpu": Metric("CPU s / 10^6 lines", lambda x: f"{x:.2f}"),
    "cpu_minute": Metric("CPU s / minute", lambda x: f"{x:.2f}"),
    "rss": Metric("peak RSS MB", lambda x: f"{x:.1f}"),
    "lost": Metric("lost %", lambda x: f"{x:.2f}", None),
    "wire": Metric("bytes sent / line", lambda x: f"{x:.1f}"),
    "seconds": Metric("seconds", lambda x: f"{x:.2f}"),
    "p50": Metric("p50 ms", lambda x: f"{x:.2f}"),
    "p99": Metric("p99 ms", lambda x: f"{x:.2f}"),
    "idle_cpu": Metric("CPU ms", lambda x: f"{abs(x):.1f}", None),
    "wakeups": Metric("wake-ups", lambda x: f"{x:.0f}", None),
    "first": Metric("first line ms", lambda x: f"{x:.0f}"),
    "cpu_start": Metric("CPU ms", lambda x: f"{x:.0f}"),
}


@dataclass(frozen=True, slots=True)
class Summary:
    """A figure over all runs."""

    median: float
    least: float
    most: float
    runs: tuple[float, ...]


def summarize(values: list[float]) -> Summary:
    return Summary(median(values), min(values), max(values), tuple(values))


def compare(metric: str, own: Summary, peer: Summary) -> float | None:
    """Return how many times better `own` is than `peer`; None if that is meaningless."""
    better = METRICS[metric].better
    if better is None or not own.median or not peer.median:
        return None
    return own.median / peer.median if better == "higher" else peer.median / own.median
