"""A chart as SVG: one bar per program, for lines/s and for lines per CPU second, in light and dark mode."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from bench.campaign import Chapter
from bench.metrics import Summary
from bench.program import OWN

SCENARIOS = {"plain": "HTTP", "gzip": "HTTP, -gzip", "https": "HTTPS"}

_NAMES = 120  # pixels
_BAR = 210  # of the longest bar
_VALUE = 90  # room for its figure
_PANEL = _BAR + _VALUE
_WIDTH = _NAMES + 2 * _PANEL + 20
_ROW = 22
_HEAD = 34
_PANELS = ("lines per second", "lines per CPU second of the agent")

_STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.head { font-weight: 600 } .small { font-size: 11px; fill: #59636e }
.own { fill: #0969da } .peer { fill: #afb8c1 } .spread { stroke: #59636e; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .small { fill: #9198a1 }
.own { fill: #4493f8 } .peer { fill: #656c76 } .spread { stroke: #b7bdc8 }
}
</style>"""


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure with its spread."""

    value: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Row:
    """A program in a scenario: one bar per panel, or a word why there is none."""

    program: str
    bars: tuple[Bar, ...] = ()
    word: str = ""


Group = tuple[str, Sequence[Row]]
"""A scenario's heading and its rows."""


def write_chart(path: Path, machine: dict[str, object], chapters: list[Chapter]) -> bool:
    """Write the chart; return False if there was nothing to show."""
    groups = [
        (SCENARIOS[chapter.scenario.name], [_make_row(x.program.name, x.summaries) for x in chapter.results])
        for chapter in chapters
        if chapter.scenario.name in SCENARIOS
    ]
    if not groups:
        return False
    lines = next(chapter.scenario.lines for chapter in chapters if chapter.scenario.name in SCENARIOS)
    caption = (
        f"{lines:,} lines of 178 bytes in batches of 500; median and spread; longer is better",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['kernel']}, {machine['python']}",
    )
    path.write_text(make_chart(groups, caption), "utf-8")
    return True


def _make_row(program: str, summaries: dict[str, Summary]) -> Row:
    if not summaries:
        return Row(program, word="not measured")
    rate, cpu = summaries["rate"], summaries["cpu"]
    efficiency = Bar(1e6 / cpu.median, 1e6 / cpu.most, 1e6 / cpu.least)
    return Row(program, (Bar(rate.median, rate.least, rate.most), efficiency))


def make_chart(groups: Sequence[Group], caption: Sequence[str]) -> str:
    """Return the SVG of `groups`, with the lines of `caption` below."""
    parts = [_text(_NAMES + panel * _PANEL, 20, title, "head") for panel, title in enumerate(_PANELS)]
    longest = [max((row.bars[x].most for _, rows in groups for row in rows if row.bars), default=1.0) for x in (0, 1)]
    y = _HEAD
    for heading, rows in groups:
        parts.append(_text(0, y + 15, heading, "head"))
        for row in rows:
            y += _ROW
            parts.append(_text(0, y + 15, row.program))
            if row.word:
                parts.append(_text(_NAMES, y + 15, row.word, "small"))
            for panel, bar in enumerate(row.bars):
                color = "own" if row.program == OWN else "peer"
                parts += _draw(bar, _NAMES + panel * _PANEL, y, _BAR / longest[panel], color)
        y += _ROW + 12
    for line in caption:
        parts.append(_text(0, y + 10, line, "small"))
        y += 16
    size = f'viewBox="0 0 {_WIDTH} {y + 4}" width="{_WIDTH}" height="{y + 4}"'
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}>\n{_STYLE}\n{body}\n</svg>\n'


def _draw(bar: Bar, x: int, y: int, scale: float, color: str) -> list[str]:
    """Return a bar, its spread as a line through its end, and its figure."""
    middle = y + _ROW // 2
    return [
        f'<rect class="{color}" x="{x}" y="{y + 3}" width="{bar.value * scale:.1f}" height="{_ROW - 6}" rx="2"/>',
        f'<path class="spread" d="M{x + bar.least * scale:.1f} {middle}H{x + bar.most * scale:.1f}"/>',
        _text(x + bar.most * scale + 6, y + 15, f"{bar.value:,.0f}"),
    ]


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<text{mark} x="{x:.0f}" y="{y:.0f}">{escape(text)}</text>'
