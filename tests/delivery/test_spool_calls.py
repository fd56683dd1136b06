"""A spool each of whose calls of SQLite and of the system fails in turn: no line goes without being counted."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio
import trio.testing

from shuttle.core.batch import Batch
from shuttle.core.ledger import Ledger
from shuttle.delivery.spool import Spool
from shuttle.delivery.tiers import WINDOW
from shuttle.store.backlog import Backlog
from tests.helpers.batches import make_batch
from tests.helpers.spinning import not_spinning
from tests.helpers.virtual import Journal

CALLS: list[tuple[Any, str]] = [
    (sqlite3, "connect"),
    (os, "open"),
    (os, "posix_fallocate"),
    (fcntl, "flock"),
    (Path, "mkdir"),
    (Path, "replace"),
    (Path, "touch"),
]


def full() -> Exception:
    return name_error(sqlite3.OperationalError("database or disk is full"), "SQLITE_FULL")


def unreadable() -> Exception:
    return name_error(sqlite3.OperationalError("disk I/O error"), "SQLITE_IOERR_READ")


def corrupt() -> Exception:
    return name_error(sqlite3.DatabaseError("database disk image is malformed"), "SQLITE_CORRUPT")


def name_error(error: sqlite3.Error, name: str) -> sqlite3.Error:
    error.sqlite_errorname = name
    return error


class Faults:
    """Has the call with the number `first`, and `count` in all, raise an error before it does anything."""

    def __init__(self, first: int, count: float, make_error: Callable[[], Exception]) -> None:
        self._failing = range(first, first + int(min(count, 1 << 40)))
        self._make_error = make_error
        self.calls = 0

    def call(self, *, of_sqlite: bool) -> None:
        self.calls += 1
        if self.calls in self._failing:
            raise self._make_error() if of_sqlite else OSError(errno.EIO, "Input/output error")

    @contextmanager
    def injected(self) -> Iterator[None]:
        faults = self

        class Connection(sqlite3.Connection):
            def execute(self, *arguments: Any) -> sqlite3.Cursor:
                faults.call(of_sqlite=True)
                return super().execute(*arguments)

            def executemany(self, *arguments: Any) -> sqlite3.Cursor:
                faults.call(of_sqlite=True)
                return super().executemany(*arguments)

        def wrap(call: Callable[..., Any], *, of_sqlite: bool) -> Callable[..., Any]:
            def wrapped(*arguments: Any, **options: Any) -> Any:
                faults.call(of_sqlite=of_sqlite)
                return call(*arguments, **options, **({"factory": Connection} if of_sqlite else {}))

            return wrapped

        with pytest.MonkeyPatch.context() as patch:
            for owner, name in CALLS:
                patch.setattr(owner, name, wrap(getattr(owner, name), of_sqlite=owner is sqlite3))
            yield


class Life:
    """One process with a spool, as far as the spool sees one."""

    def __init__(self, directory: Path) -> None:
        self.log = Journal()
        self.ledger = Ledger()
        self.taken: list[Batch] = []
        self.delivered: list[str] = []
        self.dropped: list[str] = []
        backlog = Backlog.open(directory, most_bytes=1 << 30, log=self.log, wall=lambda: 1000.0, clock=lambda: 0.0)
        self.spool = Spool(backlog, max_bytes=1 << 30, max_batches=None, ledger=self.ledger, lose=self.lose)

    def lose(self, lines: int, _reason: str) -> None:
        self.ledger.lose(lines, "")

    async def put(self, *batches: Batch) -> None:
        self.ledger.take_in(sum(batch.lines for batch in batches))
        await self.spool.record(batches)
        for batch in batches:
            taken = self.spool.offer(batch)
            with anyio.move_on_after(1.0):
                if not taken:
                    await self.spool.put(batch)
                    taken = True
            if not taken and not self.spool.offer(batch):
                self.ledger.drop(batch.lines, "")
                self.dropped.append(batch.id)

    async def take(self, count: int, *, settled: int) -> None:
        for _ in range(count):
            with anyio.move_on_after(5.0):
                if batch := await self.spool.take():
                    self.taken.append(batch)
        for _ in range(min(settled, len(self.taken))):
            batch = self.taken.pop(0)
            self.ledger.deliver(batch.lines)
            self.spool.settle(batch)
            self.delivered.append(batch.id)

    async def update(self) -> None:
        async with self.spool._lock:
            await self.spool._update()

    async def go_on(self) -> None:
        """Do what a spool typically goes through."""
        third = WINDOW // 3
        await self.put(*(make_batch(number, third, lines=number) for number in range(10, 14)))
        await self.take(3, settled=2)
        await self.update()
        await self.put(make_batch(14, third, lines=14))
        await self.take(3, settled=2)
        await self.put(make_batch(15, 10, lines=15), make_batch(16, 10, lines=16))
        await self.update()
        await self.take(1, settled=3)
        await self.update()
        await self.spool.release()

    async def drain(self) -> None:
        self.spool.close()
        await self.take(len(self.spool), settled=100)
        await self.spool.release()


def run(life: Life, call: Callable[[], Any]) -> None:
    with not_spinning():
        trio.run(call, clock=trio.testing.MockClock(autojump_threshold=0.01))
    ledger = life.ledger
    assert ledger.read == ledger.delivered + ledger.dropped + ledger.lost + ledger.held


def live_and_fail(directory: Path, faults: Faults) -> None:
    """Have what an earlier process has left, and a life with failures; and see what the next process finds."""
    before = Life(directory)
    lines = {make_batch(number).id: number for number in range(7, 17)}
    old = [make_batch(number, 10, lines=number) for number in range(7, 10)]

    async def leave() -> None:
        await before.put(*old)
        await before.spool.release()

    run(before, leave)
    with faults.injected():
        life = Life(directory)
        run(life, life.go_on)
    ledger = life.ledger
    assert 0 <= ledger.spooled <= ledger.held
    after = Life(directory)
    run(after, after.drain)
    assert after.ledger.held == after.ledger.spooled == after.ledger.lost == 0
    found = after.delivered
    assert found == sorted(set(found)), "in order, and none twice"
    missing = lines.keys() - set(life.delivered) - set(life.dropped) - set(found)
    counted = ledger.lost + ledger.held - ledger.spooled
    assert sum(lines[id_] for id_ in missing) <= counted
    if not counted:
        assert not missing


@pytest.mark.parametrize("count", [1, 3, float("inf")])
@pytest.mark.parametrize("make_error", [full, unreadable, corrupt])
def test_whichever_call_fails_every_line_is_accounted_for(
    tmp_path: Path, make_error: Callable[[], Exception], count: float
) -> None:
    number = 0
    while True:
        number += 1
        faults = Faults(number, count, make_error)
        live_and_fail(tmp_path / str(number), faults)
        if faults.calls < number:
            break
    assert number > 50
