"""Turns: never two at a time, first come first served, and a cancellation costs nobody else a turn."""

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from shuttle.delivery.turn import Turn
from tests.helpers.virtual import virtual


class Queue:
    """Tasks that each take a turn of a second, and note when they had it."""

    def __init__(self) -> None:
        self.turn = Turn()
        self.served: list[int] = []
        self.at_once = 0

    async def take(self, number: int, seconds: float = 1.0) -> None:
        async with self.turn:
            self.at_once += 1
            assert self.at_once == 1
            try:
                self.served.append(number)
                await trio.sleep(seconds)
            finally:
                self.at_once -= 1


@virtual
async def test_a_turn_that_is_free_is_taken_without_a_wait_again_and_again() -> None:
    queue = Queue()
    with trio.CancelScope() as scope:
        scope.cancel()  # whatever waited would be cancelled
        for _ in range(3):
            async with queue.turn:
                pass
    assert not scope.cancelled_caught


@virtual
async def test_turns_are_taken_in_the_order_of_coming() -> None:
    queue = Queue()
    async with trio.open_nursery() as tasks:
        for number in range(10):
            tasks.start_soon(queue.take, number)
            await trio.testing.wait_all_tasks_blocked()
    assert queue.served == list(range(10))
    assert trio.current_time() == 10.0


@virtual
async def test_whoever_comes_as_a_turn_ends_waits_behind_those_who_waited() -> None:
    queue = Queue()

    async def take_again() -> None:
        await queue.take(0)
        await queue.take(2)

    async with trio.open_nursery() as tasks:
        tasks.start_soon(take_again)
        await trio.testing.wait_all_tasks_blocked()
        tasks.start_soon(queue.take, 1)
    assert queue.served == [0, 1, 2]


@virtual
async def test_an_error_within_a_turn_ends_it() -> None:
    queue = Queue()
    with pytest.raises(LookupError):
        async with queue.turn:
            raise LookupError
    await queue.take(1)
    assert queue.served == [1]


@given(cancellations=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 2.5, 100.0]), min_size=1, max_size=12))
@settings(deadline=None)
@virtual
async def test_whoever_is_cancelled_and_when_all_others_get_their_turn(cancellations: list[float]) -> None:
    queue = Queue()

    async def take(number: int, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await queue.take(number)

    async with trio.open_nursery() as tasks:
        for number, seconds in enumerate(cancellations):
            tasks.start_soon(take, number, seconds)
    patient = [number for number, seconds in enumerate(cancellations) if seconds == 100.0]
    assert sorted(set(queue.served) & set(patient)) == patient
    assert len(queue.served) == len(set(queue.served))
    with trio.fail_after(1.5):
        await queue.take(-1)
