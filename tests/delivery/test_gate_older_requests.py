"""Requests that were on their way when the gate shut."""

import math

import pytest
import trio

from tests.helpers.gates import DOWN, TAKEN, answer, enter_all, make_gate
from tests.helpers.outcomes import make_outcome
from tests.helpers.virtual import virtual


@pytest.mark.parametrize("landing", [False, True])
@virtual
async def test_an_older_request_that_succeeds_ends_a_pause(*, landing: bool) -> None:
    gate = make_gate()
    asked, older = await enter_all(gate, 2, within=0.001)
    gate.leave(asked, make_outcome(429, retry_after="30"))
    if landing:
        gate.land(by=math.inf, last_round_from=math.inf)
    gate.leave(older, TAKEN)
    assert await answer(gate, TAKEN) == 0.0


@virtual
async def test_an_older_request_that_is_refused_ends_no_pause() -> None:
    gate = make_gate()
    asked, older = await enter_all(gate, 2, within=0.001)
    gate.leave(asked, make_outcome(429, retry_after="30"))
    gate.leave(older, make_outcome(400))
    assert await answer(gate, TAKEN) == 30.0


@virtual
async def test_what_the_drain_asks_for_holds_though_the_gate_is_open() -> None:
    """An older request may be answered so when a newer one has opened the gate again."""
    gate = make_gate()
    first, older = await enter_all(gate, 2, within=0.001)
    gate.leave(first, DOWN)
    await answer(gate, TAKEN)
    gate.leave(older, make_outcome(429, retry_after="30"))
    assert await answer(gate, TAKEN) == 30.0


@virtual
async def test_requests_that_were_on_their_way_when_the_gate_shut_do_not_make_the_delay_grow() -> None:
    gate = make_gate()
    for leave in await enter_all(gate, 4, within=0.001):
        gate.leave(leave, DOWN)
    assert [await answer(gate, DOWN) for _ in range(3)] == [0.25, 0.5, 1.0]


@virtual
async def test_an_older_request_that_fails_late_does_not_shut_the_gate_again() -> None:
    gate = make_gate()
    first, older = await enter_all(gate, 2, within=0.001)
    gate.leave(first, DOWN)
    await answer(gate, TAKEN)
    gate.leave(older, make_outcome(error="no answer"))
    assert await answer(gate, TAKEN) == 0.0


@pytest.mark.parametrize("probing", [False, True])
@virtual
async def test_an_older_request_that_succeeds_lets_everyone_pass_at_once(*, probing: bool) -> None:
    """Be it while all wait for the delay to end, or for the probe to come back."""
    gate = make_gate()
    first, older = await enter_all(gate, 2, within=0.001)
    gate.leave(first, DOWN)
    if probing:
        await gate.enter()
    begun = trio.current_time()
    async with trio.open_nursery() as tasks:
        for _ in range(3):
            tasks.start_soon(answer, gate, TAKEN)
        await trio.sleep(0.01)
        gate.leave(older, TAKEN)
    assert trio.current_time() - begun == pytest.approx(0.01)


@virtual
async def test_a_probe_on_its_way_is_the_only_one_though_the_gate_opened_and_shut_again() -> None:
    gate = make_gate()
    first, older = await enter_all(gate, 2, within=0.001)
    gate.leave(first, DOWN)
    probe = await gate.enter()
    gate.leave(older, TAKEN)
    await answer(gate, DOWN)
    assert await enter_all(gate, 2, within=1000.0) == []
    gate.leave(probe, DOWN)
    assert len(await enter_all(gate, 2, within=1000.0)) == 1
