"""Requests that were on their way when the gate shut."""

import math

import pytest
import trio

from tests.helpers.gates import DOWN, TAKEN, answer, enter_all, make_gate
from tests.helpers.outcomes import make_outcome
from tests.helpers.virtual import virtual


@pytest.mark.parametrize("landing", [False, True])
@virtual
async def test_an_older_success_ends_a_pause(*, landing: bool) -> None:
    gate = make_gate()
    asked, older = await enter_all(gate, 2, within=0.001)
    gate.leave(asked, make_outcome(429, retry_after="30"))
    if landing:
        gate.land(by=math.inf, last_round_from=math.inf)
    gate.leave(older, TAKEN)
    assert await answer(gate, TAKEN) == 0.0


@virtual
async def test_an_older_refusal_ends_no_pause() -> None:
    gate = make_gate()
    asked, older = await enter_all(gate, 2, within=0.001)
    gate.leave(asked, make_outcome(429, retry_after="30"))
    gate.leave(older, make_outcome(400))
    assert await answer(gate, TAKEN) == 30.0


@virtual
async def test_retry_after_shuts_an_open_gate() -> None:
    """An older request may be answered so when a newer one has opened the gate again."""
    gate = make_gate()
    first, older = await enter_all(gate, 2, within=0.001)
    gate.leave(first, DOWN)
    await answer(gate, TAKEN)
    gate.leave(older, make_outcome(429, retry_after="30"))
    assert await answer(gate, TAKEN) == 30.0


@virtual
async def test_older_failures_do_not_lengthen_the_delay() -> None:
    """These requests were on their way when the gate shut."""
    gate = make_gate()
    for leave in await enter_all(gate, 4, within=0.001):
        gate.leave(leave, DOWN)
    assert [await answer(gate, DOWN) for _ in range(3)] == [0.25, 0.5, 1.0]


@virtual
async def test_a_late_older_failure_does_not_shut_the_gate() -> None:
    gate = make_gate()
    first, older = await enter_all(gate, 2, within=0.001)
    gate.leave(first, DOWN)
    await answer(gate, TAKEN)
    gate.leave(older, make_outcome(error="no answer"))
    assert await answer(gate, TAKEN) == 0.0


@pytest.mark.parametrize("probing", [False, True])
@virtual
async def test_an_older_success_opens_the_gate_at_once(*, probing: bool) -> None:
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
async def test_a_probe_stays_the_only_one() -> None:
    """Even when the gate opens and shuts again while the probe is on its way."""
    gate = make_gate()
    first, older = await enter_all(gate, 2, within=0.001)
    gate.leave(first, DOWN)
    probe = await gate.enter()
    gate.leave(older, TAKEN)
    await answer(gate, DOWN)
    assert await enter_all(gate, 2, within=1000.0) == []
    gate.leave(probe, DOWN)
    assert len(await enter_all(gate, 2, within=1000.0)) == 1
