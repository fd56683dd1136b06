"""The spool on a disk that is full, broken, deleted or away: what it does not take waits in memory."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.from_thread
import pytest

from shuttle.delivery.spool import LOOK
from shuttle.delivery.tiers import WINDOW
from shuttle.store.backlog import NAME
from tests.helpers.batches import make_batch
from tests.helpers.disks import mounted, remount
from tests.helpers.limits import files_of_at_most
from tests.helpers.loops import on_every_loop
from tests.helpers.spools import LINES, Process, ids, make, spooling
from tests.helpers.virtual import Journal

QUARTER = WINDOW // 4


@on_every_loop
async def test_what_a_full_disk_does_not_take_keeps_its_place(tmp_path: Path) -> None:
    """And gets there later."""
    async with spooling(tmp_path) as process:
        await process.put(*make(1, 2))
        with process.full_disk():
            await process.put(*make(3, 4, 5, length=100_000))
            assert process.ledger.spooled == 2 * LINES
            assert process.ledger.held == 5 * LINES
            assert len(process.spool) == 5
            assert len(process.log.named("spool.failed")) == 1
            assert ids(await process.take(3)) == ids(make(1, 2, 3))
        await process.update()
        assert process.ledger.spooled == 2 * LINES
        assert len(process.log.named("spool.restored")) == 1
        await process.put(*make(6))
        assert ids(await process.take(3)) == ids(make(4, 5, 6))
        assert process.ledger.held == 0


@on_every_loop
async def test_memory_is_bounded_while_the_disk_fails(tmp_path: Path) -> None:
    async with spooling(tmp_path, max_bytes=250_000) as process:
        with process.full_disk():
            for batch in make(1, 2, 3, length=100_000):
                await process.spool.record([batch])
                assert process.spool.offer(batch) is (batch.id != make_batch(3).id)


@on_every_loop
async def test_a_put_that_waits_goes_to_memory_when_the_disk_fails(tmp_path: Path) -> None:
    async with spooling(tmp_path, most_bytes=1000) as process:
        await process.put(*make(1))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(process.put, *make(2))
            await anyio.lowlevel.checkpoint()
            with files_of_at_most(0):
                await process.take(1)  # which cannot leave the disk
                await process.heard("spool.failed")
        assert ids(await process.take(1)) == ids(make(2))


@on_every_loop
async def test_what_is_in_memory_at_the_end_goes_to_the_disk(tmp_path: Path) -> None:
    async with spooling(tmp_path) as process:
        with process.full_disk():
            await process.put(*make(1, 2, length=100_000))
            assert process.ledger.spooled == 0
            await process.spool.take()
    assert process.ledger.spooled == process.spool.count_kept([]) == 2 * LINES
    assert Process(tmp_path).backlog.lines == 2 * LINES


@on_every_loop
async def test_a_disk_is_called_restored_when_it_has_all_that_was_in_memory(tmp_path: Path) -> None:
    process: Process
    spooled = []

    class Watching(Journal):
        def info(self, event: str, /, **data: object) -> None:
            super().info(event, **data)
            spooled.append((event, process.spool._tiers.spooled))

    with files_of_at_most(0):
        process = Process(tmp_path, log=Watching(), max_bytes=1 << 30)
        await process.put(*make(1, 2, 3))
        await process.update()
    await process.update()
    assert spooled == [("spool.restored", 3 * LINES)]


@pytest.mark.parametrize("seen", ["as it writes", "as it reads"])
@on_every_loop
async def test_a_broken_file_costs_what_is_not_in_memory(tmp_path: Path, seen: str) -> None:
    async with spooling(tmp_path) as process:
        await process.put(*make(*range(1, 11), length=QUARTER))
        in_memory = len(process.spool._tiers.list_saved())
        assert 0 < in_memory < 10
        process.destroy()
        if seen == "as it writes":
            await process.put(*make(11, length=QUARTER))
        taken = await process.take(in_memory)
        assert ids(taken) == ids(make(*range(1, in_memory + 1)))
        if seen == "as it writes":
            assert ids(await process.take(1)) == ids(make(11))
        process.spool.close()
        assert await process.spool.take() is None
        assert process.ledger.lost == (10 - in_memory) * LINES
        assert process.told == ["the spool is broken"]
        assert len(process.spool) == 0


@on_every_loop
async def test_a_broken_file_costs_nothing_that_is_to_leave_it(tmp_path: Path) -> None:
    async with spooling(tmp_path) as process:
        await process.put(*make(1, 2, 3, 4))
        await process.take(2)
        process.destroy()
        await process.put(*make(5))
        assert process.ledger.lost == 0
        assert process.ledger.spooled == process.ledger.held == 3 * LINES
        assert ids(await process.take(3)) == ids(make(3, 4, 5))
    assert Process(tmp_path).backlog.batches == 0


@on_every_loop
async def test_what_is_delivered_during_a_rescue_is_not_lost(tmp_path: Path) -> None:
    async with spooling(tmp_path) as process:
        await process.put(*make(1, 2, 3))
        process.destroy()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(process.put, *make(4))
            await anyio.lowlevel.checkpoint()
            await process.take(2)
        assert len(process.log.named("spool.broken")) == 1
        assert process.ledger.lost == 0
        assert process.ledger.spooled == process.ledger.held == 2 * LINES


@on_every_loop
async def test_a_broken_file_on_a_full_disk_leaves_memory(tmp_path: Path) -> None:
    """What is recorded and not offered yet is in memory too; what was delivered is not counted again."""
    async with spooling(tmp_path) as process:
        await process.put(*make(1, 2, 3))
        await process.take(1)
        await process.spool.record(make(4))
        process.ledger.take_in(LINES)
        process.destroy()
        with files_of_at_most(0):
            await process.spool.record(make(5))
            assert process.ledger.lost == 0
            assert process.ledger.spooled == 0
            await process.spool.put(make(4)[0])
        assert ids(await process.take(3)) == ids(make(2, 3, 4))
    assert Process(tmp_path).backlog.batches == 0


class Interrupting(Journal):
    """Has `call` done in the event loop when the disk's thread logs `event`."""

    def __init__(self, event: str, call: Callable[[], object]) -> None:
        super().__init__()
        self._event = event
        self._call = call

    def warning(self, event: str, /, **data: object) -> None:
        super().info(event, **data)
        if event == self._event:
            anyio.from_thread.run_sync(self._call)


@on_every_loop
async def test_what_is_offered_during_a_rescue_stays_in_memory(tmp_path: Path) -> None:
    """It was written to the broken file, and there may be no new one."""
    process: Process
    (last,) = make(11)
    log = Interrupting("spool.broken", lambda: process.spool.offer(last))
    process = Process(tmp_path, log=log)
    await process.put(*make(*range(1, 11), length=QUARTER))
    in_memory = len(process.spool._tiers.list_saved())
    process.ledger.take_in(LINES)
    await process.spool.record([last])
    process.destroy()
    with files_of_at_most(0):
        await process.spool.record(make(12))
    assert process.ledger.lost == (10 - in_memory) * LINES
    assert ids(await process.take(in_memory + 1)) == ids([*make(*range(1, in_memory + 1)), last])
    assert len(process.spool) == 0
    await process.spool.release()


@on_every_loop
async def test_rows_that_are_missing_are_counted_lost(tmp_path: Path) -> None:
    async with spooling(tmp_path) as process:
        await process.put(*make(*range(1, 11), length=QUARTER))
        in_memory = len(process.spool._tiers.list_saved())
        connection = process.backlog._database.connect()
        connection.execute("DELETE FROM batches WHERE key IN (9, 10)")
        taken = await process.take(8)
        assert ids(taken) == ids(make(*range(1, 9)))
        assert in_memory < 8
        process.spool.close()
        assert await process.spool.take() is None
        assert process.ledger.lost == 2 * LINES
        assert process.ledger.held == process.ledger.spooled == 0


@on_every_loop
async def test_a_deleted_spool_is_noticed_though_nothing_comes(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    async with spooling(directory) as process:
        await process.put(*make(1, 2))
        await anyio.wait_all_tasks_blocked()
        shutil.rmtree(directory)
        await process.heard("spool.salvaged")
        assert process.ledger.spooled == 2 * LINES
    assert LOOK < 1
    assert Process(directory).backlog.lines == 2 * LINES


@pytest.mark.parametrize("side", ["", "-wal"])
@on_every_loop
async def test_a_spool_that_is_cut_is_noticed_though_nothing_comes(tmp_path: Path, side: str) -> None:
    directory = tmp_path / "spool"
    async with spooling(directory) as process:
        await process.put(*make(1, 2))
        await anyio.wait_all_tasks_blocked()
        os.truncate(directory / f"{NAME}.sqlite{side}", 0)
        await process.heard("spool.salvaged")
        assert process.log.named("spool.salvaged")[0]["complete"] is True
        assert process.ledger.spooled == 2 * LINES
        shutil.copytree(directory, tmp_path / "left")
    for left in (directory, tmp_path / "left"):
        assert Process(left).backlog.lines == 2 * LINES


@on_every_loop
async def test_a_spool_that_is_cut_costs_what_is_not_in_memory(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    async with spooling(directory) as process:
        await process.put(*make(*range(1, 31), length=QUARTER))
        in_memory = {entry.batch.id for entry in process.spool._tiers.list_saved()}
        os.truncate(directory / f"{NAME}.sqlite", 0)
        await process.put(*make(31, length=QUARTER))
        left = len(process.spool)
        assert process.told == ["the spool is broken"]
        assert process.ledger.lost == (31 - left) * LINES > 0
        assert process.log.named("spool.salvaged")[0]["complete"] is False
        taken = set(ids(await process.take(left)))
        assert in_memory | set(ids(make(31))) <= taken
        assert process.ledger.held == process.ledger.spooled == 0


@on_every_loop
async def test_its_files_are_looked_at_though_there_is_much_to_write(tmp_path: Path) -> None:
    promise = tmp_path / f"{NAME}.promise"
    process = Process(tmp_path)
    await process.put(*make(1, 2, 3))
    await process.take(1)
    promise.unlink()
    await process.update()
    assert promise.exists()
    await process.spool.release()


@on_every_loop
async def test_what_is_missing_at_the_start_is_lost(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    async with spooling(directory) as process:
        await process.put(*make(1, 2, 3))
        await process.update()
        shutil.copytree(directory, tmp_path / "left")
    (tmp_path / "left" / f"{NAME}.sqlite-wal").unlink()
    async with spooling(tmp_path / "left") as process:
        assert process.told == ["missing in the spool"]
        assert (process.ledger.read, process.ledger.lost, process.ledger.held) == (3 * LINES, 3 * LINES, 0)
        assert process.log.named("spool.salvaged")[0]["complete"] is False


@pytest.mark.parametrize("what", ["directory", "file"])
@on_every_loop
async def test_a_deleted_spool_costs_nothing(tmp_path: Path, what: str) -> None:
    """Whoever has the file open still reads it."""
    directory = tmp_path / "spool"
    async with spooling(directory) as process:
        await process.put(*make(*range(1, 11), length=QUARTER))
        await process.take(1)
        outlet = await process.spool.take()
        if what == "directory":
            shutil.rmtree(directory)
        else:
            (directory / f"{NAME}.sqlite").unlink()
        await process.put(*make(11, length=QUARTER))
        assert [event for event, _ in process.log.events] == ["spool.gone", "spool.salvaged"]
        assert process.ledger.spooled == process.ledger.held == 10 * LINES
        assert ids(await process.take(4)) == ids(make(3, 4, 5, 6))
        assert outlet
        process.settle(outlet)
    assert process.ledger.lost == 0
    async with spooling(directory) as process:
        assert ids(await process.take(5)) == ids(make(7, 8, 9, 10, 11))


@on_every_loop
async def test_a_deleted_spool_on_a_full_disk_leaves_memory(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    async with spooling(directory) as process:
        await process.put(*make(*range(1, 11), length=QUARTER))
        in_memory = len(process.spool._tiers.list_saved())
        shutil.rmtree(directory)
        with files_of_at_most(0):
            await process.update()
        assert process.told == ["the spool is gone"]
        assert process.ledger.lost == (10 - in_memory) * LINES
        assert process.ledger.spooled == 0
        await process.update()
        assert process.ledger.spooled == process.ledger.held == in_memory * LINES
        assert len(process.log.named("spool.gone")) == len(process.log.named("spool.restored")) == 1
        assert ids(await process.take(in_memory)) == ids(make(*range(1, in_memory + 1)))


@on_every_loop
async def test_a_spool_that_is_deleted_at_the_end_is_written_anew(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    process = Process(directory)
    await process.put(*make(1, 2))
    shutil.rmtree(directory)
    await process.spool.release()
    assert process.spool.count_kept([]) == 2 * LINES
    assert Process(directory).backlog.lines == 2 * LINES


@on_every_loop
async def test_a_deleted_write_ahead_log_costs_nothing(tmp_path: Path) -> None:
    async with spooling(tmp_path) as process:
        await process.put(*make(*range(1, 11), length=QUARTER))
        (tmp_path / f"{NAME}.sqlite-wal").unlink()
        await process.put(*make(11, length=QUARTER))
        assert ids(await process.take(11)) == ids(make(*range(1, 12)))
    assert process.ledger.lost == 0


@on_every_loop
async def test_a_directory_that_another_agent_has_made_is_waited_for(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    async with spooling(directory) as process:
        await process.put(*make(1, 2))
        shutil.rmtree(directory)
        async with spooling(directory) as other:
            await other.put(*make(7))
            await process.update()
            assert process.ledger.spooled == 0
            await process.put(*make(3))
            assert len(process.log.named("spool.failed")) == 1
        await process.update()
        assert process.ledger.read == process.ledger.spooled == 4 * LINES
        assert ids(await process.take(4)) == ids(make(7, 1, 2, 3))


@on_every_loop
async def test_a_disk_that_works_later_has_what_was_left_there_first(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=24m") as disk:
        async with spooling(disk / "spool") as process:
            await process.put(*make(1, 2))
        remount(disk, "ro")
        async with spooling(disk / "spool") as process:
            await process.put(*make(3, 4, 5))
            assert (process.ledger.held, process.ledger.spooled) == (3 * LINES, 0)
            assert ids(await process.take(1)) == ids(make(3))
            remount(disk, "rw")
            await process.heard("spool.restored")
            assert process.ledger.held == process.ledger.spooled == 4 * LINES
            taken = await process.take(4)
            assert ids(taken) == ids(make(1, 2, 4, 5))
            assert [batch.again for batch in taken] == [True, True, False, False]
        assert [event for event, _ in process.log.events] == ["spool.failed", "spool.restored"]


@on_every_loop
async def test_without_a_disk_to_the_end_memory_is_all_there_is(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro,size=1m") as disk:
        async with spooling(disk / "spool") as process:
            await process.put(*make(1, 2))
            assert ids(await process.take(1)) == ids(make(1))
        assert process.spool.count_kept([]) == 0
        assert process.ledger.held == LINES
        assert [event for event, _ in process.log.events] == ["spool.failed"]
