"""Reads the metrics in log lines: those of l2met's convention, and of Heroku's router.

A line may hold several: `source=web.1 count#checkout=1 measure#db.latency=4ms sample#db.size=100GB`. Heroku's runtime
metrics are lines like that. A line of its router holds `service=12ms connect=1ms status=200`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

COUNT, MEASURE, SAMPLE = "count", "measure", "sample"
LONGEST = 100  # bytes of a name or a source; what is longer is nobody's metric

_SIGN = re.compile(rb"(?:count|measure|sample)#|\bservice=")
# Neither alternative begins inside a word, and a quote is closed or it is none: that keeps the search linear.
_PAIR = re.compile(rb'(?<!\S)([^\s="]+)=(?:"([^"]*)"|([^\s"]*))(?!\S)')
_VALUE = re.compile(rb"([0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})([A-Za-z%]{0,16})")  # fixed point, then the unit
_STATUS = re.compile(rb"[1-5][0-9]{2}")
_TIMES = (b"service", b"connect")  # what the router measures


class Metric(NamedTuple):
    """What a value belongs to. Values in two units have nothing in common."""

    kind: str
    name: str
    unit: str
    source: str


def may_hold_metrics(text: bytes) -> bool:
    """Return whether it is worth a closer look. This is fast, and right for almost all lines."""
    return _SIGN.search(text) is not None


def read_metrics(message: bytes) -> list[tuple[Metric, float]]:
    """Return each metric in `message` with its value; what is malformed is left out."""
    pairs = [(found[1], found[2] if found[3] is None else found[3]) for found in _PAIR.finditer(message)]
    fields = dict(pairs)
    source = fields.get(b"source", b"")
    found = [*_read_marked(pairs, source), *_read_router(fields, source or fields.get(b"dyno", b""))]
    return [(metric, value) for metric, value in found if len(metric.name) <= LONGEST >= len(metric.source)]


def _read_marked(pairs: list[tuple[bytes, bytes]], source: bytes) -> Iterator[tuple[Metric, float]]:
    for key, text in pairs:
        kind, mark, name = key.partition(b"#")
        if mark and name and kind in (b"count", b"measure", b"sample"):
            yield from _read_value(kind.decode(), name, text, source)


def _read_router(fields: dict[bytes, bytes], source: bytes) -> Iterator[tuple[Metric, float]]:
    """Yield how long a request took, also among those with its status."""
    status = fields.get(b"status", b"")
    if not _STATUS.fullmatch(status) or b"service" not in fields:
        return
    for name in _TIMES:
        yield from _read_value(MEASURE, b"router." + name, fields.get(name, b""), source)
    yield from _read_value(MEASURE, b"router.status." + status, fields[b"service"], b"")


def _read_value(kind: str, name: bytes, text: bytes, source: bytes) -> Iterator[tuple[Metric, float]]:
    if value := _VALUE.fullmatch(text):
        yield Metric(kind, _decode(name), value[2].decode(), _decode(source)), float(value[1])


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")
