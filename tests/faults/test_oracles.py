"""The oracles, for a few seconds: `python -m tests.faults` runs them at length."""

import asyncio
from pathlib import Path

import pytest

from tests.faults import answers, heads
from tests.faults.files.run import Run as FilesRun
from tests.faults.spool.run import Run as SpoolRun
from tests.helpers.parsers import PARSERS, use_parser

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


@pytest.mark.parametrize("parser", PARSERS)
def test_answers_mutated_at_random_cost_no_line(parser: str) -> None:
    run = answers.Run(seed=1)
    with use_parser(parser):
        run.run(requests=18_000)
    assert run.books.problems == []
    assert run.books.requests >= 18_000


def test_a_seed_makes_the_same_run_everywhere() -> None:
    first, second = answers.Run(seed=2), answers.Run(seed=2)
    assert first.run(requests=1000) == second.run(requests=1000)
    assert first.books.said == second.books.said


@pytest.mark.parametrize("parser", PARSERS)
def test_heads_mutated_at_random_are_read_right(parser: str) -> None:
    with use_parser(parser):
        assert asyncio.run(heads.run(1, range(30_000))) == (29_999, [])
