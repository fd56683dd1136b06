"""More files than may be open: the newest are read first, idle ones are closed and read on later, and none is lost."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from tests.helpers.ages import set_age
from tests.helpers.descriptors import descriptors_left
from tests.helpers.following import soon
from tests.helpers.trial import LONG, Trial
from tests.helpers.virtual import virtual

FILES = 60
DESCRIPTORS = 45  # that are left; an agent needs some for itself


def make_files(logs: Path) -> list[Path]:
    """Return paths for files of consecutive days, the oldest first."""
    return [logs / f"app-2026-{10 + number // 30}-{1 + number % 30:02}.log" for number in range(FILES)]


@virtual
async def test_more_files_than_may_be_open_are_all_read(logs: Path) -> None:
    trial = Trial(logs / "*.log")
    for path in make_files(logs):
        trial.write(path, 10)
    with descriptors_left(DESCRIPTORS):
        async with trial:
            await trial.expect_all(LONG)


@pytest.mark.parametrize("newest", [0, FILES - 1], ids=["first by its name", "last by its name"])
@virtual
async def test_the_newest_file_is_read_first(logs: Path, newest: int) -> None:
    trial = Trial(logs / "*.log", batch_size=10)
    paths = make_files(logs)
    for number, path in enumerate(paths):
        trial.write(path, 10)
        set_age(path, FILES - number)
    set_age(paths[newest], 0)
    with descriptors_left(DESCRIPTORS):
        async with trial:
            await anyio.sleep(LONG)
    assert trial.lines[:10] == [
        b"line %06d of the application" % number for number in range(newest * 10, newest * 10 + 10)
    ]


@virtual
async def test_files_that_are_written_in_turn_are_all_followed(logs: Path) -> None:
    """Each of them was idle for so long that its descriptor may serve another."""
    trial = Trial(logs / "*.log", from_="end")
    paths = make_files(logs)
    for path in paths:
        path.touch()
    with descriptors_left(DESCRIPTORS):
        async with trial:
            for _ in range(3):
                for path in paths:
                    trial.write(path, 1)
                    await soon()
            await trial.expect_all(LONG)


@virtual
async def test_files_that_are_rotated_in_turn_are_all_followed(logs: Path) -> None:
    """Most of them while they have no descriptor: they are known by their inodes."""
    trial = Trial(logs / "*.log", from_="end")
    paths = make_files(logs)
    for path in paths:
        path.touch()
    with descriptors_left(DESCRIPTORS):
        async with trial:
            for path in paths:
                trial.write(path, 2)
                path.rename(path.with_name(f"{path.name}.1"))
                trial.write(path, 2)
                await soon()
            await trial.expect_all(LONG)


@virtual
async def test_files_that_are_deleted_without_a_descriptor_are_no_loss_if_they_were_read(logs: Path) -> None:
    trial = Trial(logs / "*.log")
    paths = make_files(logs)
    for path in paths:
        trial.write(path, 2)
    with descriptors_left(DESCRIPTORS):
        async with trial:
            await trial.expect_all(LONG)
            for path in paths:
                path.unlink()
            await soon()
            trial.write(logs / "new.log", 2)
            await trial.expect_all(LONG)
    assert not trial.log.about(paths[0])


@virtual
async def test_a_new_file_is_read_when_as_many_as_possible_are_open(logs: Path) -> None:
    """Today's: its name sorts last."""
    trial = Trial(logs / "*.log", from_="end")
    for path in make_files(logs):
        path.touch()
    with descriptors_left(DESCRIPTORS):
        async with trial:
            trial.write(logs / "app-2027-01-01.log", 10)
            await trial.expect_all(LONG)


@contextmanager
def unlimited() -> Iterator[None]:
    """Let whoever is in the block open what it likes: the limit is the agent's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@virtual
async def test_files_deleted_during_a_long_outage_are_told_of_and_counted(log: Path) -> None:
    """Each rotation deletes what was there before, which only the agent's descriptor still holds."""
    trial = Trial(log, batch_size=10, back_buff=1)
    log.touch()
    with descriptors_left(DESCRIPTORS):
        async with trial:
            trial.hold_up()
            for _ in range(100):
                with unlimited():
                    trial.write(log, 30)
                await soon()
                with unlimited():
                    log.rename(log.with_name("app.log.1"))
                    log.touch()
                await soon()
            warned = trial.log.about(log)
            trial.release()
            await trial.expect_counted(10 * LONG)
    assert warned
