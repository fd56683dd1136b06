"""The spool on a disk that works: a queue that has on the disk what it holds."""

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from shuttle.delivery.tiers import WINDOW
from tests.helpers.loops import on_every_loop
from tests.helpers.spinning import not_spinning
from tests.helpers.spools import LINES, Process, ids, make, spooling

if TYPE_CHECKING:
    from shuttle.core.batch import Batch


@on_every_loop
async def test_batches_leave_in_order_and_then_the_disk(tmp_path: Path) -> None:
    async with spooling(tmp_path) as process:
        await process.put(*make(1, 2, 3))
        assert process.ledger.spooled == process.backlog.lines == 3 * LINES
        assert len(process.spool) == 3
        assert await process.take(3) == make(1, 2, 3)
        assert process.ledger.spooled == process.ledger.held == 0
        assert len(process.spool) == 0
    assert Process(tmp_path).backlog.batches == 0


@on_every_loop
async def test_the_next_process_has_what_was_not_settled_first(tmp_path: Path) -> None:
    async with spooling(tmp_path) as process:
        await process.put(*make(1, 2, 3, 4))
        await process.take(1)
        assert await process.spool.take() == make(2)[0]  # and its outlet is cancelled
    async with spooling(tmp_path) as process:
        assert process.ledger.held == process.ledger.spooled == 3 * LINES
        await process.put(*make(5))
        taken = await process.take(4)
        assert ids(taken) == ids(make(2, 3, 4, 5))
        assert [batch.again for batch in taken] == [True, True, True, False]


@on_every_loop
async def test_memory_has_no_more_than_its_window(tmp_path: Path) -> None:
    async with spooling(tmp_path) as process:
        length = WINDOW // 10
        for number in range(1, 51):
            await process.put(*make(number, length=length))
        assert len(process.spool) == 50
        assert 0 < process.bytes_in_memory <= WINDOW
        for number in range(1, 51):
            assert ids(await process.take(1)) == ids(make(number))
            assert process.bytes_in_memory <= WINDOW + length


@on_every_loop
async def test_takers_that_wait_get_what_comes(tmp_path: Path) -> None:
    taken: list[Batch] = []
    async with spooling(tmp_path) as process, anyio.create_task_group() as tasks:

        async def take() -> None:
            while batch := await process.spool.take():
                taken.append(batch)
                process.spool.settle(batch)

        for _ in range(4):
            tasks.start_soon(take)
        for start in range(1, 200, 5):
            await process.put(*make(*range(start, start + 5), length=WINDOW // 20))
        process.spool.close()
    assert sorted(ids(taken)) == sorted(ids(make(*range(1, 201))))


@on_every_loop
async def test_what_a_cancelled_taker_was_called_for_goes_to_another(tmp_path: Path) -> None:
    taken: list[Batch | None] = []
    scopes = [anyio.CancelScope(), anyio.CancelScope()]
    (batch,) = make(1, length=2 * WINDOW)  # on the disk alone
    async with spooling(tmp_path) as process, anyio.create_task_group() as tasks:

        async def take(scope: anyio.CancelScope) -> None:
            with scope:
                taken.append(await process.spool.take())

        for scope in scopes:
            tasks.start_soon(take, scope)
            await anyio.wait_all_tasks_blocked()
        await process.spool.record([batch])
        async with process.spool._lock:  # somebody else uses the disk
            process.spool.offer(batch)
            await anyio.wait_all_tasks_blocked()
            scopes[0].cancel()
            await anyio.wait_all_tasks_blocked()
    assert taken == [batch]


@on_every_loop
async def test_a_full_one_refuses_until_something_has_left(tmp_path: Path) -> None:
    async with spooling(tmp_path, most_bytes=100_000) as process:
        number = 0
        while True:
            number += 1
            (batch,) = make(number, length=10_000)
            await process.spool.record([batch])
            if not process.spool.offer(batch):
                break
        assert 3 <= number <= 10
        assert not process.log.named("spool.failed")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(process.spool.put, batch)
            await anyio.lowlevel.checkpoint()
            assert len(process.spool) == number - 1
            first = await process.spool.take()
            assert first
            process.spool.settle(first)
        assert len(process.spool) == number - 1


@on_every_loop
async def test_an_empty_one_takes_any_batch(tmp_path: Path) -> None:
    async with spooling(tmp_path, most_bytes=1000) as process:
        await process.put(*make(1, length=100_000))
        assert process.ledger.spooled == LINES
        assert await process.put(*make(2), patience=0.0) == []
        assert await process.take(1) == make(1, length=100_000)


@on_every_loop
async def test_a_put_without_room_waits_and_does_not_spin(tmp_path: Path) -> None:
    """A smaller batch would have room; but those before it, which are in memory, have none."""
    async with spooling(tmp_path, most_bytes=300_000) as process:
        await process.put(*make(1, length=50_000))
        with process.full_disk():
            await process.put(*make(2, 3, length=120_000))
        await process.update()  # the disk takes the first of them
        assert process.ledger.spooled == 2 * LINES
        with not_spinning():
            assert await process.put(*make(4), patience=0.1) == []
            assert len(process.spool) == 3
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(process.put, *make(5))
                assert ids(await process.take(2)) == ids(make(1, 2))
            assert ids(await process.take(2)) == ids(make(3, 5))
    assert process.ledger.held == 0


@on_every_loop
async def test_closing_ends_a_put_that_waits(tmp_path: Path) -> None:
    async with spooling(tmp_path, most_bytes=1000) as process:
        await process.put(*make(1))

        async def put() -> None:
            with pytest.raises(anyio.ClosedResourceError):
                await process.spool.put(make(2)[0])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(put)
            await anyio.lowlevel.checkpoint()
            process.spool.close()
        with pytest.raises(anyio.ClosedResourceError):
            process.spool.offer(make(2)[0])
        assert await process.take(1) == make(1)
        assert await process.spool.take() is None


@on_every_loop
async def test_a_batch_that_waits_to_be_put_is_written_once(tmp_path: Path) -> None:
    """The intake records again what it is not sure of, and offers it later."""
    async with spooling(tmp_path) as process:
        batches = make(1, 2)
        process.ledger.take_in(2 * LINES)
        for _ in range(3):
            await process.spool.record(batches)
        assert process.backlog.batches == 2
        assert len(process.spool) == 0
        assert all(map(process.spool.offer, batches))
        assert await process.take(2) == batches


@on_every_loop
async def test_waiting_for_fewer_batches_ends_when_some_are_taken(tmp_path: Path) -> None:
    async with spooling(tmp_path) as process:
        await process.put(*make(1, 2, 3))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(process.spool.wait_below, 2)
            await process.take(2)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(process.spool.wait_below, 0)
            await anyio.lowlevel.checkpoint()
            process.spool.close()
