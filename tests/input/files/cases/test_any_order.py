"""Rotations in any order, seen or unseen, with the agent running or down: no line is lost, none comes twice."""

import os
import shutil
from pathlib import Path

import anyio
import pytest

from tests.helpers.compression import pack
from tests.helpers.following import soon
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


class Rotating:
    """Does to a log what a word says, and writes lines for its trial."""

    def __init__(self, trial: Trial, log: Path) -> None:
        self._trial = trial
        self._log = log
        self._rotated: list[Path] = []  # the newest first

    async def do(self, word: str) -> None:
        """Do one of the things of ORDERS."""
        match word:
            case "look":
                await soon()
            case "wait":
                await anyio.sleep(LONG)
            case "stop":
                await self._trial.stop()
            case "start":
                await self._trial.start()
            case "hold":
                self._trial.hold_up()
            case "release":
                self._trial.release()
            case "late":
                self._trial.write(self._rotated[0], 2)
            case _:
                self._change(word)

    def _change(self, word: str) -> None:
        match word:
            case "write":
                self._trial.write(self._log, 3)
            case "rename" | "rename-away":
                if self._log.exists():
                    self._log.rename(self._make_room())
                if word == "rename":
                    self._log.touch()
            case "copy":
                shutil.copyfile(self._log, self._make_room())
                os.truncate(self._log, 0)
            case "compress":
                place = next(place for place, path in enumerate(self._rotated) if place and path.suffix != ".gz")
                self._rotated[place] = pack(self._rotated[place], "gz")

    def _make_room(self) -> Path:
        """Return where the log is rotated to, when the older ones have made room."""
        for number, path in reversed(list(enumerate(self._rotated, 2))):
            self._rotated[number - 2] = path.rename(
                path.with_name(f"app.log.{number}{path.suffix * path.match('*.gz')}")
            )
        self._rotated.insert(0, self._log.with_name("app.log.1"))
        return self._rotated[0]


@pytest.mark.parametrize("order", ORDERS)
@virtual
async def test_rotations_in_this_order_cost_nothing(log: Path, state: Path, order: str) -> None:
    log.touch()
    async with Trial(log, state_dir=state, batch_size=10, back_buff=1, land_timeout=0.0) as trial:
        rotating = Rotating(trial, log)
        trial.write(log, 1)
        await soon()
        for word in order.split():
            await rotating.do(word)
        trial.write(log, 3)
        await trial.expect_all(LONG)
