"""The forms of a line of the log: logfmt, or an object of JSON."""

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from shuttle.config import LogFormat
from shuttle.core.utf8 import cut

LONGEST = 4000  # bytes of an object of JSON: what a descriptor takes as a line is 4096, and half of one is none
FIRST = ("ts", "app", "level", "at")
"""What each line begins with: our own words."""
_LOGFMT = structlog.processors.LogfmtRenderer(key_order=FIRST, drop_missing=True, bool_as_flag=False)
_MARK = "..."


class LogForm(NamedTuple):
    """How an event becomes a line."""

    render: Callable[[Mapping[str, object]], str]
    begins_with_time: bool
    """The time stands in front, up to the first space: where somebody else tells it, it can be left out."""


def render_logfmt(event: Mapping[str, object]) -> str:
    """Return `event` as logfmt, beginning with what each line begins with."""
    return str(_LOGFMT(None, "", dict(event)))


def render_json(event: Mapping[str, object]) -> str:
    """Return `event` as an object of JSON of at most LONGEST bytes; its longest texts are shortened for that."""
    ordered = {key: event[key] for key in FIRST if key in event} | dict(event)
    most = LONGEST
    while len((line := _dump(ordered)).encode()) > LONGEST and most > 1:
        most //= 2
        ordered = {key: _shorten(value, most) for key, value in ordered.items()}
    return line


def _dump(event: Mapping[str, object]) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=str)


def _shorten(value: object, most: int) -> object:
    if not isinstance(value, str) or len(data := value.encode()) <= most:
        return value
    return data[: cut(data, most)].decode(errors="replace").removesuffix(_MARK) + _MARK


FORMS: Mapping[LogFormat, LogForm] = {
    "logfmt": LogForm(render_logfmt, begins_with_time=True),
    "json": LogForm(render_json, begins_with_time=False),
}
