"""A snapshot is true of one moment: the ledger's identity holds in it, whatever the drain does."""

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from shuttle.observe.snapshot import Snapshot
from tests.helpers.drains import HANG, REFUSE, Answer, Drain, in_turn
from tests.helpers.following import SOON, append, following
from tests.helpers.virtual import EPOCH, make_lines, make_shuttle, virtual

SCRIPTS = {
    "taken": Answer(delay=0.3),
    "refused": Answer(400),
    "down": Answer(503),
    "in turn": in_turn(503, 204, 413, 204, then=Answer(delay=0.1)),
}


def is_balanced(seen: Snapshot) -> bool:
    return seen.read == seen.delivered + seen.dropped + seen.lost + seen.held


@pytest.mark.parametrize("settings", [{}, {"back_buff": 2, "patience": 0.0}, {"max_age": 1.0}], ids=str)
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@virtual
async def test_the_identity_holds_in_every_snapshot(script: Any, settings: dict[str, Any]) -> None:
    shuttle = make_shuttle(Drain(script), batch_size=7, num_outlets=2, land_timeout=5.0, **settings)
    seen: list[Snapshot] = []

    async def look() -> None:
        while True:
            seen.append(shuttle.take_snapshot())
            await trio.sleep(0.05)

    async with shuttle, trio.open_nursery() as tasks:
        tasks.start_soon(look)
        for start in range(0, 200, 10):
            await shuttle.write(make_lines(10, first=start))
            await trio.sleep(0.2)
        await shuttle.land()
        seen.append(shuttle.take_snapshot())
        tasks.cancel_scope.cancel()
    assert all(map(is_balanced, seen))
    assert seen[-1].read == 200
    assert seen[-1].landing
    assert sum(seen[-1].codes.values()) == sum(seen[-1].seconds[1])


@virtual
async def test_what_is_held_takes_memory_wherever_it_is() -> None:
    """In the batch that is being filled, in the queue, and with the outlets; none when all is delivered."""
    drain = Drain(Answer(delay=1.0))
    async with make_shuttle(drain, batch_size=10, num_outlets=1) as shuttle:
        sizes = [shuttle.take_snapshot().held_bytes]
        for lines in (5, 5, 10, 10):
            await shuttle.write(make_lines(lines))
            await trio.testing.wait_all_tasks_blocked()
            sizes.append(shuttle.take_snapshot().held_bytes)
        assert sizes[0] == 0
        assert sizes == sorted(set(sizes))
        await shuttle.land()
        assert shuttle.take_snapshot().held_bytes == 0


@virtual
async def test_an_outage_is_seen_with_its_reason_and_its_pause() -> None:
    async with make_shuttle(Drain(in_turn(204, then=Answer(503))), batch_size=1, land_timeout=1.0) as shuttle:
        assert shuttle.take_snapshot().drain == (True, 0.0, "", 0.0, None)
        await shuttle.write(make_lines(1))
        await trio.sleep(1.0)
        assert shuttle.take_snapshot().drain.last_delivery == EPOCH
        await shuttle.write(make_lines(1))
        await trio.sleep(60.0)
        drain = shuttle.take_snapshot().drain
        assert (drain.is_up, drain.error, drain.last_delivery) == (False, "503 Service Unavailable", EPOCH)
        assert drain.down_for == 60.0
        assert 0.0 < drain.pause <= 5.0
        assert shuttle.take_snapshot().oldest_age == 60.0


@virtual
async def test_requests_without_an_answer_are_counted(tmp_path: Path) -> None:
    async with make_shuttle(Drain(in_turn(REFUSE, HANG)), batch_size=1, timeout=5.0) as shuttle:
        await shuttle.write(make_lines(1))
        await trio.sleep(60.0)
        seen = shuttle.take_snapshot()
        assert seen.codes == {"none": 2, "204": 1}
        assert seen.seconds[1][9] == 1  # the time-out
        assert seen.spool is None
        assert seen.unread == {}


def test_what_is_spooled_is_seen_with_its_age(tmp_path: Path) -> None:
    @virtual
    async def check() -> None:
        settings: dict[str, Any] = {"spool": tmp_path / "spool", "land_timeout": 0.5, "batch_size": 10}
        async with make_shuttle(Drain(Answer(503)), **settings) as shuttle:
            await shuttle.write(make_lines(20))
            await trio.sleep(30.0)
            spool = shuttle.take_snapshot().spool
            assert spool
            assert (spool.lines, spool.oldest_age) == (20, 30.0)
            assert 0 < spool.bytes < spool.most_bytes

    check()


def test_a_file_is_behind_by_what_stands_in_it_and_was_not_read(tmp_path: Path) -> None:
    log = tmp_path / "app.log"

    @virtual
    async def check() -> None:
        append(log, *(b"x" * 99 for _ in range(10_000)))
        drain = Drain(Answer(503))
        settings: dict[str, Any] = {"from_": "beginning", "back_bytes": 64 * 1024, "land_timeout": 0.5}
        async with following(drain, log, **settings) as shuttle:
            await trio.sleep(SOON)
            ((path, left),) = shuttle.take_snapshot().unread.items()
            assert path == str(log)
            assert 0 < left < 1_000_000

    check()
