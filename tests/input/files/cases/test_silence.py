"""What is followed in vain is said once: a pattern that matches nothing, a typo, a file that cannot be read yet."""

import os
from pathlib import Path

import pytest

from tests.helpers.disks import NOBODY, reachable, without_rights
from tests.helpers.following import rotate, soon
from tests.helpers.trial import LONG, Trial
from tests.helpers.virtual import virtual

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a while, and back")


@pytest.mark.parametrize(
    "path", ["*.lgo", "nowhere/*.log", "ap.log", "nowhere/app.log", "{app,web}.log"],
    ids=["pattern", "pattern in no directory", "typo", "typo in a directory", "braces"],
)  # fmt: skip
@virtual
async def test_what_leads_nowhere_is_told_of_once(log: Path, path: str) -> None:
    log.touch()
    async with Trial(log, log.parent / path) as trial:
        trial.write(log, 1)
        await trial.expect_all(LONG)
    assert len(trial.log.about(log.parent / path)) == 1


@virtual
async def test_what_leads_nowhere_at_first_is_followed_later(logs: Path) -> None:
    async with Trial(logs / "*.log", logs / "app.txt") as trial:
        trial.write(logs / "app.log", 10)
        trial.write(logs / "app.txt", 10)
        await trial.expect_all(LONG)


@virtual
async def test_nothing_is_told_of_what_is_there(logs: Path) -> None:
    (logs / "app.log").touch()
    async with Trial(logs / "*.log", logs / "app.log") as trial:
        trial.write(logs / "app.log", 10)
        await trial.expect_all(LONG)
    assert trial.log.warnings == []


@as_root
@pytest.mark.parametrize("path", ["app.log", "*.log"], ids=["named", "pattern"])
@virtual
async def test_a_file_rotated_while_it_could_not_be_read_is_read(path: str) -> None:
    """Its directory can be listed, and nothing of it was ever read."""
    with reachable() as place:
        log = place / "app.log"
        log.touch()
        async with Trial(log):  # what is loaded late is loaded by who may read it
            pass
        log.chmod(0)
        trial = Trial(place / path)
        trial.write(log, 10)
        with without_rights():
            async with trial:
                os.seteuid(0)
                rotate(log)
                log.chmod(0)
                trial.write(log, 10)
                os.seteuid(NOBODY)
                await soon()
                os.seteuid(0)
                for name in ("app.log.1", "app.log"):
                    log.with_name(name).chmod(0o644)
                os.seteuid(NOBODY)
                await trial.expect_all(LONG)
        assert len(trial.log.about(place / "app.log")) == 1
