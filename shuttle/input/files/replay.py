"""Batches that an earlier process had sent and not seen settled, made again from where their lines stand."""

from collections.abc import Callable
from pathlib import Path

import anyio

from shuttle.clock import Clock
from shuttle.core.batch import Batch, Batcher
from shuttle.core.lines import NewlineSplitter
from shuttle.delivery.intake import Intake
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.file import File
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.progress import Progress
from shuttle.input.files.recorder import Recorder
from shuttle.input.files.tracker import Tracker
from shuttle.store.checkpoint_table import Plan

_NO_LIMIT = 1 << 62  # lines, or bytes: a batch that was one is one again


class Replay:
    """Sends again what an earlier process had sent and not seen settled."""

    def __init__(
        self,
        recorder: Recorder,
        catalogue: Catalogue,
        tracker: Tracker,
        *,
        intake: Intake,
        progress: Progress,
        missed: MissedLines,
        clock: Clock,
    ) -> None:
        self._recorder = recorder
        self._catalogue = catalogue
        self._tracker = tracker
        self._intake = intake
        self._progress = progress
        self._missed = missed
        self._clock = clock

    async def run(self) -> None:
        """Pass on every such batch, the oldest first; count the lines of which nothing is left."""
        for plan in self._recorder.list_plans():
            for number in {span.file for span in plan.spans}:
                if (file := self._catalogue.get(number)) and file.is_cut():
                    self._tracker.look_at(file.path)
            batch, missing = make_batch(plan, self._catalogue.get, self._clock())
            if missing:
                self._missed.note(Path(), missing, "a batch that was not settled cannot be read again")
            if batch:
                self._recorder.hold([batch])
                self._progress.blocked.set()
                await self._intake.resume(batch)
                self._progress.blocked = anyio.Event()
            else:
                self._recorder.drop(plan)


def make_batch(plan: Plan, find_file: Callable[[int], File | None], now: float) -> tuple[Batch | None, int]:
    """Return the batch of `plan`, its id, lines and stamps as before, and how many of its lines are not there any more.

    None if none of them is.

    Raises:
        OSError: A file cannot be read.
    """
    batcher: Batcher | None = None
    missing = 0
    for span in plan.spans:
        file = find_file(span.file)
        length = span.end - span.start
        data = file.read_at(span.start, length) if file else b""
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
