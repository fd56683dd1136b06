"""What the oracle of `tests.faults` has found, each made small."""

import contextlib
import gzip
import os
import sqlite3
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from tests.helpers.following import Catcher, append, following
from tests.helpers.loops import on_every_loop


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


class Slow(Catcher):
    """Answers later than what is settled is recorded."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        await anyio.sleep(0.15)
        return answer


def count_plans(state: Path) -> int:
    with contextlib.closing(sqlite3.connect(state / "checkpoints.sqlite")) as database:
        plans: int = database.execute("select count(*) from plans").fetchone()[0]
    return plans


@on_every_loop
async def test_each_batch_is_planned_before_it_is_sent(log: Path, tmp_path: Path) -> None:
    """The flush by age waits for room; meanwhile a write adds batches, which the flush passes on."""
    drain = Slow()
    state = tmp_path / "state"
    log.touch()
    async with following(
        drain, log, from_="beginning", state_dir=state, num_outlets=1, batch_size=10, back_buff=1, wait=0.05
    ) as shuttle:
        await anyio.sleep(0.1)
        drain.held = True
        append(
            log, *(b"a%d" % n for n in range(25))
        )  # 2 batches, and 5 lines that wait for their age: that flush finds no room
        await anyio.sleep(0.4)
        append(log, *(b"b%d" % n for n in range(65)))  # full batches: into _ready and _unplanned
        await anyio.sleep(0.4)
        drain.held = False
        drain.change()
        await drain.until(lambda: len(drain.lines) == 90)
        await anyio.sleep(0.3)
    assert shuttle.ledger.held == 0
    assert count_plans(state) == 0  # else they are sent again at each start, or counted lost


@on_every_loop
async def test_a_batch_the_drain_may_have_carries_no_report(log: Path, tmp_path: Path) -> None:
    """Its answer was lost: sent again it is a duplicate, and whatever comes with it is passed over."""
    drain = Catcher()
    state = tmp_path / "state"
    web = tmp_path / "web.log"
    append(log, b"one")
    append(web, b"w")
    drain.held = True
    async with following(
        drain, log, web, from_="beginning", state_dir=state, land_timeout=0.0, batch_size=1, num_outlets=2
    ):
        await drain.until(lambda: len(drain.calls) == 2)
    first, second = sorted(drain.calls, key=lambda call: call.id)
    (log if first.lines == (b"one",) else web).unlink()  # the one planned first cannot be read again
    again = Catcher()
    async with following(again, log, web, from_="beginning", state_dir=state):
        await again.until(lambda: len(again.taken) >= 1)
        await anyio.sleep(0.3)
    assert [(call.body == second.body, call.reports) for call in again.taken if call.id == second.id] == [(True, {})]


@on_every_loop
async def test_a_file_is_not_forgotten_before_an_older_file(log: Path, tmp_path: Path) -> None:
    """The newer one was compressed, and is over at once; nothing of it is read again from its top."""
    drain = Catcher()
    state = tmp_path / "state"
    append(log, b"zero")
    async with following(drain, log, from_="beginning", state_dir=state):
        await drain.until_lines(b"zero")
        log.rename(log.with_name("app.log.1"))
        append(log, b"one")
        await drain.until_lines(b"zero", b"one")
    log.with_name("app.log.1").rename(log.with_name("app.log.2"))
    log.with_name("app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    append(log, b"two")
    for _ in range(2):
        async with following(drain, log, from_="beginning", state_dir=state):
            await drain.until(lambda: b"two" in drain.lines)
            await anyio.sleep(0.3)
    assert drain.lines == [b"zero", b"one", b"two"]


@on_every_loop
async def test_a_truncation_during_a_replay_is_counted(log: Path, tmp_path: Path) -> None:
    """The replay is waiting for the drain."""
    drain = Catcher()
    state = tmp_path / "state"
    web = tmp_path / "web.log"
    web.touch()
    append(log, *(b"%d" % n for n in range(20)))
    drain.status = 503
    settings: dict[str, Any] = {
        "from_": "beginning",
        "state_dir": state,
        "batch_size": 1,
        "back_buff": 30,
        "num_outlets": 1,
    }
    async with following(drain, log, web, land_timeout=0.0, **settings):
        await drain.until(lambda: len(drain.calls) >= 1)
        await anyio.sleep(0.3)
    drain.status = 204
    drain.held = True
    async with following(drain, log, web, **{**settings, "back_buff": 1}) as shuttle:
        await anyio.sleep(0.2)
        append(web, *(b"w%d" % n for n in range(5)))
        await anyio.sleep(1.0)
        os.truncate(web, 0)
        await anyio.sleep(0.3)
        append(web, b"new")
        drain.held = False
        drain.change()
        await drain.until(lambda: b"new" in drain.lines)
        await anyio.sleep(0.2)
    assert (len(drain.lines), shuttle.ledger.lost) == (21, 5)
