"""The wrapper: an agent that starts the application, passes signals to it, and ends with its exit code.

Theory of operation:

    running ──both pipes have ended, or the application has──▶ landing ──▶ waiting for the application ──▶ over

- A signal that may end the application ends the wrapper if it comes before the application is started.
- While the application runs, every signal goes to it, and it alone decides whether to end. Lines are read and delivered
  until it does: somebody who asks it to stop wants to see what it says then.
- The landing ends `land_timeout` after the last signal that may have ended the application. It has LEAST_TIME at least.
- Such a signal while landing limits the landing, too. If there is a limit already, it ends the landing.
- When the application has ended, a process that it has left behind may keep the pipes open. They are read for LINGER.
  What they hold then is taken in at once, whether there is room or not: nobody else can read it.

As process 1 it lets go of every process that has ended.
"""

import functools
import math
import os
import signal
import threading
from collections.abc import AsyncIterator, Sequence

import anyio

from shuttle.command import signals
from shuttle.command.agent import STDOUT, Agent
from shuttle.command.launch import STDERR, Views, launch
from shuttle.command.signal_receiver import Received, receive_all
from shuttle.config import Config
from shuttle.errors import ConfigError, quote
from shuttle.input import application
from shuttle.input.application import KILLED, Application

LINGER = 0.5  # seconds that pipes are read after the application has ended
LEAST_TIME = 1.0  # seconds for the landing if the application took all the time since the signal


def wrap(config: Config, command: Sequence[str]) -> int:
    """Start `command`, forward what it writes until it ends, and return its exit code.

    Raises:
        ConfigError: The configuration cannot be used.
        ApplicationError: `command` cannot be started.
    """
    refuse_files(config)
    signals.hold_all()
    return launch(config, lambda config, views: Wrapper(config, views, command))


def refuse_files(config: Config) -> None:
    """Check that there are no files to follow beside an application.

    Raises:
        ConfigError: There are.
    """
    if config.file:
        reason = "cannot be combined with -- and an application, whose output is read instead"
        raise ConfigError(f"-file {quote(config.file[0])}: {reason}")


class Wrapper(Agent):
    """An agent around the application that `command` starts."""

    def __init__(self, config: Config, views: Views, command: Sequence[str]) -> None:
        super().__init__(config, views)
        self._command = command
        self._ended = anyio.Event()  # the application has
        self._lands = False
        self._limit = -math.inf  # when the landing is to end, because of a signal
        self._early: set[signal.Signals] = set()  # those that came while the application was started
        self._code = 0

    async def run(self) -> int:
        """Start the application, forward what it writes, and return its exit code.

        Raises:
            ApplicationError: It cannot be started.
        """
        begin = threading.Event()
        received = receive_all(begin)
        async with self._shuttle:
            if ending := signals.find_held().intersection(signals.ENDING):
                return KILLED + min(ending)
            started = application.start(self._command, split_errors=self._config.split_stderr)
            self._early = signals.find_held()
            begin.set()
            streams = (STDOUT, STDERR) if self._config.split_stderr else (STDOUT,)
            async with self._copy(*streams), anyio.create_task_group() as tasks:
                tasks.start_soon(self._handle, received, started)
                self._begin_views(tasks)
                self._begin_service(tasks)
                await self._read_all(started)
                self._begin_landing()
                if self._ended.is_set():  # else the terminal is the application's
                    self._begin_line(tasks)
                await self._shuttle.land()
                await self._ended.wait()
                tasks.cancel_scope.cancel()
        await self._end()
        return self._code

    async def _read_all(self, started: Application) -> None:
        """Read the pipes to their end, or for a while after the application has ended."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._linger, tasks.cancel_scope)
            async with anyio.create_task_group() as readers:
                read = functools.partial(self._read, own=True)
                readers.start_soon(functools.partial(read, started.output, copy_to=STDOUT))
                if (errors := started.errors) is not None:
                    prival = self._config.stderr_prival
                    readers.start_soon(functools.partial(read, errors, prival=prival, copy_to=STDERR))
            tasks.cancel_scope.cancel()
        started.close()

    async def _linger(self, scope: anyio.CancelScope) -> None:
        """Cancel `scope` a while after the application has ended, if another process keeps the pipes open."""
        await self._ended.wait()
        await anyio.sleep(LINGER)
        scope.cancel()

    async def _handle(self, received: AsyncIterator[Received], started: Application) -> None:
        """Pass signals on, limit the landing, and note the end of the application."""
        async for number, from_terminal in received:
            if number == signal.SIGCHLD:
                started.reap(orphans=os.getpid() == 1)
                if started.code is not None:
                    self._code = started.code
                    self._ended.set()
                continue
            if number in self._early or not (from_terminal and started.grouped):
                started.signal(number)
            self._early.discard(number)
            if number in signals.ENDING and self._hurry(number):
                return

    def _hurry(self, number: signal.Signals) -> bool:
        """Limit the landing; if it has a limit already, end it and return True."""
        if (self._lands or self._ended.is_set()) and self._limit > -math.inf:
            self._log.warning("stop.now", signal=number.name)
            self._code = self._code if self._ended.is_set() else KILLED + number
            self._shuttle.abort()
            return True
        self._limit = anyio.current_time() + self._config.land_timeout
        if self._lands:
            self._end_service()
            self._shuttle.limit_landing(self._limit)
        return False

    def _begin_landing(self) -> None:
        self._lands = True
        if self._limit > -math.inf:
            self._end_service()
            self._shuttle.limit_landing(max(self._limit, anyio.current_time() + LEAST_TIME))
