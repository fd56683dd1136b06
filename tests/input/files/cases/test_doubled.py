"""One file under several names, at once or one after the other: each line is sent once."""

from pathlib import Path

import pytest

from tests.helpers.following import rotate, soon
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual


@both
@virtual
async def test_a_file_renamed_to_a_name_that_matches_is_read_on(log: Path, state: Path, down: bool) -> None:
    log.touch()
    async with Trial(log.with_name("*.log"), state_dir=state) as trial:
        trial.write(log, 1000)
        await soon()
        async with trial.away(down):
            log.rename(log.with_name("app-1.log"))
            trial.write(log, 10)
        await trial.expect_all(LONG)


@both
@virtual
async def test_late_lines_of_a_file_renamed_to_a_name_that_matches_come_once(
    log: Path, state: Path, down: bool
) -> None:
    """The application has it open still."""
    log.touch()
    async with Trial(log.with_name("*.log"), state_dir=state) as trial:
        trial.write(log, 1000)
        await soon()
        async with trial.away(down):
            log.rename(log.with_name("app-1.log"))
        trial.write(log.with_name("app-1.log"), 10)
        await soon()
        trial.write(log, 10)
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_renamed_file_without_a_successor_is_not_sent_again(log: Path, state: Path, down: bool) -> None:
    """Nothing new comes for longer than a moved file is kept open."""
    log.touch()
    async with Trial(log.with_name("app.log*"), state_dir=state) as trial:
        trial.write(log, 1000)
        await soon()
        async with trial.away(down):
            rotate(log, create=False)
        await soon()
        trial.write(log.with_name("app.log.1"), 1)
        await trial.expect_all(LONG)


@pytest.mark.parametrize("hard", [False, True], ids=["link and target", "two hard links"])
@both
@virtual
async def test_two_names_of_one_file_send_it_once(log: Path, state: Path, hard: bool, down: bool) -> None:
    log.touch()
    if hard:
        log.with_name("other.log").hardlink_to(log)
    else:
        log.with_name("current.log").symlink_to(log)
    async with Trial(log.with_name("*.log"), state_dir=state) as trial:
        trial.write(log, 10)
        await soon()
        async with trial.away(down):
            trial.write(log, 10)
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_hard_link_made_later_sends_nothing_again(log: Path, state: Path, down: bool) -> None:
    """A rotation that links first and unlinks then."""
    log.touch()
    async with Trial(log.with_name("*.log"), state_dir=state) as trial:
        trial.write(log, 10)
        await soon()
        async with trial.away(down):
            log.with_name("app-old.log").hardlink_to(log)
        await soon()
        async with trial.away(down):
            log.unlink()
            trial.write(log, 10)
        await trial.expect_all(LONG)


@both
@virtual
async def test_two_named_links_to_one_file_send_it_once(log: Path, state: Path, down: bool) -> None:
    log.touch()
    links = [log.with_name(name) for name in ("first", "second")]
    for link in links:
        link.symlink_to(log)
    async with Trial(*links, state_dir=state) as trial:
        trial.write(log, 10)
        await soon()
        async with trial.away(down):
            trial.write(log, 10)
        await trial.expect_all(LONG)
