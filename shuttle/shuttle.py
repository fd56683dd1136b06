"""The shuttle, as a program uses it: enter, write, read, follow, land, abort."""

import functools
import os
import random as randomness
import time
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

import anyio
import httpx

from shuttle.assembly import Parts, Random, assemble
from shuttle.clock import Wall, bind_clocks
from shuttle.config import Config
from shuttle.core.ledger import Ledger
from shuttle.core.mask import Mask
from shuttle.core.rest import choose_rest
from shuttle.delivery.source import Source
from shuttle.host import Host
from shuttle.input import descriptor
from shuttle.landing import Phase
from shuttle.observe.credentials import find_credentials
from shuttle.observe.host_log import HostLog
from shuttle.observe.log import SILENT, Logger
from shuttle.observe.masked_log import MaskedLog
from shuttle.observe.snapshot import Snapshot
from shuttle.overview import take_snapshot


class _Inside(NamedTuple):
    """The state of a shuttle that was entered."""

    parts: Parts
    host: Host


class Shuttle:
    r"""Takes lines in and delivers them to the drain, inside any anyio program.

        async with Shuttle(Config(logs_url=url)) as shuttle:
            await shuttle.write(b"Hello World\n")

    At the end of the block the shuttle lands, even after an error: it delivers everything held, and gives up after
    `land_timeout` seconds without progress. An error is then raised unchanged. If the host is cancelled, landing takes
    a second at most.

    On asyncio a shuttle may be left in any order and in any task. On trio what was entered last is left first, by the
    task that entered it; else the shuttle lands, and then a RuntimeError tells what is wrong. A shuttle that is never
    left lands when the event loop ends, for a second at most, and there is a ResourceWarning.

    `ledger` has the counts at every moment; one that is given goes on. `log` gets what there is to tell, without
    credentials in it; by default the logger `log_shuttle` of Python's logging. `transport` replaces the built-in one,
    and the caller closes it. `random` gives numbers from 0 to 1, without 1. `wall` gives the seconds since the epoch.
    """

    def __init__(
        self,
        config: Config,
        *,
        log: Logger | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        random: Random = randomness.random,
        wall: Wall = time.time,
        ledger: Ledger | None = None,
    ) -> None:
        self._inside: _Inside | None = None
        self.ledger = Ledger() if ledger is None else ledger
        self._config = config
        if log is None:
            log = HostLog()
        self._log = log if log is SILENT or isinstance(log, MaskedLog) else _mask(log, config)
        self._transport = transport
        self._random = random
        self._wall = wall
        self._sources: dict[str, Source] = {}  # by the priority of their lines

    async def __aenter__(self) -> Self:
        if self._inside:
            raise RuntimeError("a Shuttle can be entered only once: create another one")
        parts = await assemble(
            self._config,
            ledger=self.ledger,
            log=self._log,
            clocks=bind_clocks(self._wall),
            random=self._random,
            transport=self._transport,
            learn=self._log.learn if isinstance(self._log, MaskedLog) else _forget,
        )
        host = Host(parts.landing, functools.partial(_work, parts))
        self._inside = _Inside(parts, host)
        try:
            await host.enter()
        except BaseException:
            self._inside = None
            if not host.began:
                await parts.opened.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return await self._entered.host.leave(kind, error, traceback)

    def __del__(self) -> None:
        if self._inside and not self._inside.host.left:
            text = "a Shuttle was entered and never left: use async with Shuttle(config)"
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)

    async def write(self, chunk: bytes, *, prival: str = "") -> None:
        """Take in `chunk`: lines or parts of them. While the queue is full, wait as the configuration says.

        `prival` is the priority of its lines, by default the configuration's. Lines of each priority are a stream of
        their own: a line must not begin with one and go on with another.

        Raises:
            TypeError: `chunk` is not bytes.
            anyio.ClosedResourceError: The shuttle has landed.
        """
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise TypeError(f"write(chunk): must be bytes, not {type(chunk).__name__}; encode text with .encode()")
        if self._parts.landing.phase is not Phase.RUNNING:
            raise anyio.ClosedResourceError("the shuttle has landed")
        await self._parts.crew.intake.write(bytes(chunk), self._find_source(prival))

    def drop(self, lines: int) -> None:
        """Count `lines` lines as read and dropped, which the program has thrown away itself."""
        accounts = self._parts.crew.accounts
        accounts.read(lines)
        accounts.losses.drop(lines)

    async def read(
        self, fd: int, *, prival: str = "", copy: Callable[[bytes], None] | None = None, own: bool = False
    ) -> None:
        """Read the file descriptor `fd` to its end.

        `prival` is the priority of its lines, by default the configuration's. `copy` gets each chunk as it is read.
        If this is cancelled, a pipe keeps what was not read. If the pipe is this program's `own`, so that nobody else
        could read that, it is taken in, and the queue need not have room.

        Raises:
            OSError: It cannot be read.
        """
        intake, source = self._parts.crew.intake, self._parts.make_source(prival)

        async def feed(chunk: bytes) -> None:
            if copy:
                copy(chunk)
            await intake.feed(chunk, source)

        try:
            await descriptor.read(fd, feed, rest=choose_rest(self._config.wait), fits=intake.count_more)
            await intake.end(source)
        finally:
            for chunk in descriptor.read_rest(fd) if own else ():
                if copy:
                    copy(chunk)
                intake.take(chunk, source)
            intake.cut_off(source)

    def _find_source(self, prival: str) -> Source | None:
        """Return the source for writes with their own priority."""
        if prival and prival not in self._sources:
            self._sources[prival] = self._parts.make_source(prival)
        return self._sources.get(prival)

    async def follow(self) -> None:
        """Read the files of the configuration, and follow what is written to them if it says so."""
        files = self._parts.files
        assert files, "the configuration names no files"
        await files.follow(self._parts.crew.intake, self._parts.crew.accounts.losses.miss)

    def leave_files(self) -> bool:
        """Stop reading files, except the rest of deleted ones. Return whether there is any such rest."""
        files = self._parts.files
        return bool(files and files.leave())

    def measure(self) -> tuple[int, int, int]:
        """Return how many bytes of the files were read, how many they have in all, and how many lines are delivered."""
        files = self._parts.files
        read, left = files.measure() if files else (0, 0)
        return read, read + left, self.ledger.delivered

    @property
    def incomplete(self) -> bool:
        """Whether a file of the configuration is missing or cannot be read."""
        files = self._parts.files
        return bool(files and files.incomplete)

    def hold_input(self) -> None:
        """Stop dropping: wait for room in the queue as long as it takes, because the source can wait."""
        self._parts.crew.intake.hold_input()

    async def land(self, *, by: float | None = None) -> None:
        """Take nothing more in, deliver everything held, and report dropped and lost lines to the drain.

        The landing gives up after `land_timeout` seconds without progress, and at the time `by` of
        `anyio.current_time()` at the latest. It may be called again with an earlier time.
        """
        if by is not None:
            self.limit_landing(by)
        self._parts.landing.begin()
        await self._parts.landing.wait()

    def limit_landing(self, by: float) -> None:
        """End at the time `by` of `anyio.current_time()` at the latest, whenever the landing begins."""
        self._parts.landing.limit(by)

    def abort(self) -> None:
        """Give up at once, and leave the block.

        Lines in files with checkpoints or in the spool stay held. All other held lines are lost. On asyncio the task
        that entered is cancelled by `Task.cancel()`, which passes the shields of cancel scopes.
        """
        parts, host = self._entered
        parts.landing.abort()
        host.cancel()

    def describe_drain(self) -> dict[str, object]:
        """Return the state of the drain as the keys and values of a log line."""
        return self._parts.gate.describe()

    def take_snapshot(self) -> Snapshot:
        """Return all counts and gauges of this moment."""
        return take_snapshot(self._parts, self.ledger)

    def render_statistics(self) -> str:
        """Return the statistics since the last call, as one line without a newline."""
        parts = self._parts
        counts = {
            "lines.read": self.ledger.read,
            "lines.batched": parts.crew.accounts.batched,
            "lines.dropped": self.ledger.dropped,
            "msg.lost": self.ledger.lost,
        }
        counts |= {"files.missed": self.ledger.missed} if self._config.file else {}
        gauges = {"outlet.inbox.length": len(parts.queue)}
        if parts.spool is not None:
            age = self._wall() - parts.spool.oldest if parts.spool.oldest else 0.0
            gauges |= {"spool.age.seconds": max(0, round(age)), "spool.bytes": parts.spool.bytes}
        return parts.statistics.render(parts.clocks.monotonic(), counts=counts, gauges=gauges)

    @property
    def _parts(self) -> Parts:
        return self._entered.parts

    @property
    def _entered(self) -> _Inside:
        """The state of a shuttle that was entered.

        Raises:
            RuntimeError: It was not.
        """
        if self._inside is None:
            raise RuntimeError("enter the shuttle first: async with Shuttle(config) as shuttle")
        return self._inside


def _forget(_: object) -> None:
    """Learn no credentials: nothing is logged."""


def _mask(log: Logger, config: Config) -> Logger:
    return MaskedLog(log, Mask(find_credentials(config, os.environ)))


async def _work(parts: Parts) -> None:
    """Take in and deliver until the shuttle has landed."""
    try:
        async with parts.opened:
            await parts.landing.run(parts.crew)
    finally:
        parts.landing.end()
