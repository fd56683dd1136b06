"""Counts what waits in the files while the drain holds up the reading: truncation may take it away."""

from functools import partial

import anyio

from shuttle.input.files.progress import Progress
from shuttle.input.files.ready_queue import ReadyQueue
from shuttle.input.files.rotation.rotated_path import RotatedPath

STALL = 0.1  # seconds without a piece taken in: the drain holds up the reading, and what waits is counted
PAUSE = 0.02  # seconds between two pieces of a backlog that is counted


class UnreadCounter:
    """Has the paths that have something to read count what they have, while nothing is taken in."""

    def __init__(self, queue: ReadyQueue, progress: Progress) -> None:
        self._queue = queue
        self._progress = progress
        self._disk = queue.disk

    async def run(self) -> None:
        """Count whenever the reading stalls, until cancelled."""
        progress = self._progress
        while True:
            await progress.blocked.wait()
            taken = progress.taken
            await anyio.sleep(STALL)
            while progress.blocked.is_set() and progress.taken == taken:
                more = [path for path in list(self._queue.ready) if await self._disk.run(partial(_has_more, path))]
                await anyio.sleep(PAUSE if more else STALL)


def _has_more(path: RotatedPath) -> bool:
    try:
        return path.count_unread()
    except OSError:  # who reads it tells of that
        return False
