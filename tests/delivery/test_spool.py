"""The spool: a buffer that has on the disk what it holds, and in memory what the disk does not take."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import pytest

from shuttle.core.batch import Batch
from shuttle.core.ledger import Ledger
from shuttle.delivery.spool import Spool
from shuttle.delivery.tiers import WINDOW
from shuttle.store.backlog import Backlog
from tests.helpers.batches import make_batch
from tests.helpers.limits import files_of_at_most
from tests.helpers.loops import on_every_loop
from tests.helpers.sockets import GUARD
from tests.helpers.virtual import Journal

LINES = 10  # of a batch


class Bench:
    """A spool, its ledger and what stands on its disk."""

    def __init__(self, directory: Path, most_bytes: int = 1 << 40, max_bytes: int = 1 << 20) -> None:
        self.log = Journal()
        self.backlog = Backlog.open(
            directory, most_bytes=most_bytes, log=self.log, wall=lambda: 1000.0, clock=anyio.current_time
        )
        self.ledger = Ledger()
        self.lost = 0
        self.spool = Spool(self.backlog, max_bytes=max_bytes, max_batches=None, ledger=self.ledger, lose=self.lose)

    def lose(self, lines: int, _reason: str) -> None:
        self.ledger.lose(lines, "")
        self.lost += lines

    async def put(self, *batches: Batch) -> None:
        """Take `batches` in, as the intake does."""
        self.ledger.take_in(sum(batch.lines for batch in batches))
        await self.spool.record(batches)
        for batch in batches:
            await self.spool.put(batch)

    async def take(self, count: int) -> list[Batch]:
        """Take so many, and have them delivered."""
        taken = []
        with anyio.fail_after(GUARD):
            for _ in range(count):
                batch = await self.spool.take()
                assert batch
                self.ledger.deliver(batch.lines)
                self.spool.settle(batch)
                taken.append(batch)
        return taken

    def bytes_in_memory(self) -> int:
        return sum(entry.batch.size for entry in self.spool._tiers.list_saved())

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        connection = self.backlog._database.connect()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}").fetchall()
        yield
        connection.execute("PRAGMA max_page_count=1000000").fetchall()


@asynccontextmanager
async def spooling(directory: Path, most_bytes: int = 1 << 40, max_bytes: int = 1 << 20) -> AsyncIterator[Bench]:
    bench = Bench(directory, most_bytes, max_bytes)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.spool.run)
        yield bench
        tasks.cancel_scope.cancel()
    await bench.spool.release()


def make(*numbers: int, length: int = 1000) -> list[Batch]:
    return [make_batch(number, length, lines=LINES) for number in numbers]


def ids(batches: list[Batch]) -> list[str]:
    return [batch.id for batch in batches]


@on_every_loop
async def test_batches_leave_in_order_and_then_the_disk(tmp_path: Path) -> None:
    async with spooling(tmp_path) as bench:
        await bench.put(*make(1, 2, 3))
        assert bench.ledger.spooled == bench.backlog.lines == 3 * LINES
        assert len(bench.spool) == 3
        assert await bench.take(3) == make(1, 2, 3)
        assert bench.ledger.spooled == bench.ledger.held == 0
        assert len(bench.spool) == 0
    assert Bench(tmp_path).backlog.batches == 0


@on_every_loop
async def test_what_was_not_settled_is_there_for_the_next_one_before_what_is_new(tmp_path: Path) -> None:
    async with spooling(tmp_path) as bench:
        await bench.put(*make(1, 2, 3, 4))
        await bench.take(1)
        assert await bench.spool.take() == make(2)[0]  # and its outlet is cancelled
    async with spooling(tmp_path) as bench:
        assert bench.ledger.held == bench.ledger.spooled == 3 * LINES
        await bench.put(*make(5))
        taken = await bench.take(4)
        assert ids(taken) == ids(make(2, 3, 4, 5))
        assert [batch.again for batch in taken] == [True, True, True, False]


@on_every_loop
async def test_memory_has_no_more_than_its_window(tmp_path: Path) -> None:
    async with spooling(tmp_path) as bench:
        length = WINDOW // 10
        for number in range(1, 51):
            await bench.put(*make(number, length=length))
        assert len(bench.spool) == 50
        assert 0 < bench.bytes_in_memory() <= WINDOW
        for number in range(1, 51):
            assert ids(await bench.take(1)) == ids(make(number))
            assert bench.bytes_in_memory() <= WINDOW + length


@on_every_loop
async def test_takers_that_wait_get_what_comes(tmp_path: Path) -> None:
    taken: list[Batch] = []
    async with spooling(tmp_path) as bench, anyio.create_task_group() as tasks:

        async def take() -> None:
            while batch := await bench.spool.take():
                taken.append(batch)
                bench.spool.settle(batch)

        for _ in range(4):
            tasks.start_soon(take)
        for start in range(1, 200, 5):
            await bench.put(*make(*range(start, start + 5), length=WINDOW // 20))
        bench.spool.close()
    assert sorted(ids(taken)) == sorted(ids(make(*range(1, 201))))


@on_every_loop
async def test_a_full_one_refuses_and_takes_again_when_something_has_left(tmp_path: Path) -> None:
    async with spooling(tmp_path, most_bytes=100_000) as bench:
        number = 0
        while True:
            number += 1
            (batch,) = make(number, length=10_000)
            await bench.spool.record([batch])
            if not bench.spool.offer(batch):
                break
        assert 3 <= number <= 10
        assert not bench.log.named("spool.failed")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.spool.put, batch)
            await anyio.lowlevel.checkpoint()
            assert len(bench.spool) == number - 1
            first = await bench.spool.take()
            assert first
            bench.spool.settle(first)
        assert len(bench.spool) == number - 1


@on_every_loop
async def test_what_the_disk_does_not_take_waits_in_memory_behind_what_is_there_and_gets_there_later(
    tmp_path: Path,
) -> None:
    async with spooling(tmp_path) as bench:
        await bench.put(*make(1, 2))
        with bench.full_disk():
            await bench.put(*make(3, 4, 5, length=100_000))
            assert bench.ledger.spooled == 2 * LINES
            assert bench.ledger.held == 5 * LINES
            assert len(bench.spool) == 5
            assert len(bench.log.named("spool.failed")) == 1
            assert ids(await bench.take(3)) == ids(make(1, 2, 3))
        await bench.spool.record([])
        assert bench.ledger.spooled == 2 * LINES
        assert len(bench.log.named("spool.restored")) == 1
        await bench.put(*make(6))
        assert ids(await bench.take(3)) == ids(make(4, 5, 6))
        assert bench.ledger.held == 0


@on_every_loop
async def test_memory_is_bounded_while_the_disk_fails(tmp_path: Path) -> None:
    async with spooling(tmp_path, max_bytes=250_000) as bench:
        with bench.full_disk():
            for batch in make(1, 2, 3, length=100_000):
                await bench.spool.record([batch])
                assert bench.spool.offer(batch) is (batch.id != make_batch(3).id)


@on_every_loop
async def test_what_is_in_memory_at_the_end_gets_to_the_disk_if_that_is_possible(tmp_path: Path) -> None:
    async with spooling(tmp_path) as bench:
        with bench.full_disk():
            await bench.put(*make(1, 2, length=100_000))
            assert bench.ledger.spooled == 0
            await bench.spool.take()
    assert bench.ledger.spooled == 2 * LINES
    assert Bench(tmp_path).backlog.lines == 2 * LINES


@pytest.mark.parametrize("seen", ["as it writes", "as it reads"])
@on_every_loop
async def test_a_file_that_breaks_costs_what_is_not_in_memory_and_that_is_counted(tmp_path: Path, seen: str) -> None:
    async with spooling(tmp_path) as bench:
        length = WINDOW // 4
        await bench.put(*make(*range(1, 11), length=length))
        in_memory = len(bench.spool._tiers.list_saved())
        assert 0 < in_memory < 10
        path = bench.backlog._database.path
        bench.backlog._database.disconnect()  # which leaves no log beside it
        path.write_bytes(bytes(path.stat().st_size))
        if seen == "as it writes":
            await bench.put(*make(11, length=length))
        taken = await bench.take(in_memory)
        assert ids(taken) == ids(make(*range(1, in_memory + 1)))
        if seen == "as it reads":
            with anyio.move_on_after(2.0):
                await bench.spool.take()
        else:
            assert ids(await bench.take(1)) == ids(make(11))
        assert bench.lost == (10 - in_memory) * LINES
        assert len(bench.spool) == 0


@on_every_loop
async def test_a_file_that_breaks_while_something_is_to_leave_it_costs_nothing_else(tmp_path: Path) -> None:
    async with spooling(tmp_path) as bench:
        await bench.put(*make(1, 2, 3, 4))
        await bench.take(2)  # they are to leave the disk
        path = bench.backlog._database.path
        bench.backlog._database.disconnect()
        path.write_bytes(bytes(path.stat().st_size))
        await bench.put(*make(5))
        assert bench.lost == 0
        assert bench.ledger.spooled == bench.ledger.held == 3 * LINES
        assert ids(await bench.take(3)) == ids(make(3, 4, 5))
    assert Bench(tmp_path).backlog.batches == 0


@on_every_loop
async def test_what_is_delivered_while_a_broken_file_is_gone_through_is_not_lost(tmp_path: Path) -> None:
    async with spooling(tmp_path) as bench:
        await bench.put(*make(1, 2, 3))
        path = bench.backlog._database.path
        bench.backlog._database.disconnect()
        path.write_bytes(bytes(path.stat().st_size))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.put, *make(4))
            await anyio.lowlevel.checkpoint()
            await bench.take(2)
        assert len(bench.log.named("spool.broken")) == 1
        assert bench.lost == 0
        assert bench.ledger.spooled == bench.ledger.held == 2 * LINES


@on_every_loop
async def test_a_broken_file_on_a_full_disk_costs_nothing_that_is_in_memory(tmp_path: Path) -> None:
    """What is recorded and not offered yet is in memory too; what was delivered is not counted again."""
    async with spooling(tmp_path) as bench:
        await bench.put(*make(1, 2, 3))
        await bench.take(1)
        await bench.spool.record(make(4))
        bench.ledger.take_in(LINES)
        path = bench.backlog._database.path
        bench.backlog._database.disconnect()
        path.write_bytes(bytes(path.stat().st_size))
        with files_of_at_most(0):
            await bench.spool.record(make(5))
            assert bench.lost == 0
            assert bench.ledger.spooled == 0
            await bench.spool.put(make(4)[0])
        assert ids(await bench.take(3)) == ids(make(2, 3, 4))
    assert Bench(tmp_path).backlog.batches == 0
