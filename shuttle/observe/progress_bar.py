"""The progress bar of a replay of files, on a terminal."""

import os
from collections.abc import Callable
from typing import NamedTuple

import anyio
from tqdm import tqdm

from shuttle.observe.line_writer import LineWriter, write_now

INTERVAL = 0.25  # seconds between two looks: a person reads no faster
_COLUMNS = 80  # of a terminal that does not know its own width
_FORM = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
_CLEAR = b"\r\x1b[K"


class ReplayProgress(NamedTuple):
    """How far a replay is."""

    done: int
    """Bytes whose lines are delivered, dropped or lost."""
    total: int
    """Bytes in all."""
    lines: int
    """Lines delivered."""


class ProgressBar:
    """A progress bar on the last line of the terminal `fd`. Log lines go above it; what does not fit is skipped."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._writer = LineWriter(fd)
        self._drawn = ""

    def write(self, text: str) -> None:
        """Write `text` as one line above the bar."""
        drawn = self._drawn
        self.clear()
        self._writer.write(text)
        if drawn:
            self._draw(drawn)

    def clear(self) -> None:
        """Remove the bar until it is drawn again."""
        if self._drawn:
            write_now(self._fd, _CLEAR)
            self._drawn = ""

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

    def _draw(self, text: str) -> None:
        write_now(self._fd, _CLEAR + text.encode())
        self._drawn = text

    def _count_columns(self) -> int:
        try:
            return os.get_terminal_size(self._fd).columns or _COLUMNS
        except OSError:
            return _COLUMNS


def _format(progress: ReplayProgress, rate: float, *, elapsed: float, columns: int) -> str:
    bar: str = tqdm.format_meter(
        progress.done,
        progress.total,
        elapsed,
        ncols=columns - 1,  # in the last column some terminals begin a new line
        unit="B",
        unit_scale=True,
        bar_format=_FORM,
        postfix=f"{rate:,.0f} lines/s",
    )
    return bar[: columns - 1]
