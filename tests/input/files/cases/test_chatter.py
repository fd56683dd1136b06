"""Chatter: what following costs in calls of the system. The budgets are what the work needs, and some spare."""

from pathlib import Path

import anyio
import pytest

from tests.helpers.following import rotate, soon
from tests.helpers.system_calls import system_calls
from tests.helpers.trial import LONG, Trial
from tests.helpers.virtual import virtual

APART = 0.05  # seconds; each line is seen by itself
READS = 2  # for a line: one that gives it, and one more at most
STATS = 2
ROTATION = 30  # calls of any kind, for each


@pytest.mark.parametrize("kept", [False, True], ids=["no checkpoints", "checkpoints"])
@virtual
async def test_a_line_costs_few_calls(log: Path, state: Path, kept: bool) -> None:
    log.touch()
    with system_calls(log.parent) as calls:
        async with Trial(log, state_dir=state if kept else None) as trial:
            calls.counts.clear()
            for _ in range(100):
                with calls.own():
                    trial.write(log, 1)
                await anyio.sleep(APART)
            await trial.expect_all()
            counts = calls.counts
    assert counts["read"] <= 100 * READS, str(counts)
    assert counts["stat"] <= 100 * STATS, str(counts)
    assert counts["open"] + counts["list"] == 0, str(counts)


@virtual
async def test_a_rotation_costs_few_calls(log: Path) -> None:
    log.touch()
    with system_calls(log.parent) as calls:
        async with Trial(log) as trial:
            with calls.own():
                trial.write(log, 1)
            await soon()
            calls.counts.clear()
            for _ in range(2):
                with calls.own():
                    rotate(log)
                await soon()
                with calls.own():
                    trial.write(log, 1)
                await soon()
            counts = calls.counts.copy()
            await trial.expect_all()
    assert counts.total() <= 2 * ROTATION, str(counts)


@virtual
async def test_lines_over_two_rotations_cost_few_calls(log: Path) -> None:
    """A tenth of them are written right before and after a rotation."""
    log.touch()
    with system_calls(log.parent) as calls:
        async with Trial(log) as trial:
            calls.counts.clear()
            for number in range(110):
                with calls.own():
                    if number in (40, 80):
                        rotate(log)
                    trial.write(log, 1)
                await anyio.sleep(APART)
            await trial.expect_all()
            counts = calls.counts.copy()
    assert counts["read"] <= 110 * READS + 2 * ROTATION, str(counts)
    assert counts["stat"] <= 110 * STATS + 2 * ROTATION, str(counts)


@virtual
async def test_idle_files_cost_few_calls(logs: Path) -> None:
    """In a minute and a half: a status now and then, and nothing is read or opened."""
    for number in range(100):
        (logs / f"{number}.log").write_text("one\n")
    with system_calls(logs) as calls:
        async with Trial(logs / "*.log", from_="end"):
            calls.counts.clear()
            await anyio.sleep(LONG)
            counts = calls.counts.copy()
    assert counts["read"] + counts["open"] == 0, str(counts)
    assert counts["stat"] <= 2 * 100 * LONG / 10, str(counts)
