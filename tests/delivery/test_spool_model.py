"""The spool against a plain list: whatever happens to its disk and its processes, and in which order.

Each rule runs to its end in an event loop of its own, whose clock jumps when every task waits: a retry costs no time.
The file system is a real one, and a full one is the kernel's doing.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from shuttle.core.batch import Batch
from shuttle.core.ledger import Ledger
from shuttle.delivery.spool import Spool
from shuttle.delivery.tiers import WINDOW
from shuttle.store.access import connect
from shuttle.store.backlog import NAME, Backlog
from shuttle.store.promise import PromiseFile
from shuttle.store.salvage import Salvage
from tests.helpers.batches import make_batch
from tests.helpers.disks import make_scratch
from tests.helpers.limits import files_of_at_most
from tests.helpers.spinning import not_spinning
from tests.helpers.virtual import Journal, run_in_virtual_time

MOST_BYTES = 12 << 20  # on the disk
MEMORY = 3 << 20
Left = tuple[int, str, bool]
"""The lines and the id of a batch on the disk, and whether it is in a file that was set aside."""
LENGTHS = (10, 5000, WINDOW // 3, WINDOW // 3, WINDOW)


@dataclass(slots=True)
class Item:
    """A batch that the spool has taken."""

    batch: Batch
    at_risk: bool = False
    """It was on the disk alone when that was damaged, or deleted and too full for a new one."""


class AgainstAList(RuleBasedStateMachine):
    """What is to come is a list; what may be missing of it is known; the rest comes in its order, as it was."""

    def __init__(self) -> None:
        super().__init__()
        self.place = make_scratch()
        self.directory = Path(tempfile.mkdtemp(dir=self.place.name)) / "spool"
        self.made: dict[str, Batch] = {}
        self.full = False
        self.left: list[Left] = []  # on a disk that could not be used yet
        self.start()

    def start(self) -> None:
        """Start a process that finds what stands in the directory."""
        self.suspect = False  # a new file will be needed, and may not fit
        self.damaged = False  # it is broken, and nobody has noticed
        self.broken = False  # it was
        self.waiting: list[Item] = []
        self.taken: list[Item] = []
        self.lost: list[Item] = []
        self.log = Journal()
        self.ledger = Ledger()
        self.opened = False
        self.extra = 0  # lines that are counted lost as missing at the start, less those that came again
        left = read_copy(self.directory)
        self.vanished = find_vanished(self.directory, left)
        with self.disk():
            self.backlog = Backlog.open(
                self.directory, most_bytes=MOST_BYTES, log=self.log, wall=lambda: 1000.0, clock=lambda: 0.0
            )
        self.spool = Spool(self.backlog, max_bytes=MEMORY, max_batches=None, ledger=self.ledger, lose=self.lose)
        self.left = left
        self.find_left()

    def lose(self, lines: int, _reason: str) -> None:
        self.ledger.lose(lines, "")

    def disk(self) -> AbstractContextManager[None]:
        return files_of_at_most(0) if self.full else nullcontext()

    def find_left(self) -> None:
        if not self.opened and self.backlog.is_open:
            self._find_left()
            self.opened = True
            self.extra = self.find_difference()
            assert self.extra in self.vanished

    def _find_left(self) -> None:
        if self.left:
            on_disk = {id_ for _, id_ in self.read_disk().values()}  # a full disk takes nothing from a file aside
            self.waiting[:0] = [
                Item(self.made[id_], at_risk=self.suspect or aside)
                for _, id_, aside in self.left
                if not aside or id_ in on_disk
            ]
            self.left = []

    def run(self, call: Callable[[], Awaitable[None]]) -> None:
        with not_spinning(), self.disk():
            run_in_virtual_time(call)
        self.find_left()
        if self.log.named("spool.broken"):
            self.damaged = False

    def put_at_risk(self) -> None:
        """Note that what is on the disk alone may be lost."""
        tiers = self.spool._tiers
        in_memory = {entry.batch.id for entry in (*tiers.list_saved(), *tiers.list_unsaved())}
        for item in self.waiting:
            item.at_risk |= item.batch.id not in in_memory

    @rule(lengths=st.lists(st.sampled_from(LENGTHS), min_size=1, max_size=4))
    def put(self, lengths: list[int]) -> None:
        batches = []
        for length in lengths:
            number = len(self.made) + 1
            batches.append(make_batch(number, length, lines=1 + number % 3))
            self.made[batches[-1].id] = batches[-1]
        self.ledger.take_in(sum(batch.lines for batch in batches))
        self.run(lambda: self._put(batches))

    async def _put(self, batches: list[Batch]) -> None:
        """Do what the intake does."""
        await self.spool.record(batches)
        for batch in batches:
            taken = self.spool.offer(batch)
            with anyio.move_on_after(1.0):
                if not taken:
                    await self.spool.put(batch)
                    taken = True
            if taken or self.spool.offer(batch):
                self.waiting.append(Item(batch))
            else:
                self.ledger.drop(batch.lines, "")

    @rule(count=st.integers(1, 4))
    def take(self, count: int) -> None:
        for _ in range(count):
            before = len(self.taken)
            if len(self.spool):
                self.run(self._take)
                assert len(self.taken) > before or self.full or not len(self.spool)

    async def _take(self) -> None:
        with anyio.move_on_after(5.0):
            batch = await self.spool.take()
            assert batch
            self.note_taken(batch)

    def note_taken(self, batch: Batch) -> None:
        if self.broken and all(item.batch.id != batch.id for item in self.waiting):  # its removal was lost
            self.extra -= batch.lines
            self.taken.append(Item(batch))
            return
        while self.waiting[0].batch.id != batch.id:
            item = self.waiting.pop(0)
            assert item.at_risk
            self.lost.append(item)
        item = self.waiting.pop(0)
        assert (batch.body, batch.lines, batch.long) == (item.batch.body, item.batch.lines, item.batch.long)
        self.taken.append(Item(batch))

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        batch = self.taken.pop(data.draw(st.integers(0, len(self.taken) - 1))).batch
        self.ledger.deliver(batch.lines)
        self.spool.settle(batch)

    @rule()
    def update(self) -> None:
        """Do what the task that looks after the disk does now and then."""
        self.run(self._update)
        if not self.full and not self.damaged and self.backlog.room > 2 * WINDOW:
            assert self.ledger.spooled == self.ledger.held

    async def _update(self) -> None:
        async with self.spool._lock:
            await self.spool._update()

    @rule()
    def fill_the_disk_or_make_room(self) -> None:
        self.full = not self.full
        if self.full and (self.suspect or not self.directory.exists()):
            self.put_at_risk()

    @rule()
    def delete(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        self.left = []
        if self.full or self.damaged:
            self.put_at_risk()

    @precondition(lambda self: self.backlog._database.begun and self.directory.exists())
    @rule()
    def destroy(self) -> None:
        """Put something else in the file."""
        self.backlog._database.disconnect()
        self.backlog._database.path.write_bytes(bytes(100_000))
        self.break_it()

    @precondition(lambda self: self.backlog._database.begun and self.directory.exists())
    @rule(side=st.sampled_from(["", "-wal"]), parts=st.sampled_from([0, 1, 2]))
    def cut(self, side: str, parts: int) -> None:
        """Leave nothing, a third or two of the file or its log."""
        path = Path(f"{self.backlog._database.path}{side}")
        if path.stat().st_size:
            os.truncate(path, path.stat().st_size * parts // 3)
            self.break_it()

    def break_it(self) -> None:
        self.log.events.clear()
        self.damaged = self.broken = True
        self.put_at_risk()

    @precondition(lambda self: self.backlog._database.begun and self.backlog.batches and not self.damaged)
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        """Change one batch on the disk."""
        key = data.draw(st.sampled_from(list(self.read_disk())))
        connection = self.backlog._database.connect()
        connection.execute("UPDATE batches SET checksum = checksum + 1 WHERE key = ?", (key,))
        self.suspect = True
        self.put_at_risk()

    @rule()
    def kill(self) -> None:
        """Go on with the files as they are, which nobody has closed."""
        suspect = self.suspect or self.damaged
        self.check_order()
        left = Path(tempfile.mkdtemp(dir=self.place.name)) / "spool"
        if self.directory.exists():
            shutil.copytree(self.directory, left)
        self.backlog.close()
        shutil.rmtree(self.directory.parent)
        self.directory = left
        self.restart(suspect=suspect)

    @rule()
    def land(self) -> None:
        self.run(self._land)
        assert self.spool.count_kept([]) == self.ledger.spooled
        kept = self.ledger.spooled
        known = self.backlog.is_open and not any(aside for *_, aside in read_copy(self.directory))
        self.restart(suspect=self.suspect)
        if not self.full and known:
            assert self.ledger.held + self.ledger.lost == kept

    async def _land(self) -> None:
        self.spool.close()
        await self.spool.release()

    def restart(self, *, suspect: bool) -> None:
        self.start()
        self.suspect = suspect
        for item in self.waiting:
            item.at_risk |= suspect

    def check_order(self) -> None:
        """See that the disk has batches in the order in which the spool gave and gives them."""
        if self.left or self.damaged:
            return
        on_disk = [id_ for _, id_ in self.read_disk().values()]
        waiting = [item.batch.id for item in self.waiting]
        assert [id_ for id_ in on_disk if id_ in waiting] == [id_ for id_ in waiting if id_ in on_disk]

    def read_disk(self) -> dict[int, tuple[int, str]]:
        """Return the lines and the id of each batch on the disk, by its key."""
        connection = self.backlog._database._connection
        if not connection or not self.backlog._database.begun:
            return {}
        rows = connection.execute("SELECT key, lines, id FROM batches ORDER BY key").fetchall()
        return {key: (lines, id_.decode()) for key, lines, id_ in rows}

    def find_difference(self) -> int:
        """Return how many more lines are held or lost than are known to be."""
        items = (*self.waiting, *self.taken, *self.lost)
        return self.ledger.held + self.ledger.lost - sum(item.batch.lines for item in items)

    @invariant()
    def every_line_is_accounted_for(self) -> None:
        ledger = self.ledger
        assert ledger.read == ledger.delivered + ledger.dropped + ledger.lost + ledger.held
        assert self.find_difference() == self.extra
        if ledger.lost == sum(item.batch.lines for item in self.lost) and not self.broken:
            assert len(self.spool) == len(self.waiting)

    @invariant()
    def what_is_called_spooled_is_on_the_disk(self) -> None:
        if not self.damaged:
            settled = self.spool._tiers.list_settled()
            lines = sum(lines for key, (lines, _) in self.read_disk().items() if key not in settled)
            assert lines == self.ledger.spooled

    def teardown(self) -> None:
        self.full = False
        self.run(self._drain)
        assert all(item.at_risk for item in self.waiting)
        lost = sum(item.batch.lines for item in (*self.lost, *self.waiting))
        assert (self.ledger.held, self.ledger.spooled, self.ledger.lost) == (0, 0, lost + self.extra)
        self.run(self._land)
        assert [id_ for _, id_, aside in read_copy(self.directory) if not aside] == []
        self.place.cleanup()

    async def _drain(self) -> None:
        await self._update()
        self.find_left()
        self.spool.close()
        while batch := await self.spool.take():
            self.note_taken(batch)
        for item in self.taken:
            self.ledger.deliver(item.batch.lines)
            self.spool.settle(item.batch)
        await self._update()


def find_vanished(directory: Path, left: list[Left]) -> range:
    """Return how many lines more the last process has promised than there are; they need not be whole."""
    promise = PromiseFile(directory / f"{NAME}.promise").read()
    if not promise:
        return range(1)
    most = max(0, promise.after.lines - sum(lines for lines, _, aside in left if not aside))
    known = promise.before == promise.after and not (directory / f"{NAME}.salvaging").exists()
    return range(most if known else 0, most + 1)


def read_copy(directory: Path) -> list[Left]:
    """Return what stands in a spool that nobody has open, in order; nothing if it cannot be read.

    What an earlier process could not salvage, because the disk was full, comes with what is there.
    """
    found: dict[int, Left] = {}
    if (directory / f"{NAME}.salvaging").exists():
        for path in sorted(directory.glob(f"{NAME}.sqlite.broken-?")):
            with suppress(sqlite3.Error), open_copy(path) as connection:
                salvage = Salvage(lambda _: False, first_key=0, since=0.0)
                found |= {key: (batch.lines, batch.id, True) for key, batch in salvage.read(connection)}
    with suppress(sqlite3.Error), open_copy(directory / f"{NAME}.sqlite") as connection:
        rows = connection.execute("SELECT key, lines, id FROM batches").fetchall()
        found |= {key: (lines, id_.decode(), False) for key, lines, id_ in rows}
    return [left for _, left in sorted(found.items())]


@contextmanager
def open_copy(path: Path) -> Iterator[sqlite3.Connection]:
    with make_scratch() as name:
        for side in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(f"{path}{side}", name)
        with closing(connect(Path(name, path.name))) as connection:
            yield connection


def test_it_agrees_with_a_list() -> None:
    run_state_machine_as_test(
        AgainstAList, settings=settings(max_examples=60, stateful_step_count=30, derandomize=True)
    )
