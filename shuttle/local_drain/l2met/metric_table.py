"""The table of metrics: a series each. Their names come from strangers, so there is an end to how many are kept."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from shuttle.local_drain.l2met.metric_lines import COUNT, MEASURE, Metric
from shuttle.local_drain.l2met.window import SPAN, Slots, Window

MOST_SERIES = 500  # some 20 kB each at most
SLOT = 10.0  # seconds
_SLOTS = int(SPAN / SLOT)
_PER_MINUTE = int(60 / SLOT)


@dataclass(slots=True)
class _Slot:
    values: int = 0
    total: float = 0.0
    top: float = 0.0
    last: float = 0.0


class Series:
    """The values of one metric.

    Attributes:
        values: How many there were.
        total: All of them, added up.
        last: The one with the latest time.
        touched: When the last one came.
    """

    def __init__(self, kind: str) -> None:
        self.values = 0
        self.total = 0.0
        self.last = 0.0
        self.touched = 0.0
        self._last_at = 0.0
        self._window = Window() if kind == MEASURE else None
        self._slots = Slots(_Slot, width=SLOT, count=_SLOTS)

    def add(self, value: float, at: float, now: float) -> None:
        """Take in a value of the time `at` that has come `now`."""
        newest = not self.values or at >= self._last_at
        self.values += 1
        self.total += value
        self.touched = now
        if newest:
            self.last, self._last_at = value, at
        if self._window:
            self._window.add(value, at)
        if slot := self._slots.find(at):
            slot.values += 1
            slot.total += value
            slot.top = max(slot.top, value)
            slot.last = value if newest else slot.last

    def read(self, kind: str, now: float) -> dict[str, object]:
        """Return the numbers and the slots, as they are drawn: sums of counts, means of measures, last samples."""
        slots = self._slots.read(now)
        minute = [slot for slot in slots[-_PER_MINUTE:] if slot]
        shown = {"values": self.values, "total": self.total, "last": self.last}
        shown["minute"] = sum(slot.total if kind == COUNT else slot.values for slot in minute)
        if self._window:
            shown |= self._window.read(now)
        return {**shown, "chart": [_draw(kind, slot) for slot in slots], **_draw_tops(kind, slots)}


class MetricTable:
    """A series for each metric.

    Attributes:
        ignored: Values of metrics that there was no room for.
    """

    def __init__(self) -> None:
        self.ignored = 0
        self._series: OrderedDict[Metric, Series] = OrderedDict()  # the one that was touched last at the end

    def add(self, metric: Metric, value: float, *, at: float, now: float) -> None:
        """Take in a value. If the table is full, a new metric takes the place of one that was silent for SPAN."""
        series = self._series.get(metric)
        if series is None:
            if not self._has_room(now):
                self.ignored += 1
                return
            series = self._series[metric] = Series(metric.kind)
        self._series.move_to_end(metric)
        series.add(value, min(at, now), now)

    def __iter__(self) -> Iterator[tuple[Metric, Series]]:
        """Yield each metric with its series; the one that was touched last comes first."""
        return iter([*reversed(self._series.items())])

    def _has_room(self, now: float) -> bool:
        if len(self._series) == MOST_SERIES and next(iter(self._series.values())).touched <= now - SPAN:
            self._series.popitem(last=False)
        return len(self._series) < MOST_SERIES


def _draw(kind: str, slot: _Slot | None) -> float | None:
    if slot is None:
        return 0.0 if kind == COUNT else None
    if kind == COUNT:
        return slot.total
    return slot.total / slot.values if kind == MEASURE else slot.last


def _draw_tops(kind: str, slots: list[_Slot | None]) -> dict[str, object]:
    """Return the highest values of the slots: a measure has more than one in each."""
    return {"tops": [slot and slot.top for slot in slots]} if kind == MEASURE else {}
