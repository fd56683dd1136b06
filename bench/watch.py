"""`python -m bench.watch`: the cost of idle files, and the delay until a line is seen, by inotify and by polling.

Each way looks at files as a follower does, by one `os.stat` each or by `os.scandir` of their directory.
`shuttle.input.files.watcher` is measured whole, its slow look at everything included. CPU is that of the process and of
its event loop.
"""

import argparse
import math
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from pathlib import Path

import anyio

from shuttle.input.files.watcher import POLL, Watcher
from shuttle.observe.log import SILENT

FILES = (10, 1000, 5000)
WRITES = 50
PAUSE = (0.1, 0.4)  # seconds between two writes, at random: no step with the polling

Follow = Callable[[Path], AsyncIterator[None]]
"""Goes on whenever a file was seen to have another size."""


async def follow_nothing(directory: Path) -> AsyncIterator[None]:
    if directory:
        await anyio.sleep_forever()
    yield


async def follow_by_inotify(directory: Path) -> AsyncIterator[None]:
    sizes = list_files(directory)
    watcher = Watcher(SILENT)
    watcher.add(directory)
    try:
        while True:
            changes = await watcher.wait()
            whole = changes.everything or changes.directories
            if look_at(list(sizes) if whole else map(str, changes.paths), sizes):
                yield
    finally:
        watcher.close()


async def follow_by_stat(directory: Path) -> AsyncIterator[None]:
    sizes = list_files(directory)
    while True:
        if look_at(list(sizes), sizes):
            yield
        await anyio.sleep(POLL)


async def follow_by_scandir(directory: Path) -> AsyncIterator[None]:
    sizes = list_files(directory)
    while True:
        seen = False
        with os.scandir(directory) as entries:
            for entry in entries:
                size = entry.stat().st_size
                if size != sizes[entry.path]:
                    sizes[entry.path] = size
                    seen = True
        if seen:
            yield
        await anyio.sleep(POLL)


FOLLOWERS: dict[str, Follow] = {
    "nothing but the event loop": follow_nothing,
    "inotify, and a look now and then": follow_by_inotify,
    f"os.stat every {POLL * 1000:.0f} ms": follow_by_stat,
    f"os.scandir every {POLL * 1000:.0f} ms": follow_by_scandir,
}


def list_files(directory: Path) -> dict[str, int]:
    return {entry.path: entry.stat().st_size for entry in os.scandir(directory)}


def look_at(paths: Iterable[str], sizes: dict[str, int]) -> bool:
    """Note the size of each path and say whether one was another."""
    seen = False
    for path in paths:
        size = os.stat(path).st_size  # noqa: PTH116  # as fast as it can be had
        if size != sizes[path]:
            sizes[path] = size
            seen = True
    return seen


async def measure_idle(follow: Follow, directory: Path, seconds: float) -> float:
    """Return milliseconds of CPU; the first look, and what it takes to begin, are not counted."""

    async def run() -> None:
        async for _ in follow(directory):
            raise AssertionError("nothing was written")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await anyio.sleep(2 * POLL)
        before = time.process_time()
        await anyio.sleep(seconds)
        used = time.process_time() - before
        tasks.cancel_scope.cancel()
    return used * 1000


async def measure_delay(follow: Follow, directory: Path) -> list[float]:
    """Return the milliseconds from each write until it was seen, least first."""
    source = random.Random("watch")
    delays: list[float] = []
    written = math.nan
    seen = anyio.Event()

    async def run() -> None:
        nonlocal seen
        async for _ in follow(directory):
            delays.append((time.perf_counter() - written) * 1000)
            seen.set()
            seen = anyio.Event()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await anyio.sleep(2 * POLL)
        with open(next(iter(list_files(directory))), "ab", buffering=0) as file:  # noqa: ASYNC230, PTH123
            for _ in range(WRITES):
                await anyio.sleep(source.uniform(*PAUSE))
                written = time.perf_counter()
                file.write(b"a line that is not idle\n")
                await seen.wait()
        tasks.cancel_scope.cancel()
    return sorted(delays)


def make_files(directory: Path, files: int) -> None:
    for number in range(files):
        (directory / f"{number:05}.log").touch()


async def measure(seconds: float) -> None:
    print(f"{'':34}{'files':>8}{f'CPU ms in {seconds:g} s':>18}{'seen after ms: median':>24}{'p99':>8}")
    for files in FILES:
        for name, follow in FOLLOWERS.items():
            with tempfile.TemporaryDirectory() as place:
                make_files(Path(place), files)
                row = f"{name:34}{files:8,}{await measure_idle(follow, Path(place), seconds):18.1f}"
                if follow is not follow_nothing:
                    delays = await measure_delay(follow, Path(place))
                    row += f"{delays[len(delays) // 2]:24.1f}{delays[math.ceil(0.99 * len(delays)) - 1]:8.1f}"
                print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.watch", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="to be idle for")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        anyio.run(measure, options.seconds, backend_options={"use_uvloop": True})


if __name__ == "__main__":
    main()
