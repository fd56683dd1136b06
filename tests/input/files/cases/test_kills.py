"""Kills at any step, with rotations in between: each line comes once, or again under its id, and nothing is told."""

import os
import shutil
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.helpers.checkpoints import opened
from tests.helpers.disks import make_scratch
from tests.helpers.following import SOON, soon
from tests.helpers.kills import Lives
from tests.helpers.rotating import WORDS, Rotating
from tests.helpers.system_calls import system_calls
from tests.helpers.trial import LONG, Sums, Trial
from tests.helpers.virtual import virtual


class Life(NamedTuple):
    """Of an agent that is killed."""

    steps: int
    """At which it is killed, at the latest."""
    seconds: float = SOON
    """After which it is killed."""
    words: tuple[str, ...] = ()
    """What happens meanwhile, and what is left of that afterwards."""
    every: int = 5
    """Steps from one word to the next."""


# A path that a pattern matches is forgotten when it leads nowhere: what stands there for a moment while no agent runs
# is then not known to be its.
words = st.lists(st.sampled_from([word for word in WORDS if word != "rename-away"]), max_size=8).map(tuple)
steps = st.one_of(st.integers(1, 30), st.integers(1, 400))
lives = st.builds(Life, steps, st.sampled_from([0.0, 0.01, 0.1, SOON]), words, st.sampled_from([1, 2, 3, 5, 8, 13, 34]))


async def live(ended: list[Life], *, batch_size: int, dated: bool, pattern: bool) -> None:
    """Have these agents follow a log, then one that is not killed; nothing may be missing or have come twice."""
    with make_scratch() as place:
        log = Path(place, "logs", "app.log")
        log.parent.mkdir()
        followed = log.with_name("*.log") if pattern else log
        trial = Trial()
        trial.write(log, 1)
        rotating = Rotating(trial, log, dated=dated)
        with system_calls(log.parent) as calls:
            agents = Lives(trial, followed, Path(place, "state"), calls, batch_size=batch_size)
            await agents.live(SOON)
            for one in ended:
                agents.every = one.every
                agents.to_do = [partial(rotating.do, word) for word in one.words]
                await agents.live(one.seconds, one.steps)
            rotating.cut()
            if log.exists():
                trial.write(log, 1)
            await agents.live(LONG)
        sums = trial.sums
        assert sums == Sums(sums.written, sums.written, 0, 0, 0, 0, 0), str(sums)
        assert not trial.log.named("file.missed")


@virtual
async def test_a_copy_that_is_not_cut_yet_at_a_restart_is_read_once(log: Path, state: Path) -> None:
    """It was seen beside what it was copied from, and was read; of that nothing is read as long as it is the same."""
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 4)
        await soon()
        await trial.stop()
        log.rename(log.with_name("app.log.1"))  # by its inode this is what was read, and the log is the other one
        shutil.copyfile(log.with_name("app.log.1"), log)
        await trial.start()
        os.truncate(log, 0)
        trial.write(log, 1)
        await trial.expect_all(LONG)


@virtual
async def test_a_file_that_a_kill_has_left_two_numbers_is_known_by_both(log: Path, state: Path) -> None:
    """A batch in flight has the older one. The next start would forget that one, had it not been killed."""
    trial = Trial(log, state_dir=state, batch_size=2, land_timeout=0.0)
    trial.hold_up()
    async with trial:
        trial.write(log, 6)
        await soon()
        await trial.stop()
        with opened(state) as store:
            [known] = store.files()
            assert store.plans()
            store.enroll(log, known.fingerprint)
        log.rename(log.with_name("app.log.1"))
        trial.write(log, 3)
        trial.release()
        await trial.start()
        await trial.expect_all(LONG)


@virtual
async def test_what_is_beside_a_path_is_history_though_the_first_start_was_killed(log: Path, state: Path) -> None:
    for number in range(1, 4):
        log.with_name(f"app.log.{number}").write_bytes(b"old %d\n" % number)
    with system_calls(log.parent) as calls:
        for step in range(1, 200):
            trial = Trial()
            log.write_bytes(b"")
            agents = Lives(trial, log, state / f"{step}" / "state", calls)
            await agents.live(0.0, step)
            await agents.live(0.1)
            assert trial.sums.foreign == 0, step


@pytest.mark.parametrize("steps", range(1, 200, 4))
@pytest.mark.parametrize("word", ["rename", "copy"])
@virtual
async def test_a_kill_soon_after_another_costs_nothing(word: str, steps: int) -> None:
    """The second agent may have given files their numbers, and may have recorded how far it read them, or not."""
    rotations = ("write", word, "write", word, "compress")
    first, second = Life(400, words=("write", *rotations)), Life(steps, words=("write", word), every=1000)
    await live([first, second, Life(steps), Life(2 * steps)], batch_size=2, dated=False, pattern=False)


@example(
    ended=[
        Life(151, words=("write", "copy only", "write", "write", "write"), every=13),
        Life(20, 0.01, words=("write", "copy"), every=1),
    ],
    batch_size=1,
    dated=False,
    pattern=False,
)
@given(
    ended=st.lists(lives, min_size=1, max_size=5),
    batch_size=st.sampled_from([1, 4, 100]),
    dated=st.booleans(),
    pattern=st.booleans(),
)
@settings(max_examples=60, deadline=None)
@virtual
async def test_kills_at_any_step_cost_nothing(ended: list[Life], batch_size: int, dated: bool, pattern: bool) -> None:
    await live(ended, batch_size=batch_size, dated=dated, pattern=pattern)
