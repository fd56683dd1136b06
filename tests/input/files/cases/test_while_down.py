"""Rotation to another place or another name: what was not read yet is found there, after a downtime too."""

import os
from pathlib import Path

import pytest

from tests.helpers.ages import set_age
from tests.helpers.following import compress, soon
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual


@pytest.fixture
def pod(tmp_path: Path) -> Path:
    """The directory of a container's logs, as the kubelet has it."""
    directory = tmp_path / "pods" / "p" / "c"
    directory.mkdir(parents=True)
    return directory


@pytest.fixture
def link(tmp_path: Path, pod: Path) -> Path:
    """The link to a container's log, which stands in another directory."""
    (tmp_path / "containers").mkdir()
    path = tmp_path / "containers" / "x.log"
    path.symlink_to(pod / "0.log")
    return path


@pytest.mark.parametrize("pattern", [False, True], ids=["named", "pattern"])
@both
@virtual
async def test_kubernetes_rotation_loses_nothing(pod: Path, link: Path, state: Path, pattern: bool, down: bool) -> None:
    """The kubelet gives the old file a time stamp, and compresses it at the next rotation."""
    log = pod / "0.log"
    log.touch()
    async with Trial(link.with_name("*.log") if pattern else link, state_dir=state) as trial:
        trial.write(log, 100)
        await soon()
        async with trial.away(down):
            trial.write(log, 50)
            log.rename(pod / "0.log.20261126-101010")
            trial.write(log, 50)
            log.rename(pod / "0.log.20261126-102020")
            compress(pod / "0.log.20261126-101010")
            trial.write(log, 50)
        await trial.expect_all(LONG, ordered=True)


@both
@virtual
async def test_kubernetes_rotation_during_a_stall_loses_nothing(pod: Path, link: Path, state: Path, down: bool) -> None:
    """As above, one rotation after the other while the drain is down."""
    log = pod / "0.log"
    log.touch()
    async with Trial(link, state_dir=state, batch_size=1, back_buff=1, land_timeout=0.0) as trial:
        trial.hold_up()
        for stamp in ("101010", "102020"):
            trial.write(log, 50)
            await soon()
            log.rename(pod / f"0.log.20261126-{stamp}")
        trial.write(log, 50)
        async with trial.away(down):
            compress(pod / "0.log.20261126-101010")
        trial.release()
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_container_that_restarts_loses_nothing(pod: Path, link: Path, state: Path, down: bool) -> None:
    """The link then leads to 1.log; the rest of 0.log stands where it stood."""
    trial = Trial(link, state_dir=state)
    trial.write(pod / "0.log", 100)
    async with trial:
        async with trial.away(down):
            trial.write(pod / "0.log", 50)
            trial.write(pod / "1.log", 50)
            new = link.with_name("new")
            new.symlink_to(pod / "1.log")
            new.rename(link)
        await trial.expect_all(LONG, ordered=True)


@both
@virtual
async def test_pods_that_are_followed_where_they_stand_lose_nothing(
    tmp_path: Path, pod: Path, state: Path, down: bool
) -> None:
    """`pods/*/*/*.log` matches the live files and none that was rotated."""
    trial = Trial(tmp_path / "pods" / "*" / "*" / "*.log", state_dir=state)
    trial.write(pod / "0.log", 100)
    async with trial:
        async with trial.away(down):
            trial.write(pod / "0.log", 50)
            (pod / "0.log").rename(pod / "0.log.20261126-101010")
            trial.write(pod / "0.log", 50)
            trial.write(pod / "1.log", 50)
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_file_in_an_olddir_that_the_pattern_covers_is_read_on(log: Path, state: Path, down: bool) -> None:
    (log.parent / "old").mkdir()
    trial = Trial(log.parent / "**" / "app.log*", state_dir=state)
    trial.write(log, 100)
    async with trial:
        async with trial.away(down):
            trial.write(log, 50)
            log.rename(log.parent / "old" / "app.log.1")
            log.touch()
        await trial.expect_all(LONG)


@pytest.mark.parametrize("olddir", ["logs/old", "archive"])
@both
@virtual
async def test_a_file_in_an_olddir_is_read_on_or_counted(
    tmp_path: Path, log: Path, state: Path, olddir: str, down: bool
) -> None:
    """logrotate's `olddir` may be anywhere. What is not found there is not passed over without a word."""
    (tmp_path / olddir).mkdir()
    trial = Trial(log, state_dir=state)
    trial.write(log, 100)
    async with trial:
        async with trial.away(down):
            trial.write(log, 50)
            log.rename(tmp_path / olddir / "app.log.1")
            log.touch()
        await trial.expect_counted(LONG)


@pytest.mark.parametrize("name", ["app.log.old", "app.bak", "previous-app.log", "app.log.Nov-26", "app.log.1.done"])
@both
@virtual
async def test_a_file_renamed_to_any_name_is_read_on(log: Path, state: Path, name: str, down: bool) -> None:
    """It is the file that it was: no name says so, its inode and its content do."""
    trial = Trial(log, state_dir=state)
    trial.write(log, 100)
    async with trial:
        async with trial.away(down):
            trial.write(log, 50)
            log.rename(log.with_name(name))
            trial.write(log, 50)
        await trial.expect_all(LONG, ordered=True)


@pytest.mark.parametrize("name", ["app.log.1", "app.log.old", "copy-of-app"])
@both
@virtual
async def test_a_copy_of_any_name_is_read_on(log: Path, state: Path, name: str, down: bool) -> None:
    """As above, by the bytes alone: copied, and then cut."""
    trial = Trial(log, state_dir=state)
    trial.write(log, 100)
    async with trial:
        async with trial.away(down):
            trial.write(log, 50)
            log.with_name(name).write_bytes(log.read_bytes())
            os.truncate(log, 0)
            trial.write(log, 50)
        await trial.expect_all(LONG, ordered=True)


@both
@virtual
async def test_generations_are_read_in_the_order_of_their_time(log: Path, state: Path, down: bool) -> None:
    """Ascending numbers, as log4j2 gives them: the highest is the newest."""
    trial = Trial(log, state_dir=state)
    trial.write(log, 100)
    async with trial:
        async with trial.away(down):
            for number in (1, 2, 3):
                trial.write(log, 50)
                set_age(log, 3 - number)
                log.rename(log.with_name(f"app.log.{number}"))
            trial.write(log, 50)
        await trial.expect_all(LONG, ordered=True)


@both
@virtual
async def test_a_file_renamed_after_a_directory_is_read_on(tmp_path: Path, state: Path, down: bool) -> None:
    """Its whole directory was moved away, within what the pattern covers, and another one made."""
    day = tmp_path / "today"
    day.mkdir()
    trial = Trial(tmp_path / "*" / "app.log", state_dir=state)
    trial.write(day / "app.log", 100)
    async with trial:
        async with trial.away(down):
            trial.write(day / "app.log", 50)
            day.rename(tmp_path / "yesterday")
            day.mkdir()
            trial.write(day / "app.log", 50)
        await trial.expect_all(LONG)
