"""A stop at any moment: what was not read is read by the next start, whatever the reading was about to do."""

from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from shuttle.input.files.rotation.rotated_path import QUIET
from tests.helpers.compression import pack
from tests.helpers.following import following, rotate, soon
from tests.helpers.trial import LONG, Trial
from tests.helpers.virtual import virtual

_LINES = 20_000  # ten chunks


def compress(log: Path) -> None:
    rotate(log)
    pack(log.with_name("app.log.1"), "gz")


@pytest.mark.parametrize("rotation", [rotate, compress])
@pytest.mark.parametrize("steps", range(1, 24))
@virtual
async def test_a_stop_while_a_rotated_file_is_read_costs_nothing(
    log: Path, state: Path, rotation: Callable[[Path], None], steps: int
) -> None:
    """A compressed one is over as soon as it is read to its end, and not before."""
    trial = Trial(log, state_dir=state, num_outlets=1)
    trial.write(log, 1)
    async with trial:
        await soon()
    trial.write(log, _LINES)
    rotation(log)
    trial.write(log, 1)
    async with following(trial.drain, log, state_dir=state, from_="beginning") as shuttle:
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        shuttle.leave_files()
        await soon()
    async with trial:
        await trial.expect_all(LONG)


@virtual
async def test_a_stop_while_a_file_waits_that_was_moved_long_ago_costs_nothing(log: Path, state: Path) -> None:
    """Nothing of it was read for a minute, as the drain took nothing."""
    trial = Trial(log, state_dir=state, batch_size=100, back_buff=1)
    trial.hold_up()
    async with trial:
        trial.write(log, _LINES)
        await soon()
        rotate(log)
        trial.write(log, 1)
        await anyio.sleep(QUIET + LONG)
        trial.leave()
        trial.release()
        await anyio.sleep(LONG)
        await trial.stop()
        assert trial.sums.missing
        await trial.start()
        await trial.expect_all(LONG)
