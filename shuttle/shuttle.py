"""The shuttle, as a program uses it: enter, write, read, follow, land, abort."""

import os
import random as randomness
import time
from types import TracebackType
from typing import NamedTuple, Self

import anyio
import anyio.abc
import httpx

from shuttle.assembly import Parts, Random, assemble
from shuttle.clock import Wall, bind_clocks
from shuttle.config import Config
from shuttle.core.ledger import Ledger
from shuttle.core.mask import Mask
from shuttle.input import descriptor
from shuttle.landing import Landing, Phase
from shuttle.observe.credentials import find_credentials
from shuttle.observe.log import SILENT, Logger
from shuttle.observe.masked_log import MaskedLog

CANCELLED_TIMEOUT = 1.0  # seconds that landing takes, at most, when the host is cancelled


class _Inside(NamedTuple):
    """The state of a shuttle that was entered."""

    parts: Parts
    tasks: anyio.abc.TaskGroup
    block: anyio.CancelScope
    """The host's block, which an abort ends."""


class Shuttle:
    r"""Takes lines in and delivers them to the drain, inside any anyio program.

        async with Shuttle(Config(logs_url=url)) as shuttle:
            await shuttle.write(b"Hello World\n")

    At the end of the block the shuttle lands, even after an error: it delivers everything held, and gives up after
    `land_timeout` seconds without progress. An error is then raised unchanged. If the host is cancelled, landing takes
    a second at most.

    `ledger` has the counts at every moment. What `log` gets has no credentials in it. `transport` replaces the built-in
    one, and the caller closes it. `random` gives numbers from 0 to 1, without 1. `wall` gives the seconds since the
    epoch.
    """

    def __init__(
        self,
        config: Config,
        *,
        log: Logger = SILENT,
        transport: httpx.AsyncBaseTransport | None = None,
        random: Random = randomness.random,
        wall: Wall = time.time,
    ) -> None:
        self.ledger = Ledger()
        self._config = config
        self._log = log if log is SILENT or isinstance(log, MaskedLog) else _mask(log, config)
        self._transport = transport
        self._random = random
        self._wall = wall
        self._inside: _Inside | None = None

    async def __aenter__(self) -> Self:
        if self._inside:
            raise RuntimeError("a Shuttle is entered once: make another one")
        parts = await assemble(
            self._config,
            ledger=self.ledger,
            log=self._log,
            clocks=bind_clocks(self._wall),
            random=self._random,
            transport=self._transport,
        )
        self._inside = _Inside(parts, anyio.create_task_group(), anyio.CancelScope())
        await self._inside.tasks.__aenter__()
        self._inside.tasks.start_soon(_run, parts)
        self._inside.block.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        assert self._inside
        parts, tasks, block = self._inside
        aborted = bool(block.__exit__(kind, error, traceback))
        landing = parts.landing
        landing.begin()
        try:
            if kind is None or aborted or issubclass(kind, Exception):
                await landing.wait()
            else:
                self._hurry(parts)
        except BaseException:  # cancelled while it landed
            self._hurry(parts)
            if not isinstance(error, Exception):  # the block's own error comes out, as it does of a task group
                raise
        finally:
            interruption = await _see_out(landing)
            tasks.cancel_scope.shield = True
            await tasks.__aexit__(None, None, None)
            if interruption:
                raise interruption
        return aborted

    async def write(self, chunk: bytes) -> None:
        """Take in `chunk`: lines or parts of them. While the queue is full, wait as the configuration says.

        Raises:
            TypeError: `chunk` is not bytes.
            anyio.ClosedResourceError: The shuttle has landed.
        """
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise TypeError(f"write(chunk): must be bytes, not {type(chunk).__name__}; text has .encode()")
        if self._parts.landing.phase is not Phase.RUNNING:
            raise anyio.ClosedResourceError("the shuttle has landed")
        await self._parts.crew.intake.write(bytes(chunk))

    async def read(self, fd: int) -> None:
        """Read the file descriptor `fd` to its end.

        Raises:
            OSError: It cannot be read.
        """
        intake, source = self._parts.crew.intake, self._parts.make_source()

        async def feed(chunk: bytes) -> None:
            await intake.feed(chunk, source)

        try:
            await descriptor.read(fd, feed)
            await intake.end(source)
        finally:
            intake.cut_off(source)

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
        """From now on drop nothing, and wait for room in the queue as long as it takes: the source can wait."""
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

        Lines in files with checkpoints or in the spool stay held. All other held lines are lost.
        """
        self._parts.landing.abort()
        if self._inside:
            self._inside.block.cancel()

    def describe_drain(self) -> dict[str, object]:
        """Return the state of the drain as the keys and values of a log line."""
        return self._parts.gate.describe()

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
        """The parts of a shuttle that was entered.

        Raises:
            RuntimeError: The shuttle was not entered.
        """
        if self._inside is None:
            raise RuntimeError("enter the shuttle first: async with Shuttle(config) as shuttle")
        return self._inside.parts

    def _hurry(self, parts: Parts) -> None:
        parts.landing.limit(parts.clocks.monotonic() + min(CANCELLED_TIMEOUT, self._config.land_timeout))


def _mask(log: Logger, config: Config) -> Logger:
    return MaskedLog(log, Mask(find_credentials(config, os.environ)))


async def _see_out(landing: Landing) -> BaseException | None:
    """Wait for the end of a landing; return what interrupted the wait though it is shielded, which hastens the end.

    A task that is cancelled by its event loop's own means, or a KeyboardInterrupt, passes every shield.
    """
    interruption: BaseException | None = None
    while landing.phase is not Phase.OVER:
        try:
            with anyio.CancelScope(shield=True):
                await landing.wait()
        except BaseException as error:  # noqa: BLE001  # it is raised once everything is let go of
            interruption = error
            landing.abort()
    return interruption


async def _run(parts: Parts) -> None:
    """Run the parts until the shuttle has landed. A cancellation of the host does not reach them."""
    crew = parts.crew
    with anyio.CancelScope(shield=True):
        try:
            async with parts.opened, anyio.create_task_group() as tasks:
                await tasks.start(crew.outlets.run)
                tasks.start_soon(crew.intake.run)
                tasks.start_soon(parts.outages.run)
                if crew.journal is not None:
                    tasks.start_soon(crew.journal.run)
                await parts.landing.run(crew)
                tasks.cancel_scope.cancel()
        finally:
            parts.landing.end()
