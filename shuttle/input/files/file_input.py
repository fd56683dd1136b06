"""Files in place of stdin: builds what reads them, and keeps how far they were delivered."""

import contextlib
from collections.abc import Sequence
from typing import Self

import anyio
import anyio.abc

from shuttle.clock import Clock
from shuttle.config import Config
from shuttle.core.batch import Batch
from shuttle.core.position import Span
from shuttle.delivery.intake import Intake
from shuttle.input.files.all_files import AllFiles
from shuttle.input.files.disk_files import split_by_disk
from shuttle.input.files.disks import Disks
from shuttle.input.files.home_thread import HomeThread
from shuttle.input.files.labels import ANY, Labels, fill_header
from shuttle.input.files.missed_lines import Count, MissedLines
from shuttle.input.files.recorder import Recorder
from shuttle.input.files.replay import Replay
from shuttle.input.files.unread_bytes import UnreadBytes
from shuttle.observe.log import Logger
from shuttle.store.checkpoints import Checkpoints


class FileInput:
    """The files of a configuration."""

    rereads = True

    def __init__(self, config: Config, checkpoints: Checkpoints, *, log: Logger, clock: Clock) -> None:
        self.header = fill_header(config.framing, ANY)
        """The header of frames that are of no file: the reports."""
        self._checkpoints = checkpoints
        self._log = log
        self._clock = clock
        self._disks = Disks(HomeThread())
        labels = Labels(config.framing)
        disks = split_by_disk(config, self._disks, checkpoints, labels, log=log, clock=clock)
        self._files = AllFiles(disks, checkpoints)
        self._recorder = Recorder(checkpoints, self._files)
        self._unread = UnreadBytes()

    @classmethod
    def open(cls, config: Config, *, log: Logger, clock: Clock) -> Self:
        """Open the checkpoints of the files, and nothing else yet.

        Raises:
            ConfigError: The directory of the checkpoints cannot be used. Nothing is left open.
        """
        with contextlib.ExitStack() as stack:
            checkpoints = Checkpoints.open(config.state_dir, log)
            stack.callback(checkpoints.close)
            if config.follow and not checkpoints.keeps:
                advice = "-state-dir keeps how far each file has been delivered for the next start"
                log.info("state.none", advice=advice)
            files = cls(config, checkpoints, log=log, clock=clock)
            stack.pop_all()
        return files

    async def follow(self, intake: Intake, miss: Count) -> None:
        """Read the files into `intake`, to their ends or as long as they grow.

        `miss` counts lines that vanished before they were read.
        """
        try:
            async with anyio.create_task_group() as tasks:
                await self._read(intake, miss, tasks)
                tasks.cancel_scope.cancel()
        finally:
            for one in self._files.disks:
                await one.close(intake)

    async def _read(self, intake: Intake, miss: Count, tasks: anyio.abc.TaskGroup) -> None:
        local = self._files.local
        replay = Replay(
            self._recorder,
            self._files,
            intake=intake,
            progress=local.progress,
            missed=MissedLines(miss, self._log),
            clock=self._clock,
        )
        async with anyio.create_task_group() as reading:
            for one in self._files.others:
                known = self._files.list_known(one)
                reading.start_soon(one.follow, intake, miss, self._recorder, tasks, known)
            await local.begin(intake, miss, self._recorder, tasks, self._files.list_known(local))
            await replay.run()
            tasks.start_soon(replay.run_late)
            await local.read()

    def leave(self) -> bool:
        """Read nothing more but what nobody can read later; say whether there is any."""
        left = [one.leave() for one in self._files.disks]
        return any(left)

    def measure(self) -> tuple[int, int]:
        """Return the bytes that were read, and those that are there and were not."""
        disks = self._files.disks
        return sum(one.progress.taken for one in disks), sum(one.count_left() for one in disks)

    def measure_each(self) -> dict[str, int]:
        """Return the bytes that are there and were not read, by path; of thousands of paths the largest."""
        return self._unread.look(
            {path: count for one in self._files.disks for path, count in one.list_counts().items()}
        )

    @property
    def incomplete(self) -> bool:
        """Whether something that the configuration names was not read: it is not there, or cannot be read."""
        return any(one.incomplete for one in self._files.disks)

    async def record(self, batches: Sequence[Batch]) -> None:
        """Record batches that are about to be sent; those of FIFOs cannot be read again."""
        if self._checkpoints.keeps and (own := [batch for batch in batches if batch.spans]):
            self._recorder.plan(own)

    def settle(self, batch: Batch) -> None:
        """Note that every line of `batch` is delivered or accounted lost."""
        if self._checkpoints.keeps and batch.spans:
            self._recorder.settle(batch)

    def narrow(self, batch: Batch, left: Sequence[Batch]) -> None:
        """Note that of `batch` only its parts `left` are not settled."""
        if self._checkpoints.keeps and all(part.spans for part in left):
            self._recorder.narrow(batch, left)

    async def run(self) -> None:
        """Record what is settled, until cancelled."""
        await self._recorder.run()

    async def release(self) -> None:
        """Record what is settled, and let go of the checkpoints."""
        self._recorder.close()
        for number in self._gone:
            self._checkpoints.forget(number)
        self._checkpoints.close()
        self._disks.close()

    def count_kept(self, unrecorded: Sequence[Span]) -> int:
        """Return how many lines the next start reads again: those in flight, and those not recorded yet.

        What stands in a file that was deleted can be read by nobody.
        """
        if not self._checkpoints.keeps:
            return 0
        return self._recorder.count_lines(but=self._gone) + sum(
            span.lines for span in unrecorded if span.file not in self._gone
        )

    @property
    def _gone(self) -> set[int]:
        """The numbers of files that were deleted when the reading ended."""
        return {number for one in self._files.disks for number in one.gone}
