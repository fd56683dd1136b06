"""History: what lies beside a log when it is first followed, and is older. It is never sent, whatever rotation does."""

import gzip
import os
from pathlib import Path

import anyio
import pytest

from tests.helpers.ages import put_history, set_age
from tests.helpers.following import compress, rotate, soon
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual

ASCENDING = ("app.log.1", "app.log.2", "app.log.3", "app.log.4", "app.log.5")  # as log4j2 does by default
DAY_FIRST = ("app.log.23112026", "app.log.24112026", "app.log.25112026", "app.log.26112026", "app.log.27112026")
DAY_OF_YEAR = ("app.log.2026327", "app.log.2026328", "app.log.2026329", "app.log.2026330", "app.log.2026331")
SCHEMES = {"ascending": ASCENDING, "day first": DAY_FIRST, "day of the year": DAY_OF_YEAR}


@pytest.fixture(params=SCHEMES.values(), ids=list(SCHEMES))
def names(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The names of five rotated files, the oldest first; the first three are history."""
    found: tuple[str, ...] = request.param
    return found


@both
@virtual
async def test_history_that_is_newer_by_its_name_is_not_sent(
    logs: Path, log: Path, state: Path, names: tuple[str, ...], down: bool
) -> None:
    for age, name in zip((3, 2, 1), names, strict=False):
        put_history(logs / name, age=age)
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        for name in names[3:]:
            trial.write(log, 4)
            async with trial.away(down):
                log.rename(logs / name)
                trial.write(log, 1)
            await anyio.sleep(LONG)
        await trial.expect_all(ordered=True)


@both
@virtual
async def test_history_that_was_touched_is_not_sent(log: Path, state: Path, down: bool) -> None:
    """A backup was put back, or its owner was changed by a copy: it is as old as before."""
    for number in (1, 2):
        put_history(log.with_name(f"app.log.{number}"), age=number)
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 4)
        async with trial.away(down):
            os.utime(log.with_name("app.log.2"))
            rotate(log)
            trial.write(log, 1)
        await trial.expect_all(LONG)


@both
@virtual
async def test_history_that_is_compressed_meanwhile_is_not_sent(log: Path, state: Path, down: bool) -> None:
    """It is another file then, with a time of now."""
    for number in (1, 2):
        put_history(log.with_name(f"app.log.{number}"), age=number)
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 4)
        async with trial.away(down):
            rotate(log)
            compress(log.with_name("app.log.3"))
            compress(log.with_name("app.log.2"))
            trial.write(log, 1)
        await trial.expect_all(LONG)


@both
@virtual
async def test_history_that_a_pattern_matches_is_not_sent_from_the_end(log: Path, state: Path, down: bool) -> None:
    put_history(log.with_name("app.log.1"), age=1)
    put_history(log.with_name("app.log.old"), age=2)
    log.touch()
    async with Trial(log.with_name("app.log*"), from_="end", state_dir=state) as trial:
        for _ in range(2):
            trial.write(log, 4)
            async with trial.away(down):
                rotate(log)
                trial.write(log, 1)
        await trial.expect_all(LONG)


@both
@virtual
async def test_history_that_a_pattern_matches_is_sent_if_asked_for(log: Path, state: Path, down: bool) -> None:
    """`-from beginning` takes all that the pattern matches, the oldest first; later rotations repeat none of it."""
    trial = Trial(log.with_name("app.log*"), state_dir=state)
    log.with_name("app.log.2.gz").write_bytes(gzip.compress(b"\n".join([*trial.make(10), b""])))
    trial.write(log.with_name("app.log.1"), 10)
    set_age(log.with_name("app.log.2.gz"), 2)
    set_age(log.with_name("app.log.1"), 1)
    trial.write(log, 10)
    async with trial:
        async with trial.away(down):
            rotate(log)
            trial.write(log, 10)
        await trial.expect_all(LONG, ordered=True)


@both
@virtual
async def test_what_a_named_path_does_not_lead_to_is_not_sent_from_the_beginning(
    log: Path, state: Path, down: bool
) -> None:
    """`-from beginning` is about the file itself."""
    for number in (1, 2):
        put_history(log.with_name(f"app.log.{number}"), age=number)
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 10)
        async with trial.away(down):
            trial.write(log, 10)
        await trial.expect_all(LONG)


@both
@virtual
async def test_history_beside_the_target_of_a_link_is_not_sent(
    tmp_path: Path, logs: Path, state: Path, down: bool
) -> None:
    """A container's log as the kubelet has it: history has the time of its rotation in its name."""
    pod = tmp_path / "pod"
    pod.mkdir()
    put_history(pod / "0.log.20261125-100000", age=2)
    (pod / "0.log").touch()
    link = logs / "x.log"
    link.symlink_to(pod / "0.log")
    async with Trial(link, state_dir=state) as trial:
        trial.write(pod / "0.log", 10)
        await soon()
        async with trial.away(down):
            (pod / "0.log").rename(pod / "0.log.20261126-100000")
            trial.write(pod / "0.log", 10)
        await trial.expect_all(LONG)
