"""Strangers: files of another application, with names that rotation might have made. None of them is sent as ours."""

from pathlib import Path

import pytest

from tests.helpers.ages import put_history
from tests.helpers.following import append, number_lines, rotate, soon
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual

NAMES = ["worker.1.log", "worker-2026-11-26.log"]  # ours is rotated to worker.log.1


@pytest.mark.parametrize("name", NAMES)
@both
@virtual
async def test_the_live_log_of_another_process_is_not_sent(logs: Path, state: Path, name: str, down: bool) -> None:
    log, stranger = logs / "worker.log", logs / name
    log.touch()
    put_history(stranger, age=0)
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 4)
        await soon()
        append(stranger, b"foreign")
        async with trial.away(down):
            rotate(log)
            trial.write(log, 1)
            append(stranger, b"foreign too")
        await trial.expect_all(LONG)


@pytest.mark.parametrize("name", NAMES)
@both
@virtual
async def test_a_strangers_log_that_appears_later_is_not_sent(logs: Path, state: Path, name: str, down: bool) -> None:
    """It is no history, matches nothing and continues nothing of ours."""
    log, stranger = logs / "worker.log", logs / name
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 4)
        await soon()
        async with trial.away(down):
            append(stranger, *number_lines(0, 100))
            rotate(log)
            trial.write(log, 1)
            append(stranger, *number_lines(100, 200))
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_stranger_beside_a_truncated_file_is_not_sent(logs: Path, state: Path, down: bool) -> None:
    log, stranger = logs / "worker.log", logs / "worker.1.log"
    log.touch()
    put_history(stranger, age=0)
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 4)
        await soon()
        append(stranger, b"foreign")
        async with trial.away(down):
            (logs / "worker.log.1").write_bytes(log.read_bytes())
            log.write_bytes(b"")
            trial.write(log, 1)
            append(stranger, b"foreign too")
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_stranger_beside_an_empty_file_is_not_sent(logs: Path, state: Path, down: bool) -> None:
    """Nothing of ours is known by which a copy could be told, and nothing has become of it."""
    log, stranger = logs / "worker.log", logs / "worker.1.log"
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        async with trial.away(down):
            append(stranger, *number_lines(0, 100))
        trial.write(log, 1)
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_stranger_beside_an_empty_file_that_is_rotated_is_not_sent(logs: Path, state: Path, down: bool) -> None:
    """A daily rotation of a silent log: first of one that held something, then of one that holds nothing."""
    log, stranger = logs / "worker.log", logs / "worker.1.log"
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 1)
        await soon()
        rotate(log)
        await soon()
        async with trial.away(down):
            append(stranger, *number_lines(0, 100))
            rotate(log)
        trial.write(log, 1)
        await trial.expect_all(LONG)
