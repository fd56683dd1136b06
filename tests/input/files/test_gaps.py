"""Gaps are passed over once they have stood a while; each line beside them is sent once, or counted.

In virtual time, on real files. Each test writes as an application does that does not append.
"""

import errno
import gzip
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import anyio
import pytest

from shuttle.input.files.data_reader import AT_ONCE, SHORT
from shuttle.input.files.gaps import PATIENCE
from tests.helpers.following import RECOVERY, Agent, copytruncate, rotate, soon
from tests.helpers.system_calls import system_calls
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.touch()
    return path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@contextmanager
def written(path: Path, offset: int = 0) -> Iterator[BinaryIO]:
    with path.open("r+b", buffering=0) as file:
        file.seek(offset)
        yield file


def put(trial: Trial, file: BinaryIO, count: int) -> None:
    file.write(b"".join(line + b"\n" for line in trial.make(count)))


@both()
@virtual
async def test_what_a_crash_has_left_in_the_middle_of_a_log_is_not_sent(log: Path, state: Path, down: bool) -> None:
    """Zeros that are on the disk, behind a line of which the disk has only the beginning."""
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 10)
        await soon()
        async with trial.away(down):
            trial.write_line(log, b"half a li")
            os.truncate(log, log.stat().st_size - 1)
            with log.open("ab") as file:
                file.write(bytes(4096))
            trial.write(log, 10)
        await trial.expect_all(LONG, ordered=True)
    assert [data["bytes"] for data in trial.log.named("file.gap")] == [4096]


@virtual
async def test_a_few_zeros_in_the_middle_of_a_log_are_sent(log: Path) -> None:
    async with Trial(log) as trial:
        trial.write_line(log, b"\0" * (SHORT - 1) + b"line")
        trial.write_line(log, b"name" + b"\0" * SHORT)
        await trial.expect_all(LONG)
    assert trial.log.warnings == []


@virtual
async def test_a_hole_that_is_filled_soon_is_none(log: Path) -> None:
    """Two threads write, each at a place of its own; the one that comes first in the file is late."""
    async with Trial(log) as trial:
        trial.write(log, 1)
        await soon()
        with written(log, log.stat().st_size) as file:
            first, second = (b"".join(line + b"\n" for line in trial.make(100)) for _ in range(2))
            start = file.tell()
            file.seek(len(first), os.SEEK_CUR)
            file.write(second)
            await anyio.sleep(PATIENCE / 2)
            file.seek(start)
            file.write(first)
            await trial.expect_all(ordered=True)
    assert trial.log.warnings == []


@virtual
async def test_many_gaps_are_waited_for_together(log: Path) -> None:
    """As of an application that writes whole buffers, with zeros behind each line."""
    async with Trial(log) as trial:
        await soon()
        with log.open("ab") as file:
            for line in trial.make(200):
                file.write((line + b"\n").ljust(1024, b"\0"))
        await trial.expect_all(2 * PATIENCE + 1.0, ordered=True)
    assert sum(int(str(data["bytes"])) for data in trial.log.named("file.gap")) < 1024
    assert len(trial.log.named("file.gap")) == 1


@virtual
async def test_a_gap_holds_up_the_files_behind_it(log: Path, tmp_path: Path) -> None:
    """They are newer, and a file is done with before the next is begun."""
    async with Trial(log) as trial:
        with written(log) as file:
            put(trial, file, 10)
            await soon()
            file.seek(1 << 20, os.SEEK_CUR)
            put(trial, file, 10)
            rotate(log)
        trial.write(log, 10)
        await trial.expect_all(LONG, ordered=True)


@virtual
async def test_a_replay_waits_for_nobody(log: Path) -> None:
    trial = Trial(log, follow=False)
    with written(log) as file:
        put(trial, file, 10)
        file.seek(1 << 20, os.SEEK_CUR)
        put(trial, file, 10)
    async with trial:
        await trial.expect_all(0.1, ordered=True)
    assert [(data["offset"], data["bytes"]) for data in trial.log.named("file.gap")] == [(310, 1 << 20)]


@virtual
async def test_a_deleted_file_is_read_past_its_gap_at_the_end(log: Path) -> None:
    """At once: the reading has an end, and nobody can read it later."""
    agent = Agent(log)
    async with agent.following() as shuttle:
        with written(log) as file:
            file.write(b"one\n")
            await soon()
            file.seek(1 << 20, os.SEEK_CUR)
            file.write(b"two\n")
            log.unlink()
            shuttle.leave_files()
            await agent.delivers(b"one", b"two", within=PATIENCE / 2)


@pytest.mark.parametrize("number", range(8))
@virtual
async def test_a_call_that_fails_beside_a_gap_costs_no_line(log: Path, number: int) -> None:
    """Each in turn, from the moment at which the gap appears."""

    def fail(kind: str, path: Path) -> None:
        if kind == "read" and path == log:
            seen.counts["tried"] += 1
            if seen.counts["tried"] == number + 1:
                raise OSError(errno.EIO, "Input/output error", os.fspath(path))

    with system_calls(log.parent) as seen:
        async with Trial(log) as trial:
            with seen.own(), written(log) as file:
                put(trial, file, 10)
                await soon()
                seen.before = fail
                file.seek(1 << 20, os.SEEK_CUR)
                put(trial, file, 10)
            await trial.expect_all(LONG, ordered=True)
    assert seen.counts["tried"] > number


@virtual
async def test_a_compressed_file_has_gaps_too(log: Path, state: Path) -> None:
    """It was compressed while the agent was down; where the original had a hole there are zeros."""
    async with Trial(log, state_dir=state) as trial:
        with written(log) as file:
            put(trial, file, 10)
            await soon()
            async with trial.away(True):
                file.seek(3 * AT_ONCE, os.SEEK_CUR)
                put(trial, file, 10)
                log.with_name("app.log.1.gz").write_bytes(gzip.compress(log.read_bytes(), 1))
                log.unlink()
                log.touch()
        trial.write(log, 10)
        await trial.expect_all(LONG, ordered=True)
    assert [data["bytes"] for data in trial.log.named("file.gap")] == [3 * AT_ONCE]


@virtual
async def test_a_batch_beside_a_gap_is_sent_again_after_a_kill(log: Path, state: Path) -> None:
    """By its id, and once: its lines stand before the gap and behind it."""
    trial = Trial(log, state_dir=state, batch_size=15, wait=30.0)
    trial.hold_up()
    async with trial:
        with written(log) as file:
            put(trial, file, 10)
            file.write(b"half a li")
            await soon()
            file.seek(1 << 20, os.SEEK_CUR)
            put(trial, file, 20)
        await anyio.sleep(4 * PATIENCE)
        tried = [call.id for call in trial.drain.calls]
        assert tried
        shutil.copytree(state, state.with_name("killed"))
        await trial.stop()
        trial.release()
        await trial.start(state_dir=state.with_name("killed"))
        await anyio.sleep(RECOVERY)
    lines = trial.lines
    assert lines[10] == b"half a li"
    assert lines[:10] + lines[11:] == trial._written
    assert trial.drain.taken[tried[0]].lines == tuple(lines[:15])


@pytest.mark.parametrize("lines", [1, 10, 1000])
@virtual
async def test_a_hole_left_before_anybody_has_looked_is_not_sent(log: Path, lines: int) -> None:
    """Written, copied, cut and written again, all within one look."""
    async with Trial(log) as trial:
        with written(log) as file:
            put(trial, file, 1)
            await soon()
            copytruncate(log)
            await soon()
            put(trial, file, lines)
            log.with_name("app.log.1").rename(log.with_name("app.log.2"))
            copytruncate(log)
            put(trial, file, 1)
        await trial.expect_all(LONG)


@virtual
async def test_a_hole_in_a_new_file_that_nobody_has_looked_at_is_not_sent(log: Path) -> None:
    async with Trial(log) as trial:
        trial.write(log, 1)
        await soon()
        rotate(log)
        await soon()
        with written(log) as file:
            put(trial, file, 3)
            log.with_name("app.log.1").rename(log.with_name("app.log.2"))
            copytruncate(log)
            put(trial, file, 1)
        await trial.expect_all(LONG)


@virtual
async def test_a_restart_between_the_cut_and_the_next_line_forgets_nothing(log: Path, state: Path) -> None:
    async with Trial(log, state_dir=state) as trial:
        with written(log) as file:
            put(trial, file, 1)
            await soon()
            copytruncate(log)
            await soon()
            async with trial.away(True):
                put(trial, file, 1)
        await trial.expect_all(LONG)


@both()
@virtual
async def test_room_that_is_cut_off_is_no_truncation(log: Path, state: Path, down: bool) -> None:
    log.write_bytes(bytes(1 << 16))
    async with Trial(log, state_dir=state) as trial:
        with written(log) as file:
            put(trial, file, 10)
            await soon()
            async with trial.away(down):
                put(trial, file, 10)
                file.truncate()
            await soon()
            put(trial, file, 10)
        await trial.expect_all(LONG, ordered=True)
    assert trial.log.events == []


@virtual
async def test_a_new_agent_begins_where_a_preallocated_file_is_written(log: Path) -> None:
    log.write_bytes(b"old\n" * 1000 + bytes(1 << 20))
    async with Trial(log, from_="end") as trial:
        with written(log, 4000) as file:
            put(trial, file, 10)
        await trial.expect_all(LONG)


@virtual
async def test_room_that_vanishes_unused_is_not_missed(log: Path) -> None:
    log.write_bytes(bytes(1 << 16))
    async with Trial(log) as trial:
        with written(log) as file:
            put(trial, file, 10)
            await soon()
            os.truncate(log, 0)
            await soon()
            file.seek(0)
            put(trial, file, 10)
        await trial.expect_all(LONG)


@virtual
async def test_lines_beside_a_gap_are_counted_when_they_vanish(log: Path) -> None:
    """During a stall, and without a copy: a line whose end is the gap counts as any other."""
    trial = Trial(log, batch_size=1, back_buff=1)
    trial.hold_up()
    async with trial:
        trial.write(log, 10)
        await soon()
        with written(log, log.stat().st_size) as file:
            put(trial, file, 10)
            file.write(*trial.make(1))
            file.seek(1 << 20, os.SEEK_CUR)
            put(trial, file, 10)
        await anyio.sleep(LONG)
        os.truncate(log, 0)
        await soon()
        trial.release()
        await trial.expect_counted(RECOVERY)
    assert trial.sums.missed == 0
    assert trial.sums.lost == 21


@virtual
async def test_a_file_cut_while_its_gap_is_waited_for_is_read_on(log: Path) -> None:
    async with Trial(log) as trial:
        with written(log) as file:
            put(trial, file, 10)
            await soon()
            for _ in range(3):
                copytruncate(log)
                put(trial, file, 10)
                await anyio.sleep(PATIENCE / 2)
                log.with_name("app.log.1").rename(log.with_name(f"app.log.{file.tell()}"))
        await trial.expect_counted(LONG)
