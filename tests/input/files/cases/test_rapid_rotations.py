"""Rotations in quick succession, and of many files together: every generation is still there to be found."""

from pathlib import Path

import pytest

from tests.helpers.following import copytruncate, soon
from tests.helpers.system_calls import system_calls
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual


@both
@virtual
async def test_many_files_that_are_rotated_together_lose_nothing(logs: Path, state: Path, down: bool) -> None:
    trial = Trial(logs / "*.log", state_dir=state)
    paths = [logs / f"{number}.log" for number in range(100)]
    for path in paths:
        trial.write(path, 1)
    async with trial:
        async with trial.away(down):
            for path in paths:
                trial.write(path, 1)
                path.rename(path.with_name(f"{path.name}.1"))
                trial.write(path, 1)
        await trial.expect_all(LONG)


class Rotating:
    """Rotates again and again, each time while the agent is about to make another call."""

    def __init__(self, trial: Trial, log: Path, every: int, *, copies: bool = False) -> None:
        self._trial = trial
        self._copies = copies
        self._log = log
        self._every = every
        self.left = 0
        self._calls = 0

    def interfere(self, kind: str, path: Path) -> None:
        self._calls += 1
        if self.left and self._calls % self._every == 0:
            self.left -= 1
            self.rotate()

    def rotate(self) -> None:
        """Write a generation, and rename it, or copy it and truncate the file, as logrotate does."""
        self._trial.write(self._log, 5)
        numbers = sorted((int(path.suffix[1:]) for path in self._log.parent.glob("app.log.*")), reverse=True)
        for number in numbers:
            self._log.with_name(f"app.log.{number}").rename(self._log.with_name(f"app.log.{number + 1}"))
        if self._copies:
            copytruncate(self._log)
        else:
            self._log.rename(self._log.with_name("app.log.1"))
            self._log.touch()


@pytest.mark.parametrize("every", [1, 2, 3, 5, 8, 13, 21, 34])
@virtual
async def test_rotations_while_the_agent_looks_lose_nothing(log: Path, every: int) -> None:
    """They come some milliseconds apart, and every generation is still there to be found."""
    log.touch()
    with system_calls(log.parent) as calls:
        async with Trial(log) as trial:
            rotating = Rotating(trial, log, every)
            calls.before = rotating.interfere
            with calls.own():
                trial.write(log, 1)
            await soon()
            rotating.left = 20
            with calls.own():
                trial.write(log, 1)
            await soon()
            await trial.expect_all(LONG)


@pytest.mark.parametrize("every", [5, 8, 13, 21, 34])
@virtual
async def test_copies_that_are_made_while_the_agent_looks_are_read(log: Path, every: int) -> None:
    """Each time all is copied that the file holds, and nothing is written until it is cut."""
    log.touch()
    with system_calls(log.parent) as calls:
        async with Trial(log) as trial:
            rotating = Rotating(trial, log, every, copies=True)
            calls.before = rotating.interfere
            with calls.own():
                trial.write(log, 1)
            await soon()
            rotating.left = 20
            with calls.own():
                trial.write(log, 1)
            await soon()
            await trial.expect_all(LONG)
