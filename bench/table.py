"""The results of a scenario as text: a row per program, and how many times better this project is than each peer."""

from bench.campaign import Chapter, Result
from bench.metrics import METRICS, Summary, compare
from bench.program import OWN

_GAP = "   "


def make_table(chapter: Chapter) -> str:
    scenario = chapter.scenario
    rows = [["", *(METRICS[name].heading for name in scenario.metrics)]]
    rows += [_make_row(result, scenario.metrics) for result in chapter.results]
    own = next(result for result in chapter.results if result.program.name == OWN)
    for peer in chapter.results:
        if peer is not own and own.summaries and peer.summaries:
            rows.append(_make_ratios(own, peer, scenario.metrics))
    whole = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    widths[0] = max(len(row[0]) for row in rows)
    what = f"{scenario.lines:,} lines of {scenario.line_bytes} bytes" if scenario.lines > 1 else "one line"
    flags = " ".join(scenario.flags)
    title = f"{scenario.name}: {scenario.about} ({', '.join(filter(None, (what, flags)))})"
    return "\n".join([title, *("  " + _align(row, widths).rstrip() for row in rows)]) + "\n"


def _align(row: list[str], widths: list[int]) -> str:
    if len(row) < len(widths):  # a program that was not measured
        return _GAP.join([row[0].ljust(widths[0]), *row[1:]])
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return _GAP.join(cells)


def _make_row(result: Result, metrics: tuple[str, ...]) -> list[str]:
    if result.failed or result.skipped:
        return [result.program.name, f"failed: {result.failed}" if result.failed else f"skipped: {result.skipped}"]
    return [result.program.name, *(_make_cell(name, result.summaries[name]) for name in metrics)]


def _make_cell(metric: str, summary: Summary) -> str:
    form = METRICS[metric].form
    if form(summary.least) == form(summary.most):
        return form(summary.median)
    return f"{form(summary.median)} ({form(summary.least)} to {form(summary.most)})"


def _make_ratios(own: Result, peer: Result, metrics: tuple[str, ...]) -> list[str]:
    ratios = [compare(name, own.summaries[name], peer.summaries[name]) for name in metrics]
    return [f"better than {peer.program.name}", *("" if ratio is None else f"{ratio:.2f} x" for ratio in ratios)]
