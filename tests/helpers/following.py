"""Files that are followed for real, into a drain in memory: on asyncio, or on trio in virtual time."""

import contextlib
import gzip
import itertools
import os
import random as randomness
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx

from shuttle.config import Config
from shuttle.shuttle import Shuttle
from tests.helpers.drains import TAKE, Answer, Call, Drain, read_call
from tests.helpers.sockets import GUARD
from tests.helpers.virtual import Journal

WAIT = 0.01  # seconds from a line to its batch: the tests wait for many
SOON = 1.0  # seconds of virtual time: plenty, and less than the slow look at everything that would find what was missed
RECOVERY = 60.0  # seconds of virtual time in which one outlet has gone through some back-off and many lines


class Catcher(httpx.AsyncBaseTransport):
    """A drain that takes everything, or answers with `status`, or holds every answer while it is `held`."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.taken: list[Call] = []
        self.status = 204
        self.held = False
        self._changed = anyio.Event()

    def change(self) -> None:
        """Wake whoever waits for something here."""
        self._changed.set()
        self._changed = anyio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = read_call(request, 0.0)
        self.calls.append(call)
        self.change()
        while self.held:
            await self._changed.wait()
        if self.status == 204:
            self.taken.append(call)
            self.change()
        return httpx.Response(self.status)

    @property
    def lines(self) -> list[bytes]:
        """The lines that were taken, duplicates by Frame-Id left out."""
        first = {call.id: call for call in reversed(self.taken)}
        return [line for call in self.taken if first.get(call.id) is call for line in call.lines]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` is true; it is looked at whenever something came or `change` was called."""
        with anyio.fail_after(GUARD):
            while not condition():
                await self._changed.wait()

    async def until_lines(self, *lines: bytes) -> None:
        """Wait until just these lines have come, in this order."""
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: len(self.lines) >= len(lines))
        assert self.lines == list(lines)


@contextlib.asynccontextmanager
async def following(
    drain: httpx.AsyncBaseTransport, *files: Path | str, log: Journal | None = None, **settings: Any
) -> AsyncIterator[Shuttle]:
    """Follow `files` within the block; at its end reading stops at once, and the shuttle lands."""
    usual = {"logs_url": "http://drain.example/", "wait": WAIT, "partial_timeout": 30.0}
    config = Config(file=tuple(map(str, files)), **{**usual, **settings})
    random = randomness.Random(1).random  # the same back-off in every run
    shuttle = Shuttle(config, log=log or Journal(), transport=drain, random=random)
    async with shuttle, anyio.create_task_group() as tasks:
        tasks.start_soon(shuttle.follow)
        try:
            yield shuttle
        finally:
            tasks.cancel_scope.cancel()


async def soon() -> None:
    """Wait until what was done has been seen, and what was read delivered if the drain takes it."""
    await anyio.sleep(SOON)


class Agent:
    """Follows a log from its beginning, in virtual time; it may be stopped and started again."""

    def __init__(self, log: Path, **settings: Any) -> None:
        self.drain = Drain()
        self.journal = Journal()
        self._log = log
        self._settings = settings

    def following(self, *files: Path | str, **settings: Any) -> contextlib.AbstractAsyncContextManager[Shuttle]:
        """Follow the log, or `files`, within the block."""
        usual = {"from_": "beginning", "log": self.journal, **self._settings}
        return following(self.drain, *(files or (self._log,)), **{**usual, **settings})

    async def run(self) -> None:
        """Follow for a while, and stop."""
        async with self.following():
            await soon()

    @contextlib.asynccontextmanager
    async def held_up(self) -> AsyncIterator[Shuttle]:
        """Follow while the drain is down, until `release`: one request holds up the reading two lines later."""
        self.hold_up()
        async with self.following(num_outlets=1, batch_size=1, back_buff=1) as shuttle:
            yield shuttle

    def hold_up(self) -> None:
        """Let the drain be down until `release`."""
        self.drain.script = lambda _: Answer(503)

    def release(self) -> None:
        """Let the drain take everything from now on."""
        self.drain.script = lambda _: TAKE

    async def write(self, *lines: bytes) -> None:
        """Write `lines` at the end of the log, and let them be seen."""
        append(self._log, *lines)
        await soon()

    async def delivers(self, *lines: bytes, within: float = SOON) -> None:
        """Wait for so many seconds; then all that has ever been delivered are these lines, in this order."""
        await anyio.sleep(within)
        assert self.drain.lines == list(lines)


def append(path: Path, *lines: bytes) -> None:
    """Write `lines` at the end of the file, each with its newline."""
    with path.open("ab") as file:
        file.write(b"".join(line + b"\n" for line in lines))


def rotate(path: Path, *, create: bool = True) -> None:
    """Rename as logrotate does: app.log to app.log.1, that to app.log.2, and so on."""
    count = next(number for number in itertools.count(1) if not path.with_name(f"{path.name}.{number}").exists())
    for number in range(count, 1, -1):
        path.with_name(f"{path.name}.{number - 1}").rename(path.with_name(f"{path.name}.{number}"))
    path.rename(path.with_name(f"{path.name}.1"))
    if create:
        path.touch()


def copytruncate(path: Path) -> None:
    """Rotate as logrotate does for an application that cannot reopen its log."""
    path.with_name(f"{path.name}.1").write_bytes(path.read_bytes())
    os.truncate(path, 0)


def compress(path: Path) -> None:
    """Put a new file, which ends in .gz, in place of the file."""
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def number_lines(start: int, end: int) -> list[bytes]:
    return [b"line %d" % number for number in range(start, end)]
