"""Copies under names that a pattern matches: each line is sent once, and what only begins alike is no copy."""

import os
import shutil
from pathlib import Path

import pytest

from tests.helpers.compression import FORMATS
from tests.helpers.following import append, soon
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual


@both
@virtual
async def test_copies_that_the_pattern_matches_are_not_sent_again(log: Path, state: Path, down: bool) -> None:
    """pm2-logrotate's default: a copy under a name with a date, then the truncation; for three days."""
    log.touch()
    async with Trial(log.with_name("*.log"), state_dir=state) as trial:
        for day in (24, 25, 26):
            trial.write(log, 1000)
            await soon()
            async with trial.away(down):
                shutil.copyfile(log, log.with_name(f"app__2026-11-{day}_00-00-00.log"))
                os.truncate(log, 0)
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_copy_that_has_unread_lines_is_read_on(log: Path, state: Path, down: bool) -> None:
    """As above; the copy holds what was read, and more."""
    log.touch()
    async with Trial(log.with_name("*.log"), state_dir=state) as trial:
        trial.write(log, 1000)
        await soon()
        async with trial.away(down):
            trial.write(log, 100)
            shutil.copyfile(log, log.with_name("app__2026-11-26_00-00-00.log"))
            os.truncate(log, 0)
            trial.write(log, 100)
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_copy_made_during_a_stall_is_sent_once(log: Path, state: Path, down: bool) -> None:
    """Not all of it was read when the copy was made, and the file was never cut."""
    log.touch()
    async with Trial(log.with_name("*.log"), state_dir=state, batch_size=1, back_buff=1, land_timeout=0.0) as trial:
        trial.hold_up()
        trial.write(log, 100)
        await soon()
        trial.write(log, 100)
        async with trial.away(down):
            shutil.copyfile(log, log.with_name("backup.log"))
        trial.release()
        await trial.expect_all(LONG)


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@both
@virtual
async def test_a_copy_in_place_of_a_file_that_survives_is_read_on(
    log: Path, state: Path, pattern: str, down: bool
) -> None:
    """As an editor does that keeps a backup: the old file under another name, what it has saved under the old one."""
    log.touch()
    async with Trial(log.with_name(pattern), state_dir=state) as trial:
        trial.write(log, 1000)
        await soon()
        async with trial.away(down):
            log.rename(log.with_name("app.log~"))
            shutil.copyfile(log.with_name("app.log~"), log)
            trial.write(log, 1)
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_copy_beside_a_file_that_goes_on_is_not_sent(log: Path, state: Path, down: bool) -> None:
    """logrotate's `copy`, which cuts nothing."""
    log.touch()
    async with Trial(log.with_name("app.log*"), state_dir=state) as trial:
        for number in (2, 1):
            trial.write(log, 100)
            await soon()
            async with trial.away(down):
                shutil.copyfile(log, log.with_name(f"app.log.{number}"))
        trial.write(log, 1)
        await trial.expect_all(LONG)


@both
@virtual
async def test_two_files_that_begin_alike_are_both_sent(logs: Path, state: Path, down: bool) -> None:
    """Each process writes the same banner, longer than what a fingerprint takes of a head."""
    names = [logs / "a.log", logs / "b.log"]
    for name in names:
        append(name, *[b"banner %03d" % number for number in range(200)])
    async with Trial(logs / "*.log", state_dir=state, from_="end") as trial:
        for name in names:
            trial.write(name, 10)
        await soon()
        async with trial.away(down):
            for name in names:
                trial.write(name, 10)
            third = logs / "c.log"
            third.touch()
        await trial.expect_all(LONG)


@both
@virtual
async def test_two_files_that_hold_the_same_line_are_both_sent(logs: Path, state: Path, down: bool) -> None:
    """Workers that begin with the same words are no copies of each other."""
    (logs / "a.log").touch()
    async with Trial(logs / "*.log", state_dir=state) as trial:
        trial.write_line(logs / "a.log", b"INFO starting")
        await soon()
        async with trial.away(down):
            trial.write_line(logs / "b.log", b"INFO starting")
        for name in ("a.log", "b.log"):
            trial.write(logs / name, 10)
        await trial.expect_all(LONG)


@pytest.mark.parametrize("ending", ["", *FORMATS])
@both
@virtual
async def test_a_copy_that_was_empty_when_it_was_seen_is_not_sent_again(
    log: Path, state: Path, ending: str, down: bool
) -> None:
    """Whoever copies or compresses opens the new file first, and writes to it later."""
    log.touch()
    copy = log.with_name(f"app.log-20261126{ending and '.'}{ending}")
    async with Trial(log.with_name("app.log*"), state_dir=state) as trial:
        trial.write(log, 1000)
        await soon()
        copy.touch()
        await soon()
        async with trial.away(down):
            content = FORMATS[ending](log.read_bytes()) if ending else log.read_bytes()
            copy.write_bytes(content[: len(content) // 2])
        async with trial.away(down):
            copy.write_bytes(content)
        async with trial.away(down):
            os.truncate(log, 0)
        trial.write(log, 10)
        await trial.expect_all(LONG)


@both
@virtual
async def test_a_file_that_was_empty_and_begins_like_another_is_sent(log: Path, state: Path, down: bool) -> None:
    """Each generation begins with the same words."""
    log.touch()
    async with Trial(log.with_name("*.log"), state_dir=state) as trial:
        for day in (24, 25, 26):
            trial.write_line(log, b"INFO starting")
            await soon()
            async with trial.away(down):
                log.rename(log.with_name(f"app-2026-11-{day}.log"))
                log.touch()
        trial.write_line(log, b"INFO starting")
        await trial.expect_all(LONG)
