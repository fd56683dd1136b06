"""Records what is planned and settled, so that a restart goes on where this process stops."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import anyio

from shuttle.core.batch import Batch
from shuttle.core.fingerprint import Fingerprint
from shuttle.input.files.file import File
from shuttle.store.checkpoint_table import Plan
from shuttle.store.checkpoints import Checkpoints

DELAY = 0.05  # seconds that a settled batch waits for others: a transaction each would cost as much as a request
LOOK = 1.0  # seconds between two looks whether what is recorded is still there


class KnownFiles(Protocol):
    """The files that are or were read, by their numbers."""

    def get(self, number: int) -> File | None:
        """Return the file with this number; None if nothing of it can be read any more."""

    def retire(self, number: int) -> bool:
        """Make the file history, if there is one that has this number; say whether there is."""

    def measure(self) -> dict[int, int]:
        """Return how far the data of the files went when they were looked at last, by number."""


class Recorder:
    """Writes to the checkpoints: plans before their batches are sent, and what is settled soon after."""

    def __init__(self, checkpoints: Checkpoints, catalogue: KnownFiles) -> None:
        self._checkpoints = checkpoints
        self._catalogue = catalogue
        self._lines: Counter[int] = Counter()  # in batches in flight, by the number of their file
        self._settled: list[str] = []
        self._held: Counter[int] = Counter()  # batches in flight, by the number of each file in them
        self._planned: dict[int, int] = {}  # the offset up to which each file is in plans
        self._over: set[int] = set()
        self._some = anyio.Event()
        self._closed = False

    def count_lines(self, *, but: Collection[int]) -> int:
        """Return the lines in batches that are in flight and recorded, without those of the files `but`."""
        return sum(lines for number, lines in self._lines.items() if number not in but)

    def list_plans(self) -> list[Plan]:
        """Return the plans that are not settled, the oldest first."""
        return self._checkpoints.plans()

    def keep(self, plan: Plan) -> None:
        """Forget no file of `plan`, which cannot be sent yet, until `release`."""
        self._held.update({span.file for span in plan.spans})

    def release(self, plan: Plan) -> None:
        """Undo `keep`."""
        self._held.subtract({span.file for span in plan.spans})
        self._some.set()

    def drop(self, plan: Plan) -> None:
        """Record that nothing of `plan` can be sent any more."""
        self._checkpoints.record(settled=[plan.id])

    def plan(self, batches: Sequence[Batch]) -> None:
        """Record batches that are about to be sent, and that their files are read up to there."""
        fingerprints: dict[int, Fingerprint] = {}
        for batch in batches:
            for span in batch.spans:
                self._planned[span.file] = span.end
                if file := self._catalogue.get(span.file):
                    fingerprints[span.file] = file.fingerprint(span.end)
        self.hold(batches)
        self._record([Plan(batch.id, batch.spans) for batch in batches], fingerprints)

    def hold(self, batches: Sequence[Batch]) -> None:
        """Count batches as in flight that are recorded already."""
        for span in (span for batch in batches for span in batch.spans):
            self._lines[span.file] += span.lines
        self._held.update(number for batch in batches for number in {span.file for span in batch.spans})

    def settle(self, batch: Batch) -> None:
        """Note that every line of `batch` is delivered or accounted lost; it is recorded soon."""
        self._settled.append(batch.id)
        for span in batch.spans:
            self._lines[span.file] -= span.lines
        self._held.subtract({span.file for span in batch.spans})
        self._some.set()

    def narrow(self, batch: Batch, left: Sequence[Batch]) -> None:
        """Record that of `batch` only its parts `left` are not settled."""
        self.settle(batch)
        self.hold(left)
        self._record([Plan(part.id, part.spans) for part in left], {})

    def leave(self, number: int) -> None:
        """Forget the file once all of it is settled: it was read to its end, and its path leads to a later one."""
        if not self._checkpoints.keeps:
            self._catalogue.retire(number)
            return
        self._over.add(number)
        self._some.set()

    async def run(self) -> None:
        """Record what is settled, and see that what is recorded is still there, until cancelled."""
        while True:
            with anyio.move_on_after(LOOK if self._checkpoints.keeps else None) as waiting:
                await self._some.wait()
            if waiting.cancelled_caught:
                self._checkpoints.check()
            else:
                await anyio.sleep(DELAY)
                self.flush()

    def flush(self) -> None:
        """Record now what is settled, and forget the files that are over and settled."""
        self._some = anyio.Event()
        if self._closed:
            return
        self._record([], {})
        for number in sorted(number for number in self._over if self._is_settled(number)):
            if self._is_needed(number):
                continue
            self._over.discard(number)
            self._planned.pop(number, None)
            if not self._catalogue.retire(number):
                self._checkpoints.forget(number)

    def close(self) -> None:
        """Record what is settled, for the last time."""
        if not self._closed:
            self.flush()
            self._checkpoints.record(sizes=self._catalogue.measure())
            self._closed = True

    def _is_needed(self, number: int) -> bool:
        """Say whether the next start needs the file that is over to find what rotation moved away.

        A start begins at the oldest known file of a path, so files are forgotten in their order. And a later file of
        which nothing was read cannot be found by its content: if it is copied and truncated, only the file before it
        tells where the copy stands.
        """
        files = self._checkpoints.files()
        path = next((known.path for known in files if known.number == number), None)
        others = [known for known in files if known.path == path and known.number != number]
        later = [known.fingerprint.offset for known in others if known.number > number]
        return len(later) < len(others) or bool(later and not any(later))

    def _is_settled(self, number: int) -> bool:
        if self._held[number]:
            return False
        file = self._catalogue.get(number)
        if file is None or file.number != number:  # it has another one by now
            return True
        return self._planned.get(number, file.begun) == file.taken

    def _record(self, planned: Sequence[Plan], fingerprints: Mapping[int, Fingerprint]) -> None:
        settled, self._settled = self._settled, []
        if planned or settled or fingerprints:
            self._checkpoints.record(planned=planned, settled=settled, fingerprints=fingerprints)
