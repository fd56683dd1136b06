"""Which file a line came from, said in its frame's header."""

import re
from pathlib import Path
from weakref import WeakValueDictionary

from shuttle.core.frame import PLACEHOLDER, Framer, Framing
from shuttle.core.lines import NewlineSplitter
from shuttle.core.position import Position
from shuttle.delivery.source import Source

_APPNAME, _PROCID = 48, 128  # bytes (RFC 5424, 6.2.5 and 6.2.6)
ANY = Path("*")
"""Stands for all files, in the reports of loss."""


class Labels:
    """Makes the sources of files, each with the header that says which file it is."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._framers: WeakValueDictionary[tuple[str, str], Framer] = WeakValueDictionary()  # pods come and go

    def make(self, path: Path, position: Position | None = None) -> Source:
        """Return the source of the lines of the file at `path`, from `position` on."""
        framer = self.find_framer(path)
        return Source(NewlineSplitter(framer.line_limit), framer, position)

    def find_framer(self, path: Path) -> Framer:
        """Return what frames the lines of the file at `path`; files with the same header share one."""
        framing = fill_header(self._framing, path)
        key = (framing.appname, framing.procid)
        framer = self._framers.get(key)
        if framer is None:
            self._framers[key] = framer = Framer(framing)
        return framer


def fill_header(framing: Framing, path: Path) -> Framing:
    """Return `framing` with `{path}`, `{name}` and `{stem}` of appname and procid filled in."""
    if not re.search(PLACEHOLDER, framing.appname + framing.procid):
        return framing
    appname, procid = _fill(framing.appname, path, _APPNAME), _fill(framing.procid, path, _PROCID)
    return framing._replace(appname=appname, procid=procid)


def _fill(text: str, path: Path, limit: int) -> str:
    """Return what a header may have: printable ASCII, and not too long. Of the longest value the end says more."""
    values = {"{path}": str(path), "{name}": path.name, "{stem}": path.stem}
    shown = [
        "".join(char if "!" <= char <= "~" else "_" for char in values[each]) for each in re.findall(PLACEHOLDER, text)
    ]
    room = limit - len(re.sub(PLACEHOLDER, "", text))
    lengths = list(map(len, shown))
    while lengths and sum(lengths) > max(0, room):
        lengths[lengths.index(max(lengths))] -= 1
    parts = iter(value[len(value) - length :] for value, length in zip(shown, lengths, strict=True))
    return (
        re.sub(PLACEHOLDER, lambda _: next(parts), text)[:limit] or "-"
    )  # `/` has no name; RFC 5424's nil value stands for it
