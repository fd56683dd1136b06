"""Batches that an earlier process had sent and not seen settled, made again from where their lines stand.

A batch of which something cannot be read now is kept and tried again, while reading goes on. Only what is known to be
gone is counted as lost.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import anyio

from shuttle.clock import Clock
from shuttle.core.batch import Batch, Batcher
from shuttle.core.lines import NewlineSplitter
from shuttle.delivery.intake import Intake
from shuttle.input.files.all_files import AllFiles
from shuttle.input.files.disks import Disk
from shuttle.input.files.file import File
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.progress import Progress
from shuttle.input.files.recorder import Recorder
from shuttle.store.checkpoint_table import Plan

PAUSE = 1.0  # seconds between two tries; the calls themselves are made at the pace of their paths
_NO_LIMIT = 1 << 62  # lines, or bytes: a batch that was one is one again


class Replay:
    """Sends again what an earlier process had sent and not seen settled."""

    def __init__(
        self,
        recorder: Recorder,
        files: AllFiles,
        *,
        intake: Intake,
        progress: Progress,
        missed: MissedLines,
        clock: Clock,
    ) -> None:
        self._recorder = recorder
        self._files = files
        self._intake = intake
        self._progress = progress
        self._missed = missed
        self._clock = clock
        self._kept: list[Plan] = []  # what cannot be read now

    async def run(self) -> None:
        """Pass on every such batch that can be read, the oldest first; count the lines of which nothing is left."""
        for plan in self._recorder.list_plans():
            self._progress.blocked.set()
            if self._find_disk(plan).may_hang or not await self._pass_on(plan):
                self._recorder.keep(plan)
                self._kept.append(plan)
            self._progress.blocked = anyio.Event()

    async def run_late(self) -> None:
        """Pass on the others as soon as they can be read."""
        while self._kept:
            await anyio.sleep(PAUSE)
            for plan in list(self._kept):
                if await self._pass_on(plan):
                    self._kept.remove(plan)
                    self._recorder.release(plan)

    async def _pass_on(self, plan: Plan) -> bool:
        """Pass on what is left of `plan`, and count the rest; no if some of it cannot be read now."""
        if any(self._files.awaits(span.file) for span in plan.spans):
            return False
        try:
            batch, missing = await self._find_disk(plan).run(partial(self._make_batch, plan))
        except OSError as error:
            self._files.note_error(Path(os.fsdecode(error.filename)), error)
            return False
        if missing:
            self._missed.note(Path(), missing, "a batch that was not settled cannot be read again")
        if batch:
            self._recorder.hold([batch])
            await self._intake.resume(batch)
        else:
            self._recorder.drop(plan)
        return True

    def _find_disk(self, plan: Plan) -> Disk:
        """Return the disk of the files of `plan`; one that may hang, if they are on several."""
        return max((self._files.find_disk(span.file) for span in plan.spans), key=lambda disk: disk.may_hang)

    def _make_batch(self, plan: Plan) -> tuple[Batch | None, int]:
        """Return what is left of `plan`, and how many of its lines are not there any more.

        Raises:
            OSError: A file cannot be read; it is named.
        """
        self._look_at(plan)
        return make_batch(plan, self._find, self._clock())

    def _look_at(self, plan: Plan) -> None:
        """Have the files of `plan` looked at that were truncated.

        Raises:
            OSError: A file cannot be read; it is named.
        """
        for number in {span.file for span in plan.spans}:
            if file := self._find(number):
                with _naming(file.path):
                    cut = file.is_cut()
                if cut:
                    self._files.look_at(file.path)

    def _find(self, number: int) -> File | None:
        """Return the file with this number, if it is open."""
        file = self._files.get(number)
        return None if file is None or file.closed else file


def make_batch(plan: Plan, find_file: Callable[[int], File | None], now: float) -> tuple[Batch | None, int]:
    """Return the batch of `plan`, its id, lines and stamps as before, and how many of its lines are not there any more.

    None if none of them is.

    Raises:
        OSError: A file cannot be read; it is named.
    """
    batcher: Batcher | None = None
    missing = 0
    for span in plan.spans:
        file = find_file(span.file)
        length = span.end - span.start
        data = b""
        if file:
            with _naming(file.path):
                data = file.read_at(span.start, length)
        if file is None or len(data) < length:
            missing += span.lines
            continue
        framer = file.source.framer
        assert framer, "each file has a header of its own"
        batcher = batcher or Batcher(framer, size=_NO_LIMIT, max_bytes=_NO_LIMIT, wait=0.0, new_id=lambda: plan.id)
        splitter = NewlineSplitter(framer.line_limit)
        lines = [*splitter.feed(data), *splitter.finish()][span.skip : span.skip + span.lines]
        batcher.add(lines, stamp=span.stamp, now=now, framer=framer)
    if batcher is None or not batcher.lines:
        return None, missing
    return batcher.close()._replace(spans=plan.spans, again=True), missing


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Have an error of the system say which path it is about."""
    try:
        yield
    except OSError as error:
        error.filename = os.fspath(path)
        raise
