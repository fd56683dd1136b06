from collections.abc import Awaitable, Callable

import anyio
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from shuttle.core.batch import OVERHEAD, Batch
from shuttle.delivery.memory_queue import MemoryQueue
from tests.helpers.virtual import virtual

SIZE = 100 + OVERHEAD  # bytes of a batch below

settled = trio.testing.wait_all_tasks_blocked


async def _offer(queue: MemoryQueue, batch: Batch) -> bool:
    return queue.offer(batch)


def make_batch(number: int = 0, length: int = 100) -> Batch:
    return Batch(str(number), bytes(length), lines=1, frames=1, long=(), born=0.0)


@pytest.mark.parametrize(
    ("max_bytes", "max_batches", "taken"),
    [
        (3 * SIZE, None, 3),
        (3 * SIZE - 1, None, 2),
        (100 * SIZE, 2, 2),
        (SIZE, 2, 1),
        (0, 1, 1),
    ],
)
def test_it_takes_what_both_bounds_allow(max_bytes: int, max_batches: int | None, taken: int) -> None:
    queue = MemoryQueue(max_bytes=max_bytes, max_batches=max_batches)
    assert [queue.offer(make_batch()) for _ in range(5)] == [True] * taken + [False] * (5 - taken)
    assert len(queue) == taken


@virtual
async def test_an_empty_queue_takes_any_batch_and_then_no_other() -> None:
    queue = MemoryQueue(max_bytes=SIZE)
    assert queue.offer(make_batch(1, length=10 * SIZE))
    assert not queue.offer(make_batch(2, length=0))
    await queue.take()
    assert queue.offer(make_batch(2, length=0))


@virtual
async def test_taking_gives_the_room_back() -> None:
    queue = MemoryQueue(max_bytes=2 * SIZE)
    for number in range(50):
        assert queue.offer(make_batch(number))
        assert queue.offer(make_batch(number))
        assert not queue.offer(make_batch(number))
        assert await queue.take()
        assert await queue.take()


@virtual
async def test_batches_leave_in_the_order_they_came() -> None:
    queue = MemoryQueue(max_bytes=100 * SIZE)
    batches = [make_batch(number) for number in range(5)]
    assert all(map(queue.offer, batches))
    assert [await queue.take() for _ in batches] == batches


@virtual
async def test_takers_are_served_in_the_order_they_came() -> None:
    queue = MemoryQueue(max_bytes=100 * SIZE)
    served: list[int] = []

    async def take(number: int) -> None:
        await queue.take()
        served.append(number)

    async with trio.open_nursery() as tasks:
        for number in range(5):
            tasks.start_soon(take, number)
            await settled()
        for number in range(5):
            assert served == list(range(number))
            queue.offer(make_batch())
            await settled()


@pytest.mark.parametrize("cancelled_first", [True, False])
@virtual
async def test_a_batch_of_a_cancelled_taker_goes_to_the_next(*, cancelled_first: bool) -> None:
    queue = MemoryQueue(max_bytes=SIZE)
    batch = make_batch()
    taken: list[Batch | None] = []
    first = trio.CancelScope()

    async def take(scope: trio.CancelScope) -> None:
        with scope:
            taken.append(await queue.take())

    async with trio.open_nursery() as tasks:
        tasks.start_soon(take, first)
        await settled()
        tasks.start_soon(take, trio.CancelScope())
        await settled()
        if cancelled_first:
            first.cancel()
        queue.offer(batch)
        first.cancel()
        await settled()
        assert taken == [batch]
        tasks.cancel_scope.cancel()


@virtual
async def test_a_cancelled_taker_is_forgotten() -> None:
    queue = MemoryQueue(max_bytes=SIZE)
    with trio.move_on_after(1):
        await queue.take()
    batch = make_batch()
    async with trio.open_nursery() as tasks:

        async def take() -> None:
            assert await queue.take() is batch
            tasks.cancel_scope.cancel()

        tasks.start_soon(take)
        await settled()
        queue.offer(batch)
        await trio.sleep_forever()


@virtual
async def test_put_waits_for_room() -> None:
    queue = MemoryQueue(max_bytes=SIZE)
    first, second = make_batch(1), make_batch(2)
    await queue.put(first)
    async with trio.open_nursery() as tasks:
        tasks.start_soon(queue.put, second)
        await settled()
        assert len(queue) == 1
        assert await queue.take() is first
        await settled()
        assert await queue.take() is second


@virtual
async def test_a_cancelled_put_leaves_its_room_to_another() -> None:
    queue = MemoryQueue(max_bytes=SIZE)
    await queue.put(make_batch(0))
    first = trio.CancelScope()

    async def put(batch: Batch, scope: trio.CancelScope) -> None:
        with scope:
            await queue.put(batch)

    async with trio.open_nursery() as tasks:
        tasks.start_soon(put, make_batch(1), first)
        await settled()
        tasks.start_soon(put, make_batch(2), trio.CancelScope())
        await settled()
        first.cancel()
        taken = [await queue.take()]
        await settled()
        taken.append(await queue.take())
    assert [batch.id for batch in taken if batch] == ["0", "2"]
    assert len(queue) == 0


@virtual
async def test_a_closed_queue_gives_what_it_holds_and_then_none() -> None:
    queue = MemoryQueue(max_bytes=SIZE)
    batch = make_batch()
    queue.offer(batch)
    queue.close()
    assert [await queue.take() for _ in range(3)] == [batch, None, None]


@virtual
async def test_closing_ends_every_taker_that_waits() -> None:
    queue = MemoryQueue(max_bytes=SIZE)
    taken: list[Batch | None] = []

    async def take() -> None:
        taken.append(await queue.take())

    async with trio.open_nursery() as tasks:
        for _ in range(3):
            tasks.start_soon(take)
        await settled()
        queue.close()
    assert taken == [None] * 3


@pytest.mark.parametrize("put", [MemoryQueue.put, _offer])
@virtual
async def test_a_closed_queue_takes_nothing_in(put: Callable[[MemoryQueue, Batch], Awaitable[object]]) -> None:
    queue = MemoryQueue(max_bytes=SIZE)
    queue.close()
    with pytest.raises(anyio.ClosedResourceError):
        await put(queue, make_batch())


@virtual
async def test_closing_ends_who_waits_for_room() -> None:
    queue = MemoryQueue(max_bytes=SIZE)
    await queue.put(make_batch(0))
    async with trio.open_nursery() as tasks:

        async def put() -> None:
            with pytest.raises(anyio.ClosedResourceError):
                await queue.put(make_batch(1))

        tasks.start_soon(put)
        await settled()
        queue.close()
    assert len(queue) == 1


TURN = st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.5]), st.sampled_from([0.0, 0.1, 0.3, 9.0]))  # begins, patience


@given(st.lists(TURN, max_size=8), st.lists(TURN, max_size=8), st.integers(1, 3))
@settings(max_examples=60)
@virtual
async def test_cancellations_cost_no_batch_and_no_order(
    puts: list[tuple[float, float]], takes: list[tuple[float, float]], room: int
) -> None:
    queue = MemoryQueue(max_bytes=100 * SIZE, max_batches=room)
    came: list[Batch] = []
    left: list[Batch] = []

    async def put(batch: Batch, begin: float, patience: float) -> None:
        await trio.sleep(begin)
        with trio.move_on_after(patience):
            await queue.put(batch)
            came.append(batch)

    async def take(begin: float, patience: float) -> None:
        await trio.sleep(begin)
        with trio.move_on_after(patience):
            batch = await queue.take()
            assert batch
            left.append(batch)

    async with trio.open_nursery() as tasks:
        for number, turn in enumerate(puts):
            tasks.start_soon(put, make_batch(number), *turn)
        for turn in takes:
            tasks.start_soon(take, *turn)
    queue.close()
    while batch := await queue.take():
        left.append(batch)
    assert left == came
