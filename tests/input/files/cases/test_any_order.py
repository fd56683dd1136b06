"""Rotations in any order, seen or unseen, with the agent running or down: no line is lost, none comes twice."""

from pathlib import Path

import anyio
import pytest

from tests.helpers.following import soon
from tests.helpers.rotating import Rotating
from tests.helpers.trial import LONG, Trial
from tests.helpers.virtual import virtual

ORDERS = (
    "copy rename",
    "copy rename-away",
    "rename look rename compress",
    "rename rename look compress",
    "rename late look rename compress",
    "write copy rename write copy",
    "copy stop start copy write copy rename",
    "stop write copy write rename write copy start",
    "stop rename write rename compress start",
    "hold write look write copy write rename release",
    "hold write look write copy copy write rename compress release",
    "rename wait rename compress wait write copy",
    "copy wait rename-away compress write",
    "rename wait write copy write rename",
    "stop copy rename rename compress start copy",
    "copy rename look write copy copy rename wait compress",
)


async def do(word: str, trial: Trial, rotating: Rotating) -> None:
    """Do one of the things of ORDERS."""
    match word:
        case "look":
            await soon()
        case "wait":
            await anyio.sleep(LONG)
        case "stop":
            await trial.stop()
        case "start":
            await trial.start()
        case "hold":
            trial.hold_up()
        case "release":
            trial.release()
        case "late":
            trial.write(rotating.rotated[0], 2)
        case _:
            rotating.do(word)


@pytest.mark.parametrize("order", ORDERS)
@virtual
async def test_rotations_in_this_order_cost_nothing(log: Path, state: Path, order: str) -> None:
    log.touch()
    async with Trial(log, state_dir=state, batch_size=10, back_buff=1, land_timeout=0.0) as trial:
        rotating = Rotating(trial, log)
        trial.write(log, 1)
        await soon()
        for word in order.split():
            await do(word, trial, rotating)
        trial.write(log, 3)
        await trial.expect_all(LONG)
