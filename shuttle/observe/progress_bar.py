"""How far a replay of files is, for whoever watches it on a terminal."""

from collections.abc import Callable

import anyio
from tqdm import tqdm

INTERVAL = 0.25  # seconds between two looks: a person reads no faster


async def show_progress(measure: Callable[[], tuple[int, int, int]]) -> None:
    """Draw a bar on stderr until cancelled, and then take it away: bytes, lines/s and the time left.

    `measure` returns the bytes read, the bytes in all, and the lines delivered so far.
    """
    tqdm.monitor_interval = 0  # no thread that looks after the bar: it is drawn often enough
    form = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
    with tqdm(unit="B", unit_scale=True, dynamic_ncols=True, leave=False, bar_format=form) as bar:
        started, before = anyio.current_time(), 0
        while True:
            await anyio.sleep(INTERVAL)
            bar.n, bar.total, lines = measure()
            now = anyio.current_time()
            bar.set_postfix_str(f"{(lines - before) / (now - started):,.0f} lines/s")
            started, before = now, lines
