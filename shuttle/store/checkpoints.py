"""The store of checkpoints: after `kill -9`, the next start continues where the last one stopped.

Strategy: memory holds everything, and an SQLite database follows it. Each call changes the memory, then one
transaction writes the rows that differ. If it fails, the rows stay due, and the next call writes them too. A database
that turns out to be broken is replaced by one that gets all rows.

Guarantees: a commit is with the kernel, so `kill -9` loses nothing that was recorded. It is not synced to disk
(synchronous=OFF, because an event loop cannot wait for that), so a power cut may lose the latest checkpoints, or
break the database. A broken one is set aside and never prevents the start.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

from shuttle.core.fingerprint import Fingerprint
from shuttle.observe.log import Logger
from shuttle.store.checkpoint_table import (
    SCHEMA,
    Checkpoint,
    CheckpointTable,
    Plan,
    make_file_table,
    make_plan_table,
)
from shuttle.store.sqlite import Database
from shuttle.store.sqlite_errors import ERRORS, BrokenError, is_broken

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")

FILE = f"{SCHEMA.name}.sqlite"
LOCK = f"{SCHEMA.name}.lock"


def _locked(
    method: Callable[Concatenate["Checkpoints", _Given], _Answer],
) -> Callable[Concatenate["Checkpoints", _Given], _Answer]:
    """Have a method wait until no other thread is in one."""

    @functools.wraps(method)
    def call(self: "Checkpoints", /, *args: _Given.args, **kwargs: _Given.kwargs) -> _Answer:
        with self._lock:
            return method(self, *args, **kwargs)

    return call


class _Blocks(threading.local):
    """The blocks of `together` that a thread is in: one whose disk hangs must keep no other from recording."""

    open = 0


class Checkpoints:
    """What is recorded of files and of batches in flight. One thread uses it at a time; others wait for that.

    Once it is open it raises no error: what goes wrong is logged, once.
    """

    def __init__(
        self,
        database: Database | None,
        files: CheckpointTable[Checkpoint],
        plans: CheckpointTable[Plan],
        *,
        new: bool,
    ) -> None:
        self._lock = threading.RLock()
        self._database = database
        self._files = files
        self._plans = plans
        self._keys = {plan.id: key for key, plan in plans.rows.items()}
        self._next_file = files.next_key
        self._next_plan = plans.next_key
        self._blocks = _Blocks()
        self.new = new
        """No earlier agent has recorded anything, or nothing that can be read."""

    @classmethod
    def open(cls, directory: Path | None, log: Logger) -> Self:
        """Take what the last agent left in `directory`. A broken database is set aside, and logged as `state.broken`.

        Without a directory nothing is kept, and files are given numbers all the same.

        Raises:
            ConfigError: It cannot be a directory, what is there cannot be read, or another agent uses it.
        """
        files, plans = make_file_table(), make_plan_table()
        if directory is None:
            return cls(None, files, plans, new=True)
        with contextlib.ExitStack() as stack:
            database = Database.open(directory, SCHEMA, log)
            stack.callback(database.release)
            try:
                found = _load(database, files, plans)
            except (OSError, *ERRORS) as error:
                raise database.refuse(error) from None
            checkpoints = cls(database, files, plans, new=not found)
            checkpoints._save()
            stack.pop_all()
        return checkpoints

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Record which files there are only at the end of the block: a kill leaves all of that, or nothing.

        Plans are recorded at once, with all that is due: their batches are about to be sent.
        """
        self._blocks.open += 1
        try:
            yield
        finally:
            self._blocks.open -= 1
            self._save_due_files()

    @property
    def keeps(self) -> bool:
        """Whether records survive a restart."""
        return self._database is not None

    @_locked
    def files(self) -> list[Checkpoint]:
        """Return the files that were not let go, in the order in which they were enrolled."""
        return [one for one in self._files.rows.values() if not one.history]

    @_locked
    def find(self, number: int) -> Checkpoint | None:
        """Return the file with this number; None if it is not known."""
        return self._files.rows.get(number)

    @_locked
    def history(self) -> list[Checkpoint]:
        """Return the files that are not read any more, in the order in which they were enrolled."""
        return [one for one in self._files.rows.values() if one.history]

    @_locked
    def plans(self) -> list[Plan]:
        """Return the plans that are not settled, the oldest first."""
        return list(self._plans.rows.values())

    @_locked
    def enroll(self, path: Path, fingerprint: Fingerprint, *, place: str = "", history: bool = False) -> int:
        """Record a new file and return its number. It stands at `place`, or it is `history` beside `path`."""
        number = self._next_file
        self._next_file += 1
        if self._database:
            self._files.put(number, Checkpoint(number, str(path), fingerprint, place, 0, history))
            self._save_files()
        return number

    @_locked
    def retire(self, number: int, fingerprint: Fingerprint) -> None:
        """Record that the file was read to its end, up to there, and settled: it is history."""
        if known := self._files.rows.get(number):
            self._files.put(number, known._replace(fingerprint=fingerprint, history=True))
            self._save_files()

    @_locked
    def record(
        self,
        *,
        planned: Sequence[Plan] = (),
        settled: Sequence[str] = (),
        fingerprints: Mapping[int, Fingerprint] = {},
        sizes: Mapping[int, int] = {},
    ) -> None:
        """Record, all or nothing: the plans `planned`; that those with the ids `settled` are done; how far files are.

        `sizes` says how large files were when they were looked at last.

        A plan that is settled in the same call is not kept at all. Ids and numbers that are not known are passed over.
        """
        if not self._database:
            return
        for plan in planned:
            if plan.id not in self._keys:
                self._keys[plan.id] = self._next_plan
                self._next_plan += 1
            self._plans.put(self._keys[plan.id], plan)
        for id_ in settled:
            if id_ in self._keys:
                self._plans.drop(self._keys.pop(id_))
        for number, fingerprint in fingerprints.items():
            if known := self._files.rows.get(number):
                self._files.put(number, known._replace(fingerprint=fingerprint))
        for number, size in sizes.items():
            if (known := self._files.rows.get(number)) and known.size != size:
                self._files.put(number, known._replace(size=size))
        self._save()

    @_locked
    def forget(self, number: int) -> None:
        """Record that the file was let go: nothing of it is left, in plans neither."""
        if number not in self._files.rows:
            return
        self._files.drop(number)
        for key, plan in list(self._plans.rows.items()):
            spans = tuple(span for span in plan.spans if span.file != number)
            if not spans:
                self._plans.drop(self._keys.pop(plan.id))
            elif len(spans) < len(plan.spans):
                self._plans.put(key, plan._replace(spans=spans))
        self._save_files()

    @_locked
    def check(self) -> None:
        """Check that the database has what was recorded; if it has not, write all of it to a new one."""
        if self._database and not self._database.released:
            self._save(compare=True)

    @_locked
    def close(self) -> None:
        """Write what is still due, and unlock the directory."""
        if self._database and not self._database.released:
            self._save(compare=True)
            self._database.release()

    @_locked
    def _save_due_files(self) -> None:
        if self._files.due:
            self._save_files()

    def _save_files(self) -> None:
        """Write what is due, unless this thread writes it together with more."""
        if not self._blocks.open:
            self._save()

    def _save(self, *, compare: bool = False) -> None:
        """Write what is due, or keep it for the next time; `compare` first with what others may have changed."""
        database, due = self._database, self._files.due or self._plans.due
        if not database or (not due and database.current and not (compare and database.touched)):
            return
        try:
            try:
                if compare:
                    self._compare(database)
                self._write(database)
            except ERRORS as error:
                if not database.start_over(error):
                    raise
                self._files.begin()
                self._plans.begin()
                self._write(database)
        except (OSError, *ERRORS) as error:
            database.note_failure(error)
        else:
            database.note_success()

    def _compare(self, database: Database) -> None:
        database.check(thoroughly=True)
        if database.touched:
            with database.reread() as connection:
                self._files.compare(connection)
                self._plans.compare(connection)

    def _write(self, database: Database) -> None:
        with database.transaction() as connection:
            self._files.write(connection)
            self._plans.write(connection)
        self._files.settle()
        self._plans.settle()


def _check_plans(plans: CheckpointTable[Plan]) -> None:
    """Check that each plan has an id of its own.

    Raises:
        BrokenError: Two have the same.
    """
    if len({plan.id for plan in plans.rows.values()}) < len(plans.rows):
        raise BrokenError("two plans have the same id")


def _load(database: Database, files: CheckpointTable[Checkpoint], plans: CheckpointTable[Plan]) -> bool:
    """Fill the tables and say whether there was a database to fill them from; a broken one is set aside.

    Raises:
        sqlite3.Error: The database cannot be read now, though it is not broken.
        OSError: The same, or it is broken and cannot be set aside.
    """
    if not database.exists:
        return False
    try:
        with database.examine(thoroughly=True, copy=True) as connection:
            files.load(connection)
            plans.load(connection)
            _check_plans(plans)
    except ERRORS as error:
        if not is_broken(error, at_start=True):
            raise
        database.set_aside(error)
        files.clear()
        plans.clear()
    return True  # though a broken one says nothing: lines come twice then, and none is passed over
