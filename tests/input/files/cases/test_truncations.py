"""Truncations while the drain holds up the reading: what was seen and is gone is counted, and nothing comes again."""

import os
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import anyio
import pytest

from tests.helpers.following import append, soon
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual


def cut(log: Path) -> None:
    os.truncate(log, 0)


def copy_and_cut(log: Path) -> None:
    """Copy to app.log.1, when that of before is app.log.2."""
    for number in (2, 1):
        copy = log.with_name(f"app.log.{number}")
        if copy.exists():
            copy.rename(log.with_name(f"app.log.{number + 1}"))
    shutil.copyfile(log, log.with_name("app.log.1"))
    os.truncate(log, 0)


CUTS: dict[str, Callable[[Path], None]] = {"cut": cut, "copytruncate": copy_and_cut}
TWICE = list(product(CUTS, CUTS))


@pytest.fixture(params=TWICE, ids=[" then ".join(pair) for pair in TWICE])
def cuts(request: pytest.FixtureRequest) -> list[Callable[[Path], None]]:
    """Two ways to truncate."""
    return [CUTS[name] for name in request.param]


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
@both
@virtual
async def test_a_truncation_during_a_stall_is_counted(
    log: Path, state: Path, cut: Callable[[Path], None], down: bool
) -> None:
    log.touch()
    async with Trial(log, state_dir=state, batch_size=1, back_buff=1, land_timeout=0.0) as trial:
        trial.hold_up()
        for count in (1, 2, 1):
            trial.write(log, count)
            await soon()
        async with trial.away(down):
            cut(log)
        trial.release()
        await trial.expect_counted(LONG)
    assert down or trial.drain.told("L13") == trial.sums.lost  # a ledger does not outlive its agent


@pytest.mark.parametrize("count", [1, 100])
@both
@virtual
async def test_two_truncations_during_a_stall_are_both_counted(
    log: Path, state: Path, cuts: list[Callable[[Path], None]], count: int, down: bool
) -> None:
    """Each line was there for long enough to be seen."""
    log.touch()
    async with Trial(log, state_dir=state, batch_size=10, back_buff=1, land_timeout=0.0) as trial:
        trial.hold_up()
        trial.write(log, count)
        await soon()
        for cut in cuts:
            for _ in range(2):
                trial.write(log, count)
                await soon()
            async with trial.away(down):
                cut(log)
        trial.release()
        await trial.expect_counted(LONG)
        trial.write(log, count)
        await trial.expect_counted(LONG)
    assert down or trial.drain.told("L13") == trial.sums.lost  # a ledger does not outlive its agent


@virtual
async def test_two_truncations_of_a_file_read_in_part_are_counted(
    log: Path, cuts: list[Callable[[Path], None]]
) -> None:
    """More than is read at once."""
    log.touch()
    async with Trial(log, batch_size=100, back_buff=2) as trial:
        trial.hold_up()
        trial.write(log, 12_000)
        await soon()
        for cut in cuts:
            cut(log)
            trial.write(log, 12_000)
            await soon()
        trial.release()
        await anyio.sleep(LONG)
    sums = trial.sums
    assert sums.doubled == 0, str(sums)
    assert sums.missing == sums.lost + sums.foreign, str(sums)
    assert sums.foreign <= 1, str(sums)  # the beginning of a line, which stands for it


@pytest.mark.parametrize("torn", [0, 10], ids=["between lines", "in a line"])
@pytest.mark.parametrize(
    ("follow", "grown"), [(True, False), (True, True), (False, False)], ids=["followed", "grown since", "replayed"]
)
@virtual
async def test_a_file_that_is_shortened_behind_what_was_read_is_read_on(
    log: Path, follow: bool, torn: int, grown: bool
) -> None:
    """More is there than is read at once. A replay counts nothing that it does not read."""
    trial = Trial(log, follow=follow, batch_size=100, back_buff=2)
    trial.hold_up()
    trial.write(log, 12_000)
    size = log.stat().st_size
    async with trial:
        os.truncate(log, size - 1000 * len(b"line 000000 of the application\n") - torn)
        if grown:
            append(log, *[b""] * bool(torn))
            trial.write(log, 2000)
        await soon()
        trial.release()
        await anyio.sleep(LONG)
    sums = trial.sums
    assert sums.doubled == 0, str(sums)
    assert sums.missing == 1000 + bool(torn), str(sums)
    assert sums.foreign == bool(torn), str(sums)  # the beginning of a line, which stands for it
    if follow and not grown:
        assert (sums.lost, sums.missed) == (1000, 0), str(sums)
    else:
        assert sums.missed == 1, str(sums)


@pytest.mark.parametrize("unread", [False, True])
@virtual
async def test_a_file_that_is_written_anew_while_it_waits_is_another(log: Path, unread: bool) -> None:
    """It is shorter than it was, and as long as what was read of it."""
    trial = Trial(log, batch_size=100, back_buff=2)
    trial.hold_up()
    if unread:
        other = log.with_name("other.log")
        trial = Trial(other, log, batch_size=100, back_buff=2)
        trial.hold_up()
        trial.write(other, 12_000)
    trial.write(log, 12_000)
    async with trial:
        log.write_bytes(b"")
        trial.write(log, 11_000)
        await soon()
        trial.release()
        await anyio.sleep(LONG)
    sums = trial.sums
    assert sums.doubled == 0, str(sums)
    assert sums.missing == sums.lost + sums.foreign, str(sums)
    assert sums.foreign <= 1, str(sums)
