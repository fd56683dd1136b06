"""Outlets at a gate, each reduced to when it is let in and with what it comes back."""

from collections.abc import Callable

import trio

from shuttle.clock import Clocks
from shuttle.core.outcome import Outcome
from shuttle.delivery.gate import Gate, Pass
from tests.helpers.outcomes import make_outcome
from tests.helpers.virtual import Journal, wall

TAKEN = make_outcome(204)
DOWN = make_outcome(503)


def make_gate(journal: Journal | None = None, random: Callable[[], float] = lambda: 1.0) -> Gate:
    """Without other random numbers a delay is as long as it may be."""
    return Gate(log=journal or Journal(), random=random, clocks=Clocks(trio.current_time, wall))


async def answer(gate: Gate, outcome: Outcome | None) -> float:
    """Make one attempt, and return the seconds it waited to be let in."""
    begun = trio.current_time()
    leave = await gate.enter()
    waited = trio.current_time() - begun
    gate.leave(leave, outcome)
    return waited


async def enter_all(gate: Gate, count: int, within: float) -> list[Pass]:
    """Return the passes that `count` outlets get `within` seconds."""
    passes: list[Pass] = []

    async def enter() -> None:
        passes.append(await gate.enter())

    with trio.move_on_after(within):
        async with trio.open_nursery() as tasks:
            for _ in range(count):
                tasks.start_soon(enter)
    return passes
