"""A call that fails is about one file: it is told once and tried again, and neither ends the agent nor costs a line."""

import errno
import gc
import itertools
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from tests.helpers.descriptors import list_descriptors
from tests.helpers.following import append, copytruncate, rotate, soon
from tests.helpers.system_calls import system_calls
from tests.helpers.trial import LONG, Trial
from tests.helpers.virtual import virtual

ERRORS = (errno.EIO, errno.ESTALE)
AGAIN = 30.0  # seconds of virtual time, in which what has failed is tried again


class Failure:
    """The call of this kind and number fails, while an agent follows through rotations and a restart."""

    def __init__(self, place: Path, kind: str, number: int, rotate: Callable[[Path], None] = rotate) -> None:
        self.came = False
        self._logs = place / f"{kind} {number}"
        self._state = place / f"{kind} {number}, state"
        self._kind = kind
        self._number = number
        self._rotate = rotate
        self._error = ERRORS[number % len(ERRORS)]

    async def follow(self) -> str:
        """Say what is wrong, if anything is: each line arrives, and the failure is told of once at most."""
        self._logs.mkdir()
        with warnings.catch_warnings(record=True) as left:
            warnings.simplefilter("always", ResourceWarning)
            wrong = await self._follow()
            gc.collect()  # what is not referred to any more says whether it was closed
        return wrong or f"left {len(left)} files open" if left else wrong

    async def _follow(self) -> str:
        trial = Trial(self._logs / "*.log", state_dir=self._state, land_timeout=0.0)
        try:
            with system_calls(self._logs) as self._calls:
                self._calls.before = self._fail
                await self._run(trial)
        except AssertionError as error:
            return str(error)
        told = trial.log.about(self._logs)
        return "" if len(told) <= 1 else f"told of {len(told)} times"

    def _fail(self, kind: str, path: Path) -> None:
        if kind == self._kind and self._calls.counts[kind] == self._number:
            self.came = True
            raise OSError(self._error, os.strerror(self._error), os.fspath(path))

    async def _run(self, trial: Trial) -> None:
        log, other = self._logs / "app.log", self._logs / "other.log"
        trial.write(log, 3)
        trial.hold_up()  # what is in flight when the agent is stopped is sent again
        async with trial:
            for down in (True, False):
                async with trial.away(down):
                    trial.release()
                    with self._calls.own():
                        trial.write(log, 2)
                        self._rotate(log)
                        trial.write(log, 1)
                        trial.write(other, 1)
            with self._calls.own():
                trial.write(log, 1)
            await soon()
            if self._kind == "close":  # which what was moved is late; all other calls come again and again
                await trial.expect_all(LONG)
            elif self.came:
                await trial.expect_all(AGAIN)


def shift_and_copy(log: Path) -> None:
    """Rotate as logrotate does with copytruncate and two generations."""
    first = log.with_name("app.log.1")
    if first.exists():
        first.rename(log.with_name("app.log.2"))
    copytruncate(log)


async def let_each_fail(place: Path, kind: str, rotate: Callable[[Path], None]) -> None:
    """Let the first call fail, the second, and so on."""
    wrong: dict[int, str] = {}
    gc.freeze()  # what is there is not looked at in each run
    for number in itertools.count(1):
        failure = Failure(place, kind, number, rotate)
        if result := await failure.follow():
            wrong[number] = result
        if not failure.came:
            break
    gc.unfreeze()
    assert number > 1
    assert wrong == {}, f"{len(wrong)} of {number - 1} runs: {wrong}"


@pytest.mark.parametrize("kind", ["stat", "read", "open", "close", "list"])
@virtual
async def test_one_call_that_fails_ends_nothing_and_costs_nothing(tmp_path: Path, kind: str) -> None:
    await let_each_fail(tmp_path, kind, rotate)


@pytest.mark.parametrize("kind", ["stat", "read", "open"])
@virtual
async def test_one_call_that_fails_during_copytruncate_costs_nothing(tmp_path: Path, kind: str) -> None:
    await let_each_fail(tmp_path, kind, shift_and_copy)


@pytest.mark.parametrize("calls", [5, 50], ids=["a while", "long"])
@virtual
async def test_a_file_that_cannot_be_read_for_a_while_is_told_of_once(log: Path, calls: int) -> None:
    """The other one goes on, and then it is read."""
    other = log.with_name("other.log")

    def fail(kind: str, path: Path) -> None:
        if kind == "read" and path == log and seen.counts["failed"] < calls:
            seen.counts["failed"] += 1
            raise OSError(errno.EIO, "Input/output error", os.fspath(path))

    log.touch()
    with system_calls(log.parent) as seen:
        seen.before = fail
        async with Trial(log, other) as trial:
            for _ in range(5):
                with seen.own():
                    trial.write(log, 1)
                    trial.write(other, 1)
                await soon()
            await trial.expect_all(calls * 60.0)
    assert seen.counts["failed"] == calls
    assert len(trial.log.about(log)) == 1


@pytest.mark.parametrize("failing", ["open", "read"])
@virtual
async def test_a_rotated_file_that_cannot_be_read_for_a_while_is_not_given_up(
    log: Path, state: Path, failing: str
) -> None:
    """What was in flight when the agent was stopped stands in it, and lines that were never read."""
    moved = log.with_name("app.log.1")

    def fail(kind: str, path: Path) -> None:
        if kind == failing and path == moved and seen.counts["failed"] < 10:
            seen.counts["failed"] += 1
            raise OSError(errno.EIO, "Input/output error", os.fspath(path))

    trial = Trial(log, state_dir=state, land_timeout=0.0)
    trial.write(log, 10)
    trial.hold_up()
    with system_calls(log.parent) as seen:
        async with trial:
            async with trial.away(down=True):
                trial.release()
                with seen.own():
                    trial.write(log, 10)
                    rotate(log)
                    trial.write(log, 10)
                seen.before = fail
            await trial.expect_all(LONG)
    assert seen.counts["failed"] == 10
    assert len(trial.log.about(log)) == 1


@virtual
async def test_a_rotated_file_that_can_never_be_read_stops_its_path_for_a_while(log: Path, state: Path) -> None:
    """What cannot be read is a missed stretch in the end, and the file that the path leads to is followed."""
    moved = log.with_name("app.log.1")

    def fail(kind: str, path: Path) -> None:
        if kind == "read" and path == moved:
            raise OSError(errno.EIO, "Input/output error", os.fspath(path))

    trial = Trial(log, state_dir=state)
    trial.write(log, 10)
    with system_calls(log.parent) as seen:
        async with trial:
            await soon()
            async with trial.away(down=True):
                with seen.own():
                    trial.write(log, 10)
                    rotate(log)
                    trial.write(log, 10)
                seen.before = fail
            await anyio.sleep(LONG)
    await trial.expect_counted()
    assert trial.sums.missing == 10


@virtual
async def test_a_path_that_cannot_be_opened_is_told_of_once_while_its_old_file_is_read(log: Path) -> None:
    def fail(kind: str, path: Path) -> None:
        if kind == "open" and path == log:
            raise OSError(errno.EIO, "Input/output error", os.fspath(path))

    log.touch()
    with system_calls(log.parent) as seen:
        async with Trial(log) as trial:
            seen.before = fail
            with seen.own():
                rotate(log)
            for _ in range(5):
                with seen.own():
                    trial.write(log.with_name("app.log.1"), 1)
                    trial.write(log, 1)
                await anyio.sleep(11.0)
            seen.before = lambda kind, path: None
            await trial.expect_all(LONG)
    assert len(trial.log.about(log)) == 1


@virtual
async def test_a_failed_open_leaves_no_descriptor(log: Path) -> None:
    """The file can be opened, and not be read: /proc/self/mem is such a one."""
    log.symlink_to("/proc/self/mem")
    async with Trial(log, log.with_name("other.log")) as trial:
        for _ in range(10):
            trial.write(log.with_name("other.log"), 1)
            await anyio.sleep(11.0)
        left = [name for name in list_descriptors().values() if name.endswith("/mem")]
        await trial.expect_all()
        assert len(left) <= 1, f"{len(left)} descriptors"


@pytest.mark.parametrize("failing", ["stat", "read"])
@pytest.mark.parametrize("when", ["at the start", "when it appears", "when another takes its place"])
@virtual
async def test_an_open_that_fails_halfway_leaves_no_descriptor(log: Path, when: str, failing: str) -> None:
    opened: list[Path] = []

    def fail(kind: str, path: Path) -> None:
        opened.extend([path] if kind == "open" else [])
        if kind == failing and opened:
            raise OSError(errno.EIO, "Input/output error", os.fspath(path))

    if when != "when it appears":
        append(log, b"foreign")
    with system_calls(log) as calls:
        if when == "at the start":
            calls.before = fail
        async with Trial(log, from_="end") as trial:
            calls.before = fail
            with calls.own():
                if when == "when another takes its place":
                    rotate(log)
                append(log, b"foreign")
            await anyio.sleep(LONG)
            left = [name for name in list_descriptors().values() if name == str(log)]
            calls.before = lambda kind, path: None
            await anyio.sleep(LONG)
            trial.write(log, 1)
            await soon()
    assert opened
    assert trial.sums.missing == 0
    assert len(left) <= 1, f"{len(left)} descriptors"
