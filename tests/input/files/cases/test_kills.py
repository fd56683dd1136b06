"""Kills at any step, with rotations in between: each line comes once, or again under its id, and nothing is told."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.disks import make_scratch
from tests.helpers.following import SOON
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


@pytest.mark.parametrize("steps", range(1, 200, 4))
@pytest.mark.parametrize("word", ["rename", "copy"])
@virtual
async def test_a_kill_soon_after_another_costs_nothing(word: str, steps: int) -> None:
    """The second agent may have given files their numbers, and may have recorded how far it read them, or not."""
    rotations = ("write", word, "write", word, "compress")
    first, second = Life(400, words=("write", *rotations)), Life(steps, words=("write", word), every=1000)
    await live([first, second, Life(steps), Life(2 * steps)], batch_size=2, dated=False, pattern=False)


@given(st.lists(lives, min_size=1, max_size=5), st.sampled_from([1, 4, 100]), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
@virtual
async def test_kills_at_any_step_cost_nothing(ended: list[Life], batch_size: int, dated: bool, pattern: bool) -> None:
    await live(ended, batch_size=batch_size, dated=dated, pattern=pattern)
