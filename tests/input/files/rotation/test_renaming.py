"""Rotation by renaming, while the agent runs: nothing missing, nothing twice.

In virtual time, so that back-off and the slow looks cost nothing; the files are real.
"""

import contextlib
from pathlib import Path

import pytest
import trio

from shuttle.input.files.rotation.rotated_path import QUIET
from shuttle.input.files.watcher import LOOK
from tests.helpers.following import RECOVERY, SOON, Agent, append, number_lines, rotate, soon
from tests.helpers.virtual import virtual


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.touch()
    return path


@pytest.fixture
def agent(log: Path) -> Agent:
    return Agent(log)


@virtual
async def test_rotation_during_back_off_loses_nothing(agent: Agent, log: Path) -> None:
    agent.hold_up()
    async with agent.following(num_outlets=1):
        for number in range(5):
            await agent.write(b"%d" % number)
            append(log, b"%d, right before" % number)
            rotate(log)
            await soon()
        append(log, b"last")
        assert agent.drain.lines == []
        agent.release()
        lines = [line for number in range(5) for line in (b"%d" % number, b"%d, right before" % number)]
        await agent.delivers(*lines, b"last", within=RECOVERY)


@virtual
async def test_rotations_during_a_stall_are_read_in_order(agent: Agent, log: Path) -> None:
    async with agent.held_up() as shuttle:
        for start in (0, 100, 200):
            await agent.write(*number_lines(start, start + 100))
            rotate(log)
            await soon()
        append(log, *number_lines(300, 400))
        agent.release()
        await agent.delivers(*number_lines(0, 400), within=RECOVERY)
    assert str(shuttle.ledger) == "read=400 delivered=400 dropped=0 lost=0 held=0"


@virtual
async def test_two_rotations_between_two_looks_lose_nothing(agent: Agent, log: Path) -> None:
    async with agent.following():
        await agent.write(b"one")
        append(log, b"two")
        rotate(log)
        append(log, b"three")
        rotate(log)
        append(log, b"four")
        await agent.delivers(b"one", b"two", b"three", b"four")


@virtual
async def test_late_lines_of_a_file_first_seen_rotated_are_read(agent: Agent, log: Path) -> None:
    async with agent.following():
        await agent.write(b"one")
        rotate(log)
        with log.open("ab", buffering=0) as middle:
            middle.write(b"two\n")
            rotate(log)
            await soon()
            middle.write(b"late\n")
            await agent.delivers(b"one", b"two", b"late", within=LOOK + SOON)


@virtual
async def test_late_lines_of_a_rotated_file_are_read_at_once(agent: Agent, log: Path) -> None:
    async with agent.following():
        with log.open("ab", buffering=0) as old:
            await soon()
            rotate(log)
            await soon()
            old.write(b"late\n")
            await agent.delivers(b"late")


@virtual
async def test_a_quiet_moved_file_is_closed(agent: Agent, log: Path, tmp_path: Path) -> None:
    append(log, b"one")
    async with agent.following(state_dir=tmp_path / "state"):
        await soon()
        for _ in range(5):
            rotate(log)
            await soon()
        await trio.sleep(QUIET + LOOK)
        assert _list_open(log) == [str(log)]
        append(log, b"two")
        await agent.delivers(b"one", b"two")


def _list_open(log: Path) -> list[str]:
    """Return the names of the file and its siblings that are open."""
    names = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # what listing it opens
            names.append(str(link.readlink()))
    return [name for name in names if name.startswith(str(log))]


class StepLimit(trio.abc.Instrument):
    """Cancels a scope once the tasks of the event loop have made so many steps: virtual time stands still meanwhile."""

    def __init__(self, most: int, scope: trio.CancelScope) -> None:
        self._left = most
        self._scope = scope

    def before_task_step(self, _task: trio.lowlevel.Task) -> None:
        self._left -= 1
        if self._left < 0:
            self._scope.cancel()


@virtual
async def test_a_quiet_file_waits_asleep_behind_a_busy_one(agent: Agent, log: Path) -> None:
    """Both are rotated, the older one still grows, and files are let go in their order."""
    async with agent.following():
        with log.open("ab", buffering=0) as busy:
            await soon()
            for line in (b"one", b"two"):
                rotate(log)
                append(log, line)
                await soon()
            with trio.CancelScope() as scope:
                limit = StepLimit(10_000, scope)
                trio.lowlevel.add_instrument(limit)
                for _ in range(20):
                    busy.write(b"late\n")
                    await trio.sleep(QUIET / 6)
                await trio.sleep(QUIET + LOOK)
                trio.lowlevel.remove_instrument(limit)
        assert not scope.cancelled_caught
        assert _list_open(log) == [str(log)]
        assert sorted(agent.drain.lines) == sorted([b"one", b"two", *[b"late"] * 20])


@virtual
async def test_an_empty_moved_file_is_closed(agent: Agent, log: Path) -> None:
    log.unlink()
    async with agent.following():
        await soon()
        log.touch()
        await soon()
        log.rename(log.with_name("elsewhere"))
        await trio.sleep(QUIET + LOOK)
        append(log, b"one")
        await agent.delivers(b"one")


@virtual
async def test_a_file_moved_away_and_back_is_read_once(agent: Agent, log: Path) -> None:
    async with agent.following():
        await agent.write(b"one")
        log.rename(log.with_name("aside"))
        await soon()
        log.with_name("aside").rename(log)
        await soon()
        append(log, b"two")
        await agent.delivers(b"one", b"two")


@virtual
async def test_a_moved_files_last_line_needs_no_newline(agent: Agent, log: Path) -> None:
    async with agent.following(partial_timeout=5.0):
        log.write_bytes(b"one\ntw")
        await soon()
        rotate(log)
        await agent.delivers(b"one", b"tw", within=5.0 + SOON)


@virtual
async def test_a_deleted_files_last_line_needs_no_newline(agent: Agent, log: Path) -> None:
    async with agent.following(partial_timeout=1000.0):
        log.write_bytes(b"one\ntw")
        await soon()
        log.unlink()
        await agent.delivers(b"one", b"tw", within=QUIET + LOOK)


@virtual
async def test_a_pattern_that_matches_rotated_files_reads_each_once(agent: Agent, log: Path) -> None:
    async with agent.following(f"{log}*"):
        for number in range(3):
            await agent.write(b"%d" % number)
            rotate(log)
            await trio.sleep(LOOK + SOON)
        append(log, b"last")
        await agent.delivers(b"0", b"1", b"2", b"last", within=LOOK + SOON)


@virtual
async def test_a_pattern_reads_nothing_twice_while_no_file_is_live(agent: Agent, log: Path) -> None:
    async with agent.following(f"{log}*"):
        await agent.write(b"one")
        rotate(log, create=False)
        await trio.sleep(LOOK + SOON)
        append(log, b"two")
        await agent.delivers(b"one", b"two", within=LOOK + SOON)


@virtual
async def test_rotated_lines_have_the_header_of_the_path(agent: Agent, log: Path) -> None:
    async with agent.following(procid="{name}"):
        await agent.write(b"one")
        append(log, b"two")
        rotate(log)
        append(log, b"three")
        await agent.delivers(b"one", b"two", b"three")
    assert all(b" app.log " in call.body for call in agent.drain.calls)
