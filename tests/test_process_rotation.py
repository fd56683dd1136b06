"""The oracle of followed files for some seconds; `python -m tests.faults` is the same at length."""

from pathlib import Path

import pytest

from tests.faults.run import Run

pytestmark = pytest.mark.process

SECONDS = 6.0  # in which the agent is ended some five times, and the files are rotated some thirty times


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_across_rotations_kills_and_faults(tmp_path: Path, seed: int) -> None:
    run = Run(tmp_path, seed)
    sums = run.run(SECONDS)
    assert not sums.problems, [str(sums), *run.books.describe_missing(), *run.books.events]
