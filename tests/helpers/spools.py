"""A spool with its ledger and its disk, as one process has them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio

from shuttle.core.batch import Batch
from shuttle.core.ledger import Ledger
from shuttle.delivery.spool import Spool
from shuttle.store.backlog import Backlog
from tests.helpers.batches import make_batch
from tests.helpers.sockets import GUARD
from tests.helpers.virtual import Journal

LINES = 10  # of a batch
PLENTY = 1 << 40  # bytes


class Process:
    """A process with a spool, as far as the spool sees one."""

    def __init__(
        self, directory: Path, *, most_bytes: int = PLENTY, max_bytes: int = 1 << 20, log: Journal | None = None
    ) -> None:
        self.log = log or Journal()
        self.backlog = Backlog.open(
            directory, most_bytes=most_bytes, log=self.log, wall=lambda: 1000.0, clock=lambda: 0.0
        )
        self.ledger = Ledger()
        self.told: list[str] = []  # why lines were lost
        self.spool = Spool(self.backlog, max_bytes=max_bytes, max_batches=None, ledger=self.ledger, lose=self.lose)

    def lose(self, lines: int, reason: str) -> None:
        self.ledger.lose(lines, "")
        self.told.append(reason)

    async def put(self, *batches: Batch, patience: float | None = None) -> list[Batch]:
        """Take `batches` in, as the intake does, and return those that were not dropped."""
        self.ledger.take_in(sum(batch.lines for batch in batches))
        await self.spool.record(batches)
        return [batch for batch in batches if await self._put(batch, patience)]

    async def _put(self, batch: Batch, patience: float | None) -> bool:
        if self.spool.offer(batch):
            return True
        with anyio.move_on_after(patience):
            await self.spool.put(batch)
            return True
        if self.spool.offer(batch):
            return True
        self.ledger.drop(batch.lines, "")
        return False

    async def take(self, count: int) -> list[Batch]:
        """Take so many, and have them delivered."""
        taken = []
        with anyio.fail_after(GUARD):
            for _ in range(count):
                batch = await self.spool.take()
                assert batch
                self.settle(batch)
                taken.append(batch)
        return taken

    def settle(self, batch: Batch) -> None:
        self.ledger.deliver(batch.lines)
        self.spool.settle(batch)

    async def update(self) -> None:
        """Do once what the task of the spool does now and then."""
        async with self.spool._lock:
            await self.spool._update()

    async def heard(self, event: str) -> None:
        """Return when it has logged `event`, and whoever used the disk is done."""
        with anyio.fail_after(GUARD):
            while not self.log.named(event):  # noqa: ASYNC110  # a thread of the disk logs
                await anyio.sleep(0.01)
            async with self.spool._lock:
                return

    @property
    def bytes_in_memory(self) -> int:
        return sum(entry.batch.size for entry in self.spool._tiers.list_saved())

    def destroy(self) -> None:
        """Put zeros in the place of the file's content."""
        database = self.backlog._database
        database.disconnect()  # which leaves no log beside it
        database.path.write_bytes(bytes(database.path.stat().st_size))

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        connection = self.backlog._database.connect()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}").fetchall()
        yield
        connection.execute("PRAGMA max_page_count=1000000").fetchall()


@asynccontextmanager
async def spooling(directory: Path, *, most_bytes: int = PLENTY, max_bytes: int = 1 << 20) -> AsyncIterator[Process]:
    """Have a process whose spool runs."""
    process = Process(directory, most_bytes=most_bytes, max_bytes=max_bytes)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(process.spool.run)
        yield process
        tasks.cancel_scope.cancel()
    await process.spool.release()


def make(*numbers: int, length: int = 1000) -> list[Batch]:
    return [make_batch(number, length, lines=LINES) for number in numbers]


def ids(batches: list[Batch]) -> list[str]:
    return [batch.id for batch in batches]
