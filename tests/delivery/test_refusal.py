"""Batches that a drain refuses as a whole are divided; a drain that refuses everything is not bombarded."""

import pytest
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from shuttle.delivery.outlet import HOPELESS, REFUSALS
from tests.helpers.drains import TAKE, Answer, Call, Drain, Script, in_turn, refuse_lines_with
from tests.helpers.virtual import Journal, make_lines, make_shuttle, virtual

DEPTH = 9  # halvings from 500 lines to one


def refuse_above(limit: int) -> Script:
    return lambda call: Answer(413) if len(call.body) > limit else TAKE


def refuse_lines(bad: set[int], status: int = 400) -> Script:
    words = {b"%07d" % number for number in bad}
    return lambda call: Answer(status) if words.intersection(call.lines) else TAKE


@pytest.mark.parametrize("limit", [200, 1000, 5000, 40_000])
@virtual
async def test_a_batch_too_large_is_halved_until_it_fits(limit: int) -> None:
    drain = Drain(refuse_above(limit))
    async with make_shuttle(drain, num_outlets=1) as shuttle:
        await shuttle.write(make_lines(500))
    assert drain.lines == make_lines(500).split()
    assert str(shuttle.ledger) == "read=500 delivered=500 dropped=0 lost=0 held=0"
    assert len(drain.calls) == 2 * len(drain.heard) - 1
    assert min(len(call.body) for call in drain.heard) > limit / 2 - 82  # no smaller than it must be


@virtual
async def test_a_line_too_large_is_lost_alone() -> None:
    drain, journal = Drain(refuse_above(5000)), Journal()
    async with make_shuttle(drain, log=journal) as shuttle:
        await shuttle.write(make_lines(100) + b"x" * 6000 + b"\n" + make_lines(100, first=100))
    assert sorted(drain.lines) == make_lines(200).split()
    assert str(shuttle.ledger) == "read=201 delivered=200 dropped=0 lost=1 held=0"
    [told] = journal.named("lines.lost")
    assert (told["status"], told["advice"]) == (413, "use a smaller -batch-bytes")


@pytest.mark.parametrize("bad", [0, 1, 249, 250, 498, 499])
@pytest.mark.parametrize("status", [400, 422])
@virtual
async def test_one_bad_line_in_500_costs_exactly_one_line(status: int, bad: int) -> None:
    drain = Drain(refuse_lines({bad}, status))
    async with make_shuttle(drain) as shuttle:
        await shuttle.write(make_lines(500))
    assert drain.lines == [line for line in make_lines(500).split() if int(line) != bad]
    assert str(shuttle.ledger) == "read=500 delivered=499 dropped=0 lost=1 held=0"
    assert len(drain.calls) <= 1 + 2 * DEPTH + 1  # one that only reports comes last


@given(bad=st.sets(st.integers(0, 199), max_size=HOPELESS - 1), size=st.integers(1, 200))
@settings(max_examples=30)
@virtual
async def test_only_bad_lines_are_lost(bad: set[int], size: int) -> None:
    drain = Drain(refuse_lines(bad))
    async with make_shuttle(drain, batch_size=size) as shuttle:
        await shuttle.write(make_lines(200))
    assert sorted(map(int, drain.lines)) == sorted(set(range(200)) - bad)
    assert shuttle.ledger.lost == len(bad)
    assert drain.told("L13") == len(bad)


@virtual
async def test_a_taking_drain_gets_every_good_line() -> None:
    """However many lines are bad."""
    bad = set(range(1, 500)) - {250, 498}
    drain = Drain(refuse_lines(bad))
    async with make_shuttle(drain, num_outlets=1) as shuttle:
        await shuttle.write(make_lines(1))
        await shuttle.write(make_lines(500, first=1))
    assert [int(line) for line in drain.lines] == [0, 250, 498, 500]
    assert str(shuttle.ledger) == "read=501 delivered=4 dropped=0 lost=497 held=0"


@virtual
async def test_each_half_keeps_its_own_id_in_retries() -> None:
    answers: dict[str, int] = {}

    def script(call: Call) -> Answer:
        if not call.lines:
            return TAKE  # the last one, which reports
        answers[call.id] = answers.get(call.id, 0) + 1
        return Answer(503) if answers[call.id] == 1 else Answer(422 if b"0000042" in call.lines else 204)

    drain = Drain(script)
    async with make_shuttle(drain, num_outlets=1) as shuttle:
        await shuttle.write(make_lines(100))
    assert shuttle.ledger.delivered == 99
    assert set(answers.values()) == {2}
    assert len({call.id for call in drain.calls}) == len({call.body for call in drain.calls})


@virtual
async def test_the_lines_of_a_refused_batch_stay_in_order() -> None:
    drain = Drain(refuse_lines_with(b"7"))
    async with make_shuttle(drain, num_outlets=1, batch_size=60) as shuttle:
        await shuttle.write(make_lines(60))
    assert drain.lines == [line for line in make_lines(60).split() if b"7" not in line]


@pytest.mark.parametrize("status", [400, 413, 422])
@virtual
async def test_a_drain_refusing_all_gets_few_requests(status: int) -> None:
    """It has never taken a batch."""
    drain = Drain(Answer(status))
    async with make_shuttle(drain) as shuttle:
        await shuttle.write(make_lines(5000))
    assert str(shuttle.ledger) == "read=5000 delivered=0 dropped=0 lost=5000 held=0"
    assert len(drain.calls) <= 10 * 2 * (HOPELESS + DEPTH)


@virtual
async def test_a_drain_that_starts_refusing_gets_few_requests() -> None:
    """It took batches before, so it gets many requests at first, and then few."""
    drain = Drain(in_turn(204, then=Answer(400)))
    async with make_shuttle(drain, num_outlets=1) as shuttle:
        await shuttle.write(make_lines(500 * 41))
    assert str(shuttle.ledger) == "read=20500 delivered=500 dropped=0 lost=20000 held=0"
    assert REFUSALS < len(drain.calls) <= REFUSALS + 40 * 2 * (HOPELESS + DEPTH)


@virtual
async def test_a_recovered_drain_gets_the_next_batch_whole() -> None:
    """Before, it refused everything."""
    drain = Drain(Answer(400))
    async with make_shuttle(drain, num_outlets=1) as shuttle:
        await shuttle.write(make_lines(500))
        await trio.testing.wait_all_tasks_blocked()
        refused = len(drain.calls)
        assert shuttle.ledger.lost == 500
        drain.script = in_turn()
        await shuttle.write(make_lines(500, first=500))
    assert drain.lines == make_lines(500, first=500).split()
    assert len(drain.calls) == refused + 1


@pytest.mark.parametrize("status", [400, 413, 422])
@virtual
async def test_a_line_refused_with_a_report_is_tried_alone(status: int) -> None:
    drain = Drain(in_turn(400, then=TAKE))
    async with make_shuttle(drain, num_outlets=1, batch_size=1) as shuttle:
        await shuttle.write(b"one\n")
        await trio.testing.wait_all_tasks_blocked()
        drain.script = lambda call: Answer(status) if call.lines and call.reports else TAKE
        await shuttle.write(b"two\n")
    assert drain.lines == [b"two"]
    assert str(shuttle.ledger) == "read=2 delivered=1 dropped=0 lost=1 held=0"
    assert drain.told("L13") == 1
    assert len({call.id for call in drain.calls}) == len({call.body for call in drain.calls}) == 4
