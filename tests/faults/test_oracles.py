"""The oracles, for a few seconds: `python -m tests.faults` runs them at length."""

import asyncio
from pathlib import Path

import pytest

from tests.faults import answers, heads
from tests.faults.files.run import Run as FilesRun
from tests.faults.spool.run import Run as SpoolRun

pytestmark = pytest.mark.process


def test_files_arrive_whatever_happens(tmp_path: Path) -> None:
    sums = FilesRun(tmp_path, seed=1).run(6.0)
    assert not sums.problems, str(sums)
    assert sums.counts["lines"] > 1000
    assert sums.counts["kill"] + sums.counts["stop"] + sums.counts["both"]


def test_spooled_lines_arrive_whatever_happens(tmp_path: Path) -> None:
    sums = SpoolRun(tmp_path, seed=2).run(faults=15, lines=10_000)
    assert not sums.problems, str(sums)
    assert sums.counts["kill"] + sums.counts["damage"]


def test_answers_mutated_at_random_cost_no_line() -> None:
    run = answers.Run(seed=1)
    run.run(requests=18_000)
    assert run.books.problems == []
    assert run.books.requests >= 18_000


def test_heads_mutated_at_random_are_read_right() -> None:
    assert asyncio.run(heads.run(1, range(30_000))) == (29_999, [])
