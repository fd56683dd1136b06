"""The progress bar of a replay of files, on a terminal."""

from collections.abc import Callable
from typing import NamedTuple

import anyio
from tqdm import tqdm

from shuttle.observe.last_line import INTERVAL, LastLine

_FORM = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


class ReplayProgress(NamedTuple):
    """How far a replay is."""

    done: int
    """Bytes whose lines are delivered, dropped or lost."""
    total: int
    """Bytes in all."""
    lines: int
    """Lines delivered."""


class ProgressBar(LastLine):
    """A bar."""

    async def run(self, measure: Callable[[], ReplayProgress]) -> None:
        """Draw the bar until cancelled: bytes, lines/s and the time left."""
        started = looked_at = anyio.current_time()
        before = 0
        while True:
            await anyio.sleep(INTERVAL)
            now = anyio.current_time()
            progress = measure()
            rate = (progress.lines - before) / (now - looked_at)
            self._draw(_format(progress, rate, elapsed=now - started, columns=self._count_columns()))
            looked_at, before = now, progress.lines


def _format(progress: ReplayProgress, rate: float, *, elapsed: float, columns: int) -> str:
    bar: str = tqdm.format_meter(
        progress.done,
        progress.total,
        elapsed,
        ncols=columns,
        unit="B",
        unit_scale=True,
        bar_format=_FORM,
        postfix=f"{rate:,.0f} lines/s",
    )
    return bar[:columns]
