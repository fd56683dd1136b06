"""The files on one disk: those paths and patterns of a configuration that lead there, and what reads them.

What is on another disk is none of them. If the disk may hang, all that looks at its files and reads them waits for its
thread, and nobody waits for that.
"""

import glob
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.abc

from shuttle.clock import Clock
from shuttle.config import Config
from shuttle.delivery.intake import Intake
from shuttle.delivery.source import Source
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.descriptors import Descriptors
from shuttle.input.files.discovery import Discovery
from shuttle.input.files.disks import Disk, Disks
from shuttle.input.files.fifos import Fifos
from shuttle.input.files.followed_paths import FollowedPaths
from shuttle.input.files.gaps import Gaps
from shuttle.input.files.home_thread import HomeLog
from shuttle.input.files.labels import Labels
from shuttle.input.files.matching import matches
from shuttle.input.files.missed_lines import Count, MissedLines
from shuttle.input.files.path_opener import PathOpener, Start
from shuttle.input.files.progress import Progress
from shuttle.input.files.ready_queue import ReadyQueue
from shuttle.input.files.recorder import Recorder
from shuttle.input.files.rotation.directories import Directories
from shuttle.input.files.rotation.rotated_path import RotatedPath
from shuttle.input.files.scheduler import Scheduler
from shuttle.input.files.tracker import Tracker
from shuttle.input.files.trust import Trust, find_fixed
from shuttle.input.files.unread_counter import UnreadCounter
from shuttle.observe.log import Logger
from shuttle.store.checkpoint_table import Checkpoint
from shuttle.store.checkpoints import Checkpoints

if TYPE_CHECKING:
    from shuttle.input.files.watcher import Watcher

COUNTING = 0.5  # seconds that are spent at the end on counting what deleted files still have
_BLIND = "its file system may hang, and inotify does not see who else writes there"


class DiskFiles:
    """The files of `config.file` on `disk`."""

    def __init__(
        self, disk: Disk, config: Config, checkpoints: Checkpoints, labels: Labels, *, log: Logger, clock: Clock
    ) -> None:
        self.disk = disk
        self._config = config
        self._checkpoints = checkpoints
        self._labels = labels
        self._log = HomeLog(log, disk.home) if disk.may_hang else log
        self._clock = clock
        self._discovery = Discovery(config.file, Trust(config.file, follow_links=config.follow_links), self._log)
        descriptors = Descriptors(self._discovery.trust.open, Directories())
        self.catalogue = Catalogue(checkpoints, labels, clock, descriptors)
        self._paths = FollowedPaths(self._discovery, self._log, clock)
        self._queue = ReadyQueue(disk)
        self.progress = Progress()
        self._reading: anyio.CancelScope | None = None
        self._scheduler: Scheduler | None = None
        self._watcher: Watcher | None = None
        self.tracker: Tracker | None = None
        """Once it is followed, what finds the files."""
        self.gone: set[int] = set()
        """The numbers of files that were deleted when the reading ended."""
        self.is_cut = False
        """A FIFO was not read to its end."""

    def concerns(self, path: Path) -> bool:
        """Say whether the configuration means `path` for this disk."""
        return any(str(path) == each or matches(path, each) for each in self._config.file)

    async def begin(
        self, intake: Intake, miss: Count, recorder: Recorder, tasks: anyio.abc.TaskGroup, known: Sequence[Checkpoint]
    ) -> None:
        """Find the files, and have `tasks` look what becomes of them; `known` are the checkpoints of their paths.

        `miss` counts lines that vanished before they were read.
        """

        def miss_at_home(lines: int, *, stretches: int = 0) -> None:
            self.disk.home.call(miss, lines, stretches=stretches)

        missed = MissedLines(miss_at_home, self._log)
        self._watcher = watcher = self._open_watcher() if self._config.follow else None
        fifos = Fifos(self._paths, self._queue, self._labels, intake, tasks, follow=self._config.follow)
        opener = PathOpener(
            known,
            paths=self._paths,
            fifos=fifos,
            catalogue=self.catalogue,
            missed=missed,
            clock=self._clock,
            start=Start(new=self._checkpoints.new, at_end=self._begins_at_end),
        )
        self._scheduler = Scheduler(
            self._config,
            paths=self._paths,
            queue=self._queue,
            progress=self.progress,
            intake=intake,
            recorder=recorder,
            gaps=Gaps(intake, self._log, self._clock, self.disk, patient=self._config.follow),
        )
        tracker = Tracker(
            self._discovery,
            opener,
            paths=self._paths,
            queue=self._queue,
            progress=self.progress,
            descriptors=self.catalogue.descriptors,
            watcher=watcher,
        )
        await tracker.start()
        self.tracker = tracker
        if watcher:
            tasks.start_soon(tracker.run)
            tasks.start_soon(UnreadCounter(self._queue, self.progress).run)

    async def read(self) -> None:
        """Read what has been found and will be, to the ends or as long as it grows."""
        assert self._scheduler
        await self._scheduler.run()

    async def follow(
        self, intake: Intake, miss: Count, recorder: Recorder, tasks: anyio.abc.TaskGroup, known: Sequence[Checkpoint]
    ) -> None:
        """Find and read the files of a disk that may hang. `leave` ends it."""
        with anyio.CancelScope() as self._reading:
            await self.begin(intake, miss, recorder, tasks, known)
            if not self._queue.leaving:
                await self.read()

    def leave(self) -> bool:
        """Read nothing more but what nobody can read later; say whether there is any."""
        if self.disk.may_hang:
            self._queue.stop()
            if self.disk.busy and self._reading:
                self._reading.cancel()
        vanishing = not self.disk.may_hang and self._queue.leave(self._paths.rotated.values())
        for waiting in self._paths.idle_fifos.values():
            waiting.cancel()
        return vanishing or len(self._paths.fifos) > len(self._paths.idle_fifos)

    def count_left(self) -> int:
        """Return the bytes that are there and not read, as far as can be told without a wait."""
        if not self.disk.may_hang:
            return self._paths.count_left()
        return sum(count() for count in self.list_counts().values())

    def list_counts(self) -> dict[Path, Callable[[], int]]:
        """Return by path what counts the bytes that are there and not read, as far as can be told without a wait."""
        return {name: partial(self._count_left_of, path) for name, path in list(self._paths.rotated.items())}

    def _count_left_of(self, path: RotatedPath) -> int:
        if not self.disk.may_hang:
            return path.count_left()
        return sum(max(0, file.size - file.offset) for file in list(path.files))

    @property
    def incomplete(self) -> bool:
        """Whether something that the configuration names was not read: it is not there, or cannot be read."""
        return self._paths.incomplete or self.is_cut or self._discovery.distrusts

    async def close(self, intake: Intake) -> None:
        """Close every file and forget the paths: what reads them again begins at the checkpoints."""
        self.is_cut = bool(self._paths.fifos)
        ended: list[Source] = []
        if self.disk.may_hang:
            with anyio.move_on_after(COUNTING, shield=True):
                ended = await self.disk.run(self._close_paths)
        else:
            ended = self._close_paths()
        for source in ended:
            intake.cut_off(source)
        self._paths.clear()
        if self._watcher:
            self._watcher.close()

    def _close_paths(self) -> list[Source]:
        """Close every file; return the sources of those whose last lines nobody can read again."""
        until = self._clock() + COUNTING
        ended: list[Source] = []
        for path in list(self._paths.rotated.values()):
            try:
                ended += path.close(until)
            except OSError as error:
                self._paths.errors.note(path.path, error)
            finally:
                self.gone.update(path.gone)
        return ended

    def _open_watcher(self) -> "Watcher":
        from shuttle.input.files.watcher import Watcher  # noqa: PLC0415  # a replay need not wait for ctypes

        return Watcher(self._log, blind=_BLIND if self.disk.may_hang else "")

    @property
    def _begins_at_end(self) -> bool:
        """Whether what is there at the start and has no checkpoint is old: to a new agent it is."""
        config = self._config
        return config.from_ == "end" or (config.from_ == "" and config.follow and self._checkpoints.new)


def split_by_disk(
    config: Config, disks: Disks, checkpoints: Checkpoints, labels: Labels, *, log: Logger, clock: Clock
) -> list[DiskFiles]:
    """Return the files of a configuration by disk: those that are local first, even if there are none."""
    patterns: dict[Disk, list[str]] = {disks.local: []}
    for each in config.file:
        disk = disks.find_below(find_fixed(each)) if glob.has_magic(each) else disks.find(Path(each))
        patterns.setdefault(disk, []).append(each)
    return [
        DiskFiles(disk, replace(config, file=tuple(own)), checkpoints, labels, log=log, clock=clock)
        for disk, own in patterns.items()
    ]
