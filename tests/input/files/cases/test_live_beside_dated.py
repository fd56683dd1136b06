"""Two live files, of which one has the name that rotation would give the other: both are followed."""

from pathlib import Path

import pytest

from tests.helpers.following import soon
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual

PAIRS = {
    "laravel": ("laravel.log", "laravel-2026-11-26.log"),  # Monolog's daily files beside a single one
    "catalina": ("catalina.out", "catalina.2026-11-26.out"),
    "worker": ("worker.log", "worker.1.log"),
    "suffix": ("app.log", "app.log.20261126"),
}


@pytest.fixture(params=PAIRS.values(), ids=list(PAIRS))
def pair(request: pytest.FixtureRequest, logs: Path) -> tuple[Path, Path]:
    """A plain file and one with a date or a number."""
    plain, dated = request.param
    return logs / plain, logs / dated


@both
@virtual
async def test_a_dated_file_beside_a_plain_one_is_followed(pair: tuple[Path, Path], state: Path, down: bool) -> None:
    plain, dated = pair
    plain.touch()
    dated.touch()
    async with Trial(plain.with_name("*"), state_dir=state) as trial:
        trial.write(dated, 100)
        trial.write(plain, 1)
        await soon()
        async with trial.away(down):
            trial.write(dated, 200)
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_plain_file_that_appears_ends_no_dated_one(pair: tuple[Path, Path], state: Path, down: bool) -> None:
    plain, dated = pair
    dated.touch()
    async with Trial(plain.with_name("*"), state_dir=state) as trial:
        trial.write(dated, 100)
        await soon()
        trial.write(plain, 1)
        async with trial.away(down):
            trial.write(dated, 200)
        await trial.expect_all(LONG)


@both
@virtual
async def test_the_next_days_file_is_followed(logs: Path, state: Path, down: bool) -> None:
    (logs / "laravel.log").touch()
    async with Trial(logs / "*.log", state_dir=state) as trial:
        trial.write(logs / "laravel-2026-11-26.log", 100)
        await soon()
        async with trial.away(down):
            trial.write(logs / "laravel-2026-11-26.log", 100)
            trial.write(logs / "laravel-2026-11-27.log", 100)
            trial.write(logs / "laravel.log", 1)
        await trial.expect_all(LONG)
