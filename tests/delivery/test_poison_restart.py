"""A shuttle that ends in order leaves to the next one what the drain has not taken, and nothing else."""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.helpers.drains import TAKE, Answer, Drain, Script
from tests.helpers.following import following
from tests.helpers.limits import files_of_at_most
from tests.helpers.virtual import make_lines, make_shuttle, virtual
from tests.store.test_private import open_backlog

STARTS = 4


def fail_on(*bad: int) -> Script:
    words = {b"%07d" % number for number in bad}
    return lambda call: Answer(500) if words.intersection(call.lines) else TAKE


def read_spool(directory: Path) -> list[tuple[int, str, int]]:
    """Return the key, the id and the lines of each row."""
    backlog = open_backlog(directory)
    try:
        rows = backlog.read(0, 1 << 30)
        assert isinstance(rows, list)
        return [(key, batch.id, batch.lines) for key, batch in rows]
    finally:
        backlog.close()


@pytest.mark.parametrize("bad", [(3,), (0,), (9,), (3, 7), (13, 14, 38)], ids=str)
@pytest.mark.parametrize("outlets", [1, 4])
@virtual
async def test_the_spool_keeps_what_is_left_of_a_batch(bad: tuple[int, ...], outlets: int, tmp_path: Path) -> None:
    drain = Drain(fail_on(*bad))
    settings: dict[str, Any] = {"spool": tmp_path / "spool", "batch_size": 10, "land_timeout": 5.0}
    for number in range(STARTS):
        async with make_shuttle(drain, num_outlets=outlets, **settings) as shuttle:
            await shuttle.write(b"" if number else make_lines(40))
            await trio.sleep(20)
        ledger = shuttle.ledger
        assert ledger.read == ledger.delivered + ledger.lost + ledger.held
        assert ledger.spooled == ledger.held == sum(lines for *_, lines in read_spool(tmp_path / "spool"))
    taken = Counter(map(int, drain.lines))
    assert set(taken.values()) == {1}
    if outlets > 1:  # a single one waits, for the sake of the order
        assert set(taken) == set(range(40)) - set(bad)


@virtual
async def test_what_is_left_keeps_its_id_and_the_first_of_it_its_place(tmp_path: Path) -> None:
    drain = Drain(fail_on(3, 13))
    settings: dict[str, Any] = {"spool": tmp_path / "spool", "batch_size": 10, "land_timeout": 5.0}
    left = []
    for number in range(2):
        async with make_shuttle(drain, **settings) as shuttle:
            await shuttle.write(b"" if number else make_lines(20))
            await trio.sleep(20)
        left.append(read_spool(tmp_path / "spool"))
    assert left[0] == left[1]
    assert [key for key, *_ in left[0]] == [1, 2]
    sent = {call.id for call in drain.calls if call.lines in ((b"0000003",), (b"0000013",))}
    assert {id_ for _, id_, _ in left[0]} == sent


@virtual
async def test_a_disk_that_takes_nothing_at_the_end_keeps_the_whole(tmp_path: Path) -> None:
    drain = Drain(fail_on(3))
    settings: dict[str, Any] = {"spool": tmp_path / "spool", "batch_size": 10, "land_timeout": 5.0}
    with ExitStack() as full:
        async with make_shuttle(drain, **settings) as shuttle:
            await shuttle.write(make_lines(10))
            await trio.sleep(20)
            full.enter_context(files_of_at_most(0))
    assert str(shuttle.ledger) == "read=10 delivered=9 dropped=0 lost=0 held=1"
    [(key, _, lines)] = read_spool(tmp_path / "spool")
    assert (key, lines) == (1, 10)


@pytest.mark.parametrize("bad", [(3,), (0,), (9,), (3, 7), (13, 14, 38)], ids=str)
@virtual
async def test_the_checkpoints_keep_what_is_left_of_a_batch(bad: tuple[int, ...], tmp_path: Path) -> None:
    drain = Drain(fail_on(*bad))
    logs = [tmp_path / "a.log", tmp_path / "b.log"]
    logs[0].write_bytes(make_lines(25))
    logs[1].write_bytes(make_lines(15, first=25))
    settings: dict[str, Any] = {"state_dir": tmp_path / "state", "batch_size": 10, "land_timeout": 5.0}
    held = []
    for _ in range(STARTS):
        async with following(drain, *logs, from_="beginning", **settings) as shuttle:
            await trio.sleep(20)
        ledger = shuttle.ledger
        assert ledger.read == ledger.delivered + ledger.lost + ledger.held
        held.append(ledger.held)
    assert Counter(map(int, drain.lines)) == Counter(set(range(40)) - set(bad))
    assert held[0] == held[-1]
    lone = Counter(call.id for call in drain.calls if len(call.lines) == 1 and set(map(int, call.lines)) <= set(bad))
    assert len(lone) == len(bad)
