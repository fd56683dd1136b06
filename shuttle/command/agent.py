"""The agent: a shuttle as a process, with stdin, signals, statistics and an exit code."""

import contextlib
import os
import resource
import signal
import stat
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from shuttle.command import signals
from shuttle.command.launch import Views, launch
from shuttle.command.signal_receiver import receive
from shuttle.config import Config
from shuttle.errors import ConfigError
from shuttle.observe.line_writer import LineWriter
from shuttle.observe.log import Logger
from shuttle.shuttle import Shuttle

if TYPE_CHECKING:
    from shuttle.observe.copy import Copy
    from shuttle.observe.progress_bar import ReplayProgress
    from shuttle.observe.service import Service

EXIT_UNREADABLE = 1  # stdin, or a path of a replay, was not read to its end; what was read is delivered
EXIT_MISSING = 3  # lines were dropped or lost; Go exits with 0
EXIT_SPOOLED = 4  # the rest is in the spool, or in the files of a replay, and the next start delivers it
EXIT_SIGNAL = 128  # and the signal's number: a replay was interrupted
READING_SHARE = 0.8  # of land_timeout: how long a stopped agent goes on reading; the rest is for delivering
STDIN, STDOUT = 0, 1


def run(config: Config) -> int:
    """Forward stdin, or files, to the end or until a signal, and return the exit code: 0 if every line was delivered.

    Raises:
        ConfigError: stdin or a file that the configuration names cannot be used.
    """
    if config.file:
        _raise_file_limit()
    else:
        _check_stdin()
    return launch(config, Agent)


def _check_stdin() -> None:
    if os.isatty(STDIN):
        accepted = "must be a pipe or a file, as in app | log-shuttle -logs-url URL"
        raise ConfigError(f"No stdin detected: stdin is a terminal; {accepted}")


def _raise_file_limit() -> None:
    """Raise the limit of open files as far as the system allows: each followed file is open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems take no "unlimited" here
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _take_service(log: Logger) -> "Service | None":
    """Return the service manager to notify, if there is one."""
    if "NOTIFY_SOCKET" not in os.environ:
        return None
    from shuttle.observe.service import take_service  # noqa: PLC0415  # only services pay for it

    return take_service(os.environ, log)


class Agent:
    """A shuttle and the process around it."""

    def __init__(self, config: Config, views: Views) -> None:
        self._config = config
        self._log = log = views.log
        self._views = views
        self._shuttle = Shuttle(config, log=log)
        self._reading = anyio.CancelScope()
        self._signal: signal.Signals | None = None  # that ended the reading
        self._unread = 0  # bytes of files that were there when it came
        self._unreadable = False  # something that was to be read to its end was not
        self._copies: dict[int, Copy] = {}  # of what is read, by the descriptor
        self._service = _take_service(log)

    async def run(self) -> int:
        """Forward everything, and return the exit code."""
        with receive() as received:  # the command holds them back until here
            async with self._shuttle, self._copy(STDOUT), anyio.create_task_group() as tasks:
                tasks.start_soon(self._obey, received)
                self._begin_views(tasks)
                self._begin_line(tasks)
                self._begin_service(tasks)
                await self._forward()
                tasks.cancel_scope.cancel()
        await self._end()
        return self._choose_exit_code()

    def _begin_views(self, tasks: TaskGroup) -> None:
        """Show in `tasks` what the configuration wants to be shown."""
        if self._config.stats_interval:
            tasks.start_soon(self._print_statistics)
        if self._views.site:
            tasks.start_soon(self._views.site.run, self._shuttle.take_snapshot)

    def _begin_line(self, tasks: TaskGroup) -> None:
        """Show in `tasks`, on a terminal, what keeps the lines from the drain."""
        if self._views.line:
            tasks.start_soon(self._views.line.run, self._shuttle.take_snapshot)

    def _begin_service(self, tasks: TaskGroup) -> None:
        """Tell the service manager, if there is one, that the process is ready, and send signs of life from `tasks`."""
        if self._service:
            self._service.tell_ready()
            tasks.start_soon(self._service.run)

    def _end_service(self) -> None:
        """Tell the service manager, if there is one, that the process ends by a deadline.

        It is not told before. It would take that for its own order to stop: a later one would bring no signal, and a
        landing that goes on for as long as it makes progress would be killed.
        """
        if self._service:
            self._service.tell_stopping()

    async def _end(self) -> None:
        """Log the results at the end."""
        if cut := sum(copy.cut for copy in self._copies.values()):
            self._log.warning("copy.cut", bytes=cut, advice="the reader of -tee's copy is too slow, or gone")
        if self._config.stats_interval:
            LineWriter(STDOUT).write(self._shuttle.render_statistics())
        self._tell()

    async def _forward(self) -> None:
        """Read until the end of stdin or of the files, or as long as a signal leaves time, then land."""
        async with self._show_progress():
            with self._reading:
                if self._config.file:
                    await self._shuttle.follow()
                else:
                    await self._read_stdin()
            await self._shuttle.land()

    @contextlib.asynccontextmanager
    async def _show_progress(self) -> AsyncIterator[None]:
        """Show a bar in the block if somebody watches, and a summary at its end."""
        if self._views.bar is None:
            yield
            return
        started = anyio.current_time()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._views.bar.run, lambda: _measure(self._shuttle))
                yield
                tasks.cancel_scope.cancel()
        finally:
            self._views.bar.clear()
        done, _, lines = _measure(self._shuttle)
        seconds = anyio.current_time() - started
        rate = round(lines / seconds) if seconds else 0
        self._log.info("replayed", bytes=done, lines=lines, seconds=seconds, **{"lines/s": rate})

    async def _read_stdin(self) -> None:
        if stat.S_ISREG(os.fstat(STDIN).st_mode):
            self._shuttle.hold_input()  # a file waits as long as it takes
        try:
            await self._read(STDIN, copy_to=STDOUT)
        except OSError as error:
            self._unreadable = True
            advice = "stdin was not read to its end: it must be a pipe, a socket or a file that can be read"
            self._log.error("input.failed", error=error.strerror or str(error), advice=advice)

    @contextlib.asynccontextmanager
    async def _copy(self, *fds: int) -> AsyncIterator[None]:
        """Copy the input to `fds` during the block, if `-tee` asks for it."""
        if not self._config.tee or self._config.file:
            yield
            return
        from shuttle.observe.copy import copying  # noqa: PLC0415  # few want it

        async with copying(*fds) as copies:
            self._copies = dict(zip(fds, copies, strict=True))
            yield

    async def _read(self, fd: int, *, prival: str = "", copy_to: int, own: bool = False) -> None:
        copy = self._copies.get(copy_to)
        await self._shuttle.read(fd, prival=prival, copy=copy.write if copy else None, own=own)

    async def _obey(self, received: AsyncIterator[signal.Signals]) -> None:
        """Land on the first signal, end on the second, and answer those that ask."""
        async for number in received:
            if number == signals.ASKING:
                self._log.info("status", **self._count(), **self._shuttle.describe_drain())
            elif self._signal is None:
                self._land(number)
            else:
                self._log.warning("stop.now", signal=number.name)
                self._shuttle.abort()
                self._reading.cancel()
                return

    def _land(self, number: signal.Signals) -> None:
        """End within `land_timeout`. The writer of the pipe was told to stop too, and is read to its end."""
        self._signal = number
        now = anyio.current_time()
        self._shuttle.limit_landing(now + self._config.land_timeout)
        # The writer of the pipe must be read to its end; the next start reads the rest of a file.
        reads_on = self._shuttle.leave_files() if self._config.file else True
        read, total, _ = self._shuttle.measure()
        self._unread = total - read
        self._reading.deadline = now + (self._config.land_timeout * READING_SHARE if reads_on else 0.0)
        self._end_service()
        self._log.info("land", signal=number.name, within=self._config.land_timeout)

    async def _print_statistics(self) -> None:
        stdout = LineWriter(STDOUT)
        while True:
            await anyio.sleep(self._config.stats_interval)
            stdout.write(self._shuttle.render_statistics())

    def _choose_exit_code(self) -> int:
        ledger, replays = self._shuttle.ledger, bool(self._config.file) and not self._config.follow
        if replays and self._signal and (self._unread or ledger.held or ledger.lost or self._shuttle.incomplete):
            advice = "deliver the files again before you remove them"
            self._log.warning("replay.interrupted", unread=self._unread, held=ledger.held, advice=advice)
            return EXIT_SIGNAL + self._signal
        if replays and ledger.held and not self._signal:
            advice = "the next start delivers the rest; do not remove the files"
            self._log.warning("replay.incomplete", held=ledger.held, advice=advice)
            return EXIT_MISSING if ledger.dropped or ledger.lost else EXIT_SPOOLED
        if ledger.dropped or ledger.lost:
            return EXIT_MISSING
        if self._unreadable or (replays and self._shuttle.incomplete):
            return EXIT_UNREADABLE
        return EXIT_SPOOLED if ledger.spooled else 0

    def _tell(self) -> None:
        ledger = self._shuttle.ledger
        missing = ledger.dropped or ledger.lost
        if missing or ledger.held or self._config.verbose:
            (self._log.warning if missing else self._log.info)("ledger", **self._count())

    def _count(self) -> dict[str, int]:
        names = ["read", "delivered", "dropped", "lost", "held"]
        names += ["spooled"] if self._config.spool else []
        names += ["missed"] if self._shuttle.ledger.missed else []
        return {name: getattr(self._shuttle.ledger, name) for name in names}


def _measure(shuttle: Shuttle) -> "ReplayProgress":
    """Return the progress of a replay; bytes count as delivered in proportion to lines."""
    from shuttle.observe.progress_bar import ReplayProgress  # noqa: PLC0415  # as above

    read, total, delivered = shuttle.measure()
    lines = shuttle.ledger.read
    done = read * (lines - shuttle.ledger.held) // lines if lines else read
    return ReplayProgress(done, total, delivered)
