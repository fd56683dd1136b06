"""Checkpoints for tests: opened and closed, read as a restart would find them, and as a kill would leave them."""

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shuttle.core.fingerprint import Fingerprint
from shuttle.core.position import Span
from shuttle.store.checkpoint_table import Checkpoint, Plan
from shuttle.store.checkpoints import LOCK, Checkpoints
from tests.helpers.disks import make_scratch
from tests.helpers.virtual import Journal

STAMP = "2026-11-24T05:14:21.767000+00:00"


class State(NamedTuple):
    files: list[Checkpoint]
    plans: list[Plan]


def make_fingerprint(offset: int = 0, inode: int = 7) -> Fingerprint:
    return Fingerprint(1, inode, offset, min(offset, 1024), b"h" * 16, b"t" * 16)


def make_plan(number: int, *files: int) -> Plan:
    spans = tuple(Span(file, 100 * number, 100 * number + 100, 3, STAMP) for file in files)
    return Plan(f"{number:032x}", spans)


@contextlib.contextmanager
def opened(directory: Path | None, *, quiet: bool = True) -> Iterator[Checkpoints]:
    """Open a store, and close it at the end; if it is to be `quiet`, it must not log."""
    journal = Journal()
    store = Checkpoints.open(directory, journal)
    try:
        yield store
    finally:
        store.close()
    assert not quiet or journal.events == []


def read(store: Checkpoints) -> State:
    return State(store.files(), store.plans())


def restart(directory: Path) -> State:
    """Return what an agent finds that starts after this one has ended."""
    with opened(directory) as store:
        return read(store)


def kill(directory: Path) -> State:
    """Return what an agent would find if this one were killed now: all that was written is in the files."""
    with make_scratch() as place:
        return restart(Path(shutil.copytree(directory, Path(place, "state"))))


def is_claimed(directory: Path) -> bool:
    """Say whether an agent has the directory."""
    if not (directory / LOCK).exists():
        return False
    with (directory / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
