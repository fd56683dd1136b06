"""Agents that are killed at any step, as by -9, in virtual time.

A step is a call of the system about a log, or a request that arrives at the drain. At the one at which an agent is
killed what it has recorded is copied, for the next one; from then on nothing that it does is heard or kept.
"""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx

from tests.helpers.following import following
from tests.helpers.system_calls import SystemCalls
from tests.helpers.trial import Trial


class Mortal(httpx.AsyncBaseTransport):
    """The drain as one agent reaches it: while that lives."""

    def __init__(self, drain: httpx.AsyncBaseTransport, step: Callable[[], None]) -> None:
        self.alive = True
        self._drain = drain
        self._step = step

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._step()
        self._see_alive()
        answer = await self._drain.handle_async_request(request)
        self._step()
        self._see_alive()  # the drain has taken it, and nobody hears the answer
        return answer

    def _see_alive(self) -> None:
        if not self.alive:
            raise httpx.ConnectError("the agent was killed")


class Lives:
    """Has one agent after the other follow `log`, which all go on from what is in `state`.

    Each of them does something `every` so many steps, as long as there is something in `to_do`.
    """

    def __init__(self, trial: Trial, log: Path, state: Path, calls: SystemCalls, **settings: Any) -> None:
        self.every = 1
        self.to_do: list[Callable[[], None]] = []
        self._trial = trial
        self._log = log
        self._state = state
        self._calls = calls
        self._settings = {"from_": "beginning", "num_outlets": 1, "land_timeout": 0.0, **settings}
        self._steps = 0
        self._last: float = math.inf
        self._count = 0
        self._mortal = Mortal(trial.drain, self._step)
        self._killed = anyio.Event()
        calls.before = lambda kind, path: self._step()

    async def live(self, seconds: float, steps: float = math.inf) -> None:
        """Follow for so many seconds, or until that step, and be killed."""
        self._steps, self._last = 0, steps
        self._mortal, self._killed = Mortal(self._trial.drain, self._step), anyio.Event()
        settings = {**self._settings, "state_dir": self._state}
        async with following(self._mortal, self._log, log=self._trial.log, **settings) as shuttle:
            with anyio.move_on_after(seconds):
                await self._killed.wait()
            self._kill()
            assert shuttle.ledger.lost == 0, "lines were called lost"
        while self.to_do:
            self.to_do.pop(0)()

    def _step(self) -> None:
        if not self._mortal.alive:
            return
        self._steps += 1
        if self.to_do and self._steps % self.every == 0:
            with self._calls.own():
                self.to_do.pop(0)()
        if self._steps >= self._last:
            self._kill()

    def _kill(self) -> None:
        if self._mortal.alive:
            self._mortal.alive = False
            self._count += 1
            before, self._state = self._state, self._state.with_name(f"state-{self._count}")
            if before.exists():
                with self._calls.own():
                    shutil.copytree(before, self._state)
            self._killed.set()
