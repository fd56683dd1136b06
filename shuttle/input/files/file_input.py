"""Files in place of stdin: builds what reads them, and keeps how far they were delivered."""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import anyio
import anyio.abc

from shuttle.clock import Clock
from shuttle.config import Config
from shuttle.core.batch import Batch
from shuttle.core.position import Span
from shuttle.delivery.intake import Intake
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.descriptors import Descriptors
from shuttle.input.files.discovery import Discovery
from shuttle.input.files.fifos import Fifos
from shuttle.input.files.followed_paths import FollowedPaths
from shuttle.input.files.gaps import Gaps
from shuttle.input.files.labels import ANY, Labels, fill_header
from shuttle.input.files.missed_lines import Count, MissedLines
from shuttle.input.files.path_opener import PathOpener, Start
from shuttle.input.files.progress import Progress
from shuttle.input.files.ready_queue import ReadyQueue
from shuttle.input.files.recorder import Recorder
from shuttle.input.files.replay import Replay
from shuttle.input.files.rotation.directories import Directories
from shuttle.input.files.scheduler import Scheduler
from shuttle.input.files.tracker import Tracker
from shuttle.input.files.trust import Trust
from shuttle.input.files.unread_counter import UnreadCounter
from shuttle.observe.log import Logger
from shuttle.store.checkpoints import Checkpoints

if TYPE_CHECKING:
    from shuttle.input.files.watcher import Watcher


COUNTING = 0.5  # seconds that are spent at the end on counting what deleted files still have


class FileInput:
    """The files of a configuration."""

    rereads = True

    def __init__(self, config: Config, checkpoints: Checkpoints, *, log: Logger, clock: Clock) -> None:
        self.header = fill_header(config.framing, ANY)
        """The header of frames that are of no file: the reports."""
        self._config = config
        self._checkpoints = checkpoints
        self._log = log
        self._clock = clock
        self._labels = Labels(config.framing)
        self._discovery = Discovery(config.file, Trust(config.file, follow_links=config.follow_links), log)
        self._directories = Directories()
        descriptors = Descriptors(self._discovery.trust.open, self._directories)
        self._catalogue = Catalogue(checkpoints, self._labels, clock, descriptors)
        self._recorder = Recorder(checkpoints, self._catalogue)
        self._paths = FollowedPaths(self._discovery, log, clock)
        self._queue = ReadyQueue()
        self._progress = Progress()
        self._gone: set[int] = set()  # files that were deleted when the reading ended
        self._cut = False  # a FIFO was not read to its end

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
        with contextlib.ExitStack() as stack:
            stack.callback(self._close_paths, intake)
            watcher = stack.enter_context(_open_watcher(self._log)) if self._config.follow else None
            async with anyio.create_task_group() as tasks:
                await self._read(intake, MissedLines(miss, self._log), watcher, tasks)
                tasks.cancel_scope.cancel()

    async def _read(
        self, intake: Intake, missed: MissedLines, watcher: "Watcher | None", tasks: anyio.abc.TaskGroup
    ) -> None:
        fifos = Fifos(self._paths, self._queue, self._labels, intake, tasks, follow=self._config.follow)
        opener = PathOpener(
            self._checkpoints.files(),
            paths=self._paths,
            fifos=fifos,
            catalogue=self._catalogue,
            missed=missed,
            directories=self._directories,
            clock=self._clock,
            start=Start(new=self._checkpoints.new, at_end=self._begins_at_end),
        )
        tracker = Tracker(
            self._discovery,
            opener,
            paths=self._paths,
            queue=self._queue,
            progress=self._progress,
            catalogue=self._catalogue,
            watcher=watcher,
        )
        replay = Replay(
            self._recorder,
            self._catalogue,
            tracker,
            intake=intake,
            progress=self._progress,
            missed=missed,
            clock=self._clock,
        )
        scheduler = Scheduler(
            self._config,
            paths=self._paths,
            queue=self._queue,
            progress=self._progress,
            intake=intake,
            recorder=self._recorder,
            gaps=Gaps(intake, self._log, self._clock, patient=self._config.follow),
        )
        tracker.start()
        if watcher:
            tasks.start_soon(tracker.run)
            tasks.start_soon(UnreadCounter(self._queue, self._progress).run)
        await replay.run()
        tasks.start_soon(replay.run_late)
        await scheduler.run()

    def leave(self) -> bool:
        """Read nothing more but what nobody can read later; say whether there is any."""
        vanishing = self._queue.leave(self._paths.rotated.values())
        for waiting in self._paths.idle_fifos.values():
            waiting.cancel()
        return vanishing or len(self._paths.fifos) > len(self._paths.idle_fifos)

    def measure(self) -> tuple[int, int]:
        """Return the bytes that were read, and those that are there and were not."""
        return self._progress.taken, self._paths.count_left()

    @property
    def incomplete(self) -> bool:
        """Whether something that the configuration names was not read: it is not there, or cannot be read."""
        return self._paths.incomplete or self._cut or self._discovery.distrusts

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
    def _begins_at_end(self) -> bool:
        """Whether what is there at the start and has no checkpoint is old: to a new agent it is."""
        config = self._config
        return config.from_ == "end" or (config.from_ == "" and config.follow and self._checkpoints.new)

    def _close_paths(self, intake: Intake) -> None:
        """Close every file and forget the paths: what reads them again begins at the checkpoints."""
        self._cut = bool(self._paths.fifos)
        until = self._clock() + COUNTING
        for path in self._paths.rotated.values():
            try:
                sources = path.close(until)
            except OSError as error:
                self._paths.errors.note(path.path, error)
                continue
            finally:
                self._gone.update(path.gone)
            for source in sources:
                intake.cut_off(source)
        self._paths.clear()


def _open_watcher(log: Logger) -> "contextlib.closing[Watcher]":
    from shuttle.input.files.watcher import Watcher  # noqa: PLC0415  # a replay need not wait for ctypes

    return contextlib.closing(Watcher(log))
