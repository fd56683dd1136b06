"""A spool each of whose calls of SQLite and of the system fails in turn: no line goes without being counted."""

import errno
import fcntl
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from shuttle.core.batch import Batch
from shuttle.delivery.tiers import WINDOW
from tests.helpers.batches import make_batch
from tests.helpers.disks import make_scratch
from tests.helpers.spinning import not_spinning
from tests.helpers.spools import PLENTY, Process
from tests.helpers.virtual import run_in_virtual_time

CALLS: list[tuple[Any, str]] = [
    (sqlite3, "connect"),
    (os, "open"),
    (os, "posix_fallocate"),
    (os, "pwrite"),
    (fcntl, "flock"),
    (Path, "mkdir"),
    (Path, "replace"),
    (Path, "unlink"),
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
    """Has something happen before the call with the number `first` does anything, and before `count` calls in all.

    `happen` returns the error that a call of SQLite raises, and a call of the system too; None if it goes on.
    """

    def __init__(self, first: int, count: int, happen: Callable[[], Exception | None]) -> None:
        self._failing = range(first, min(first + count, sys.maxsize))
        self._happen = happen
        self.calls = 0

    def call(self, *, of_sqlite: bool) -> None:
        self.calls += 1
        if self.calls in self._failing and (error := self._happen()):
            raise error if of_sqlite else OSError(errno.EIO, "Input/output error")

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
    """What became of batches in one process."""

    def __init__(self, directory: Path) -> None:
        self.process = Process(directory, max_bytes=PLENTY)
        self.taken: list[Batch] = []
        self.delivered: list[str] = []
        self.dropped: set[str] = set()

    async def put(self, *batches: Batch) -> None:
        kept = await self.process.put(*batches, patience=1.0)
        self.dropped |= {batch.id for batch in batches} - {batch.id for batch in kept}

    async def take(self, count: int, *, settled: int) -> None:
        """Take so many batches, if they come, and settle the first of those that are not settled."""
        for _ in range(count):
            with anyio.move_on_after(2.0):
                if batch := await self.process.spool.take():
                    self.taken.append(batch)
        for _ in range(min(settled, len(self.taken))):
            batch = self.taken.pop(0)
            self.process.settle(batch)
            self.delivered.append(batch.id)

    async def leave(self) -> None:
        """Have batches for the next process."""
        await self.put(*(make_batch(number, 100, lines=number) for number in range(7, 10)))
        await self.process.spool.release()

    async def go_on(self) -> None:
        """Do what a spool typically goes through."""
        third = WINDOW // 3
        await self.put(*(make_batch(number, third, lines=number) for number in range(10, 14)))
        await self.take(3, settled=2)
        await self.process.update()
        await self.put(make_batch(14, third, lines=14))
        await self.take(3, settled=2)
        await self.put(make_batch(15, 100, lines=15), make_batch(16, 100, lines=16))
        await self.process.update()
        await self.take(1, settled=3)
        await self.process.update()
        await self.process.spool.release()

    async def drain(self) -> None:
        self.process.spool.close()
        await self.take(len(self.process.spool), settled=100)
        await self.process.spool.release()


def live_and_fail(directory: Path, faults: Faults) -> set[str]:
    """Have what an earlier process has left, and a life with failures; and see what the next process finds.

    Return the ids of the batches that are missing, and counted.
    """
    run(Life(directory).leave)
    with faults.injected():
        life = Life(directory)
        run(life.go_on)
    ledger = life.process.ledger
    assert ledger.read == ledger.delivered + ledger.dropped + ledger.lost + ledger.held
    assert 0 <= ledger.spooled <= ledger.held
    after = Life(directory)
    run(after.drain)
    left = after.process.ledger
    assert (left.held, left.spooled, left.lost) == (0, 0, 0)
    assert after.delivered == sorted(set(after.delivered)), "in order, and none twice"
    lines = {make_batch(number).id: number for number in range(7, 17)}
    if ledger.read < sum(lines.values()):  # what an earlier process left was deleted before this one saw it
        lines = {id_: number for id_, number in lines.items() if number >= 10}
    missing = lines.keys() - set(life.delivered) - life.dropped - set(after.delivered)
    counted = ledger.lost + ledger.held - ledger.spooled
    assert sum(lines[id_] for id_ in missing) <= counted
    assert counted or not missing
    return missing


def run(call: Callable[[], Any]) -> None:
    with not_spinning():
        run_in_virtual_time(call)


@pytest.mark.parametrize(
    ("make_error", "count"),
    [(full, 1), (full, sys.maxsize), (unreadable, 3), (corrupt, 1), (corrupt, 3)],
)
def test_whichever_call_fails_no_line_is_uncounted(make_error: Callable[[], Exception], count: int) -> None:
    number = 0
    while True:
        number += 1
        faults = Faults(number, count, make_error)
        with make_scratch() as place:
            live_and_fail(Path(place, "spool"), faults)
        if faults.calls < number:
            break
    assert number > 50


def test_before_whichever_call_it_is_deleted_no_line_is_missing() -> None:
    number = 0
    while True:
        number += 1
        with make_scratch() as place:
            directory = Path(place, "spool")
            faults = Faults(number, 1, partial(shutil.rmtree, directory, ignore_errors=True))
            assert live_and_fail(directory, faults) == set()
        if faults.calls < number:
            break
    assert number > 50
