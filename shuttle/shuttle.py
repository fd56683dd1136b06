"""The wiring: what starts, what stops, in which order."""

import random as randomness
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
import anyio.abc
import httpx

from shuttle.assembly import make_drain, open_transport
from shuttle.clock import Clock, bind_clock
from shuttle.config import Config
from shuttle.core.batch import Batch, Batcher
from shuttle.core.frame import Framer, make_stamp
from shuttle.core.ledger import Ledger
from shuttle.core.lines import LengthSplitter, NewlineSplitter
from shuttle.delivery.gate import Gate
from shuttle.delivery.intake import Intake
from shuttle.delivery.memory_queue import MemoryQueue
from shuttle.delivery.outlet import Outlet
from shuttle.input import descriptor as stdin
from shuttle.observe.log import SILENT, Logger
from shuttle.observe.statistics import Statistics
from shuttle.observe.throttle import Notice

if TYPE_CHECKING:
    from shuttle.delivery.journal import Keeper
    from shuttle.delivery.queue import Queue
    from shuttle.delivery.spool import Spool
    from shuttle.input.files.file_input import Following

REPORT_TIME = 1.0  # seconds that landing keeps back, at most, for a last report of what was dropped or lost


class Shuttle:
    r"""Takes lines in and delivers them to the drain, inside any anyio program.

        async with Shuttle(Config(logs_url=url)) as shuttle:
            await shuttle.write(b"Hello World\n")

    Leaving the block lands: everything held is delivered, or given up after `land_timeout`. `ledger` has the counts at
    every moment. `transport` carries the requests in place of the built-in one; the caller closes it. `random` gives
    numbers from 0 to 1 without 1, `wall` the seconds since the epoch. What is raised in the block leaves it in an
    ExceptionGroup.
    """

    def __init__(
        self,
        config: Config,
        *,
        log: Logger = SILENT,
        transport: httpx.AsyncBaseTransport | None = None,
        random: Callable[[], float] = randomness.random,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = Ledger()
        self._config = config
        self._log = log
        self._transport = transport
        self._random = random
        self._wall = wall
        self._new_id: Callable[[], str]
        self._lost = Notice(log, "lines.lost")
        self._clock: Clock
        self._tasks: anyio.abc.TaskGroup
        self._outlets: anyio.CancelScope
        self._outlets_ended: anyio.Event
        self._running: AbstractAsyncContextManager[None]
        self._landing: anyio.CancelScope | None = None
        self._landed = False

    async def __aenter__(self) -> Self:
        config = self._config
        self._clock = bind_clock()
        self._following = self._open_following() if config.file else None
        self._spool = self._open_spool() if config.spool else None
        self._keeper: Keeper | None = self._following or self._spool
        self._new_id = _number_ids()
        transport = self._transport or open_transport(config)
        framer = Framer(self._following.header if self._following else config)
        splitter = {"lprfc5424": LengthSplitter}.get(config.input_format, NewlineSplitter)(framer.line_limit)
        self._buffer: Queue
        if self._spool is None:
            self._buffer = MemoryQueue(max_bytes=config.back_bytes, max_batches=config.back_buff)
        else:
            self._buffer = self._spool
        self._statistics = Statistics(
            source=config.stats_source, format=config.stats_format, started=self._clock(), random=self._random
        )
        self._gate = Gate(log=self._log, random=self._random, wall=self._wall, clock=self._clock)
        self._intake = Intake(
            splitter=splitter,
            batcher=Batcher(
                framer, size=config.batch_size, max_bytes=framer.batch_limit, wait=config.wait, new_id=self._new_id
            ),
            buffer=self._buffer,
            ledger=self.ledger,
            patience=config.patience if config.drop and not config.file else None,
            record=self._keeper.record if self._keeper is not None else None,
            fill=self._statistics.fill,
            log=self._log,
            wall=self._wall,
            clock=self._clock,
        )
        self._outlet = Outlet(
            config=config,
            buffer=self._buffer,
            gate=self._gate,
            drain=make_drain(config, framer, self._wall),
            transport=transport,
            ledger=self.ledger,
            statistics=self._statistics,
            lost=self._lost,
            log=self._log,
            settled=self._keeper.settle if self._keeper is not None else None,
            progress=self._progress,
            random=self._random,
            wall=self._wall,
            clock=self._clock,
        )
        self._outlets = anyio.CancelScope()
        self._outlets_ended = anyio.Event()
        self._running = self._run()
        await self._running.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._running.__aexit__(kind, error, traceback)

    @asynccontextmanager
    async def _run(self) -> AsyncIterator[None]:
        try:
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(self._run_outlets)
                self._tasks.start_soon(self._intake.run)
                if self._keeper is not None:
                    self._tasks.start_soon(self._keeper.run)
                yield
                await self.land()
                self._tasks.cancel_scope.cancel()
        finally:
            self._landed = True
            await self._give_up()
            if self._transport is None:
                with anyio.CancelScope(shield=True):
                    await self._outlet.transport.aclose()

    async def write(self, chunk: bytes) -> None:
        """Take `chunk` in: lines or parts of them. Waits while the buffer is full, as the configuration says.

        Raises:
            anyio.ClosedResourceError: The shuttle has landed.
        """
        if self._landed:
            raise anyio.ClosedResourceError
        await self._intake.write(chunk)

    async def read(self, fd: int) -> None:
        """Take in what comes on the file descriptor `fd` until its end.

        Raises:
            OSError: It cannot be read.
        """
        await stdin.read(fd, self.write)

    async def follow(self) -> None:
        """Take in what stands in the files of the configuration, and what is written to them, if it says so."""
        assert self._following, "the configuration names no files"
        await self._following.follow(self._intake, self._miss)

    def leave_files(self) -> bool:
        """Read nothing more of files but what is left of deleted ones; say whether there is any of that."""
        return bool(self._following and self._following.leave())

    def measure(self) -> tuple[int, int, int]:
        """Return the bytes of files that were read, the bytes that there are in all, and the lines delivered."""
        read, left = self._following.measure() if self._following else (0, 0)
        return read, read + left, self.ledger.delivered

    def _miss(self, lines: int) -> None:
        """Count lines that vanished before they were read: to the drain they are lost."""
        self.ledger.take_in(lines)
        self.ledger.lose(lines, make_stamp(self._wall()))

    def hold_input(self) -> None:
        """From now on wait for room in the buffer, however long, and drop nothing: the source can wait."""
        self._intake.patience = None

    async def land(self, *, by: float | None = None) -> None:
        """Deliver everything held, and tell the drain of what was dropped or lost; then nothing more is taken in.

        Gives up at the time `by` of `anyio.current_time()`, else after `land_timeout` seconds without progress.
        """
        if self._landed:
            return
        self._landed = True
        self._gate.land()
        reserve = min(REPORT_TIME, self._config.land_timeout / 10)
        with anyio.CancelScope() as scope:
            if by is None:
                self._landing = scope
                self._progress()
            else:
                scope.deadline = by - reserve
            await self._intake.finish()
            await self._outlets_ended.wait()
        self._outlets.cancel()
        await self._outlets_ended.wait()
        await self._give_up()
        with anyio.move_on_after(reserve if scope.cancelled_caught or by else self._config.timeout or REPORT_TIME):
            await self._report_rest()

    def abort(self) -> None:
        """Give up at once: what is held is lost."""
        self._landed = True
        self._tasks.cancel_scope.cancel()

    def render_statistics(self) -> str:
        """Return the statistics since the last call, one line without its newline."""
        counts = {
            "lines.read": self.ledger.read,
            "lines.batched": self._intake.batched,
            "lines.dropped": self.ledger.dropped,
            "msg.lost": self.ledger.lost,
        }
        gauges = {"outlet.inbox.length": len(self._buffer)}
        if self._spool is not None:
            age = self._wall() - self._spool.oldest if self._spool.oldest else 0.0
            gauges |= {"spool.age.seconds": max(0, round(age)), "spool.bytes": self._spool.bytes}
        return self._statistics.render(self._clock(), counts=counts, gauges=gauges)

    async def _run_outlets(self) -> None:
        try:
            with self._outlets:
                async with anyio.create_task_group() as tasks:
                    for _ in range(self._config.num_outlets):
                        tasks.start_soon(self._outlet.run)
        finally:
            self._outlets_ended.set()

    def _progress(self) -> None:
        if self._landing:
            self._landing.deadline = self._clock() + self._config.land_timeout

    async def _give_up(self) -> None:
        """Count what is still held as lost: from here on nothing delivers it, and nothing more is taken in.

        What stands in files with checkpoints, or in the spool, stays held: the next start goes on there.
        """
        if self._spool is not None:
            with anyio.CancelScope(shield=True):
                await self._intake.save()
        unrecorded = self._intake.unrecorded
        self._intake.close()
        kept = 0
        if self._keeper is not None:
            await self._keeper.release()
            kept = self._keeper.count_kept(unrecorded)
        if (held := self.ledger.held - kept) > 0:
            self._lose(held, "given up at the end")

    def _lose(self, lines: int, reason: str) -> None:
        self.ledger.lose(lines, make_stamp(self._wall()))
        self._lost.tell(lines, now=self._clock(), error=reason)

    async def _report_rest(self) -> None:
        if self.ledger.owed:
            await self._outlet.report(Batch(self._new_id(), b"", 0, 0, (), self._clock()))

    def _open_following(self) -> "Following":
        from shuttle.input.files.file_input import Following  # noqa: PLC0415  # who reads stdin need not wait for SQLite

        return Following(self._config, log=self._log, clock=self._clock)

    def _open_spool(self) -> "Spool":
        from shuttle.delivery.spool import Spool  # noqa: PLC0415
        from shuttle.store.backlog import Backlog  # noqa: PLC0415  # SQLite again

        config = self._config
        assert config.spool
        backlog = Backlog.open(
            config.spool, most_bytes=config.spool_bytes, log=self._log, wall=self._wall, clock=self._clock
        )
        return Spool(
            backlog,
            max_bytes=config.back_bytes,
            max_batches=config.back_buff,
            ledger=self.ledger,
            lose=self._lose,
        )


def _number_ids() -> Callable[[], str]:
    """Return what gives the next Frame-Id, 32 hex digits: from a random one on, since each random one is a system call.

    Two processes do not meet: they would have to begin within a few billions of 2**128.
    """
    numbers = count(secrets.randbits(128))
    return lambda: f"{next(numbers) % 2**128:032x}"
