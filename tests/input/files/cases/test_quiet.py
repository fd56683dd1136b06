"""A quiet file: nothing stood in it when it was seen last, and its content is all that tells it later."""

import os
from pathlib import Path

import pytest

from tests.helpers.compression import FORMATS, pack
from tests.helpers.following import rotate, soon
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual


@pytest.mark.parametrize("ending", ["", *FORMATS])
@both
@virtual
async def test_an_empty_file_that_is_written_and_rotated_is_read(
    log: Path, state: Path, ending: str, down: bool
) -> None:
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        async with trial.away(down):
            trial.write(log, 50)
            rotate(log)
            if ending:
                pack(log.with_name("app.log.1"), ending)
            trial.write(log, 1)
        await trial.expect_all(LONG, ordered=True)


@both
@virtual
async def test_an_empty_file_that_is_written_copied_and_cut_is_read(log: Path, state: Path, down: bool) -> None:
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        async with trial.away(down):
            trial.write(log, 50)
            log.with_name("app.log.1").write_bytes(log.read_bytes())
            os.truncate(log, 0)
            trial.write(log, 1)
        await trial.expect_all(LONG, ordered=True)


@both
@virtual
async def test_a_file_that_was_read_and_became_quiet_is_found(log: Path, state: Path, down: bool) -> None:
    """It is rotated while empty first, as a daily rotation of a silent log does."""
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 1)
        await soon()
        rotate(log)
        await soon()
        async with trial.away(down):
            rotate(log)
            trial.write(log, 50)
            rotate(log)
            pack(log.with_name("app.log.1"), "gz")
            trial.write(log, 1)
        await trial.expect_all(LONG, ordered=True)
