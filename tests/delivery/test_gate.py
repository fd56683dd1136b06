import math
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from shuttle.delivery.landing_times import LANDING_DELAY
from shuttle.observe.throttle import QUIET
from tests.helpers.drains import http_date
from tests.helpers.gates import DOWN, TAKEN, answer, enter_all, make_gate
from tests.helpers.outcomes import make_outcome
from tests.helpers.virtual import EPOCH, Journal, virtual

if TYPE_CHECKING:
    from shuttle.delivery.gate import Pass


@virtual
async def test_an_open_gate_lets_everyone_pass_at_once() -> None:
    gate = make_gate()
    assert len(await enter_all(gate, 4, within=0.001)) == 4
    assert [await answer(gate, TAKEN) for _ in range(5)] == [0.0] * 5


@virtual
async def test_an_open_gate_respects_a_batchs_own_delay() -> None:
    gate = make_gate()
    leave = await gate.enter(not_before=3.0)
    assert trio.current_time() == 3.0
    gate.leave(leave, TAKEN)


@virtual
async def test_a_delayed_batch_leaves_the_probe_to_others() -> None:
    """Its own delay is not over."""
    gate = make_gate()
    await answer(gate, DOWN)
    async with trio.open_nursery() as tasks:
        passes: list[Pass] = []

        async def enter() -> None:
            passes.append(await gate.enter(not_before=9.0))

        tasks.start_soon(enter)
        assert await answer(gate, TAKEN) == 0.25
        await trio.sleep(8.0)
        assert passes == []
    assert trio.current_time() == 9.0


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("landing_after", [0.0, 0.5])
@virtual
async def test_landing_shortens_a_batchs_own_delay(*, down: bool, landing_after: float) -> None:
    gate = make_gate()
    if down:
        await answer(gate, DOWN)
    async with trio.open_nursery() as tasks:
        tasks.start_soon(gate.enter, 100.0)
        await trio.sleep(landing_after)
        gate.land(by=math.inf, last_round_from=math.inf)
    assert trio.current_time() == landing_after + LANDING_DELAY


@virtual
async def test_delays_double_up_to_five_seconds() -> None:
    """They start again after the drain was up."""
    gate = make_gate()
    waited = [await answer(gate, DOWN) for _ in range(8)]
    assert waited == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert await answer(gate, TAKEN) == 5.0
    assert [await answer(gate, DOWN) for _ in range(3)] == [0.0, 0.25, 0.5]


@virtual
async def test_delays_are_random() -> None:
    numbers = iter([0.5, 0.0, 0.1])
    gate = make_gate(random=lambda: next(numbers))
    assert [await answer(gate, DOWN) for _ in range(3)] == [0.0, 0.125, 0.0]


@pytest.mark.parametrize(
    ("retry_after", "waited"),
    [
        ("7", 7.0),
        (http_date(EPOCH + 7), 7.0),
        ("3600", 60.0),
        (http_date(EPOCH + 3600), 60.0),
        ("0", 0.25),
        (http_date(EPOCH - 3600), 0.25),
        ("soon", 0.25),
        ("", 0.25),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
@virtual
async def test_retry_after_is_obeyed_up_to_a_minute(retry_after: str, waited: float, status: int) -> None:
    gate = make_gate()
    await answer(gate, make_outcome(status, retry_after=retry_after))
    assert await answer(gate, TAKEN) == waited
    assert await answer(gate, TAKEN) == 0.0


@virtual
async def test_a_shut_gate_lets_one_outlet_pass_at_a_time() -> None:
    gate = make_gate()
    await answer(gate, DOWN)
    async with trio.open_nursery() as tasks:
        passes: list[Pass] = []

        async def enter() -> None:
            passes.append(await gate.enter())

        for _ in range(4):
            tasks.start_soon(enter)
        await trio.sleep(1000)
        assert [leave.probe for leave in passes] == [True]
        gate.leave(passes[0], DOWN)
        await trio.sleep(1000)
        assert [leave.probe for leave in passes] == [True, True]
        gate.leave(passes[1], TAKEN)
        await trio.testing.wait_all_tasks_blocked()
        assert [leave.probe for leave in passes] == [True, True, False, False]


@pytest.mark.parametrize("status", [204, 200, 400, 413, 422])
@virtual
async def test_a_probe_taken_or_refused_opens_the_gate(status: int) -> None:
    gate = make_gate()
    await answer(gate, DOWN)
    await answer(gate, make_outcome(status))
    assert len(await enter_all(gate, 4, within=0.001)) == 4


@pytest.mark.parametrize("status", [301, 307, 401, 404, 408, 425, 429, 500, 503, None])
@virtual
async def test_any_other_outcome_keeps_the_gate_shut(status: int | None) -> None:
    gate = make_gate()
    await answer(gate, DOWN)
    await answer(gate, make_outcome(status))
    assert len(await enter_all(gate, 4, within=1000.0)) == 1


@virtual
async def test_a_cancelled_probe_leaves_its_place_to_the_next() -> None:
    gate = make_gate()
    await answer(gate, DOWN)
    leave = await gate.enter()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(answer, gate, TAKEN)
        await trio.sleep(1000)
        gate.leave(leave, None)
    assert trio.current_time() == 1000.25
    assert len(await enter_all(gate, 4, within=0.001)) == 4


@virtual
async def test_a_cancelled_waiter_holds_nothing() -> None:
    gate = make_gate()
    await answer(gate, DOWN)
    with trio.move_on_after(0.1):
        await gate.enter()
    assert await answer(gate, TAKEN) == pytest.approx(0.15)


@virtual
async def test_landing_shortens_the_delays() -> None:
    gate = make_gate()
    for _ in range(8):
        await answer(gate, DOWN)
    async with trio.open_nursery() as tasks:
        begun = trio.current_time()
        tasks.start_soon(answer, gate, DOWN)
        await trio.sleep(0.1)
        gate.land(by=math.inf, last_round_from=math.inf)
    assert trio.current_time() - begun == pytest.approx(0.1 + LANDING_DELAY)
    assert await answer(gate, DOWN) == LANDING_DELAY


@virtual
async def test_an_outage_makes_two_log_lines() -> None:
    """However many attempts fail."""
    journal = Journal()
    gate = make_gate(journal)
    for _ in range(20):
        await answer(gate, make_outcome(503, error="closed for today", advice="come back"))
    assert journal.events == [("drain.down", {"status": 503, "error": "closed for today", "advice": "come back"})]
    await answer(gate, TAKEN)
    await answer(gate, TAKEN)
    assert journal.events[1:] == [("drain.up", {"down": trio.current_time(), "failures": 20})]


@virtual
async def test_a_flapping_drain_makes_few_log_lines() -> None:
    """At most two in ten seconds; the next line counts the changes that were not logged."""
    journal = Journal()
    gate = make_gate(journal)
    flaps = 0
    while trio.current_time() < 10 * QUIET:
        flaps += 1
        await answer(gate, DOWN)
        await answer(gate, TAKEN)
    downs, ups = journal.named("drain.down"), journal.named("drain.up")
    assert 5 <= len(downs) <= 10
    assert len(ups) == len(downs)
    await trio.sleep(QUIET)
    await answer(gate, DOWN)
    told = [int(str(down.get("unreported", 0))) + 1 for down in journal.named("drain.down")]
    assert sum(told) == flaps + 1
