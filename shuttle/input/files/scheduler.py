"""Follows files: which there are, what is to be read of them, and in whose turn.

Strategy: one task looks, one reads. The looker waits for changes, never for the drain, so that a rotation is noticed
while the drain holds up the reading. The reader takes a piece of each file that has something in turn, and waits when
none has: files are the buffer, and nothing is ever dropped.
"""

import contextlib
import errno
import math
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.abc
import anyio.lowlevel

from shuttle.clock import Clock
from shuttle.config import Config
from shuttle.delivery.intake import CHUNK, Intake
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.discovery import Discovery, find_origins
from shuttle.input.files.fifos import Fifos
from shuttle.input.files.labels import Labels
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.recorder import Recorder
from shuttle.input.files.replay import make_batch
from shuttle.input.files.rotation.rotated_path import RotatedPath
from shuttle.observe.log import Logger
from shuttle.store.checkpoints import Checkpoints

if TYPE_CHECKING:
    from shuttle.input.files.watcher import Changes, Watcher
    from shuttle.store.checkpoint_table import Checkpoint

SPARE = 32  # file descriptors that files leave to the drain's connections, the store and whoever hosts all this
STALL = 0.1  # seconds without a piece taken in: the drain holds up the reading, and what waits is counted
COUNTING = 0.02  # seconds between two pieces of a backlog that is counted
_LIMIT = "raise the limit of open files (ulimit -n), or name fewer: those that wait are not read"


class Scheduler:
    """Reads files, and keeps what a restart needs to go on where this process stops."""

    def __init__(
        self,
        config: Config,
        *,
        checkpoints: Checkpoints,
        recorder: Recorder,
        catalogue: Catalogue,
        labels: Labels,
        intake: Intake,
        miss: Callable[[int], None],
        log: Logger,
        clock: Clock,
    ) -> None:
        self._config = config
        self._checkpoints = checkpoints
        self._recorder = recorder
        self._catalogue = catalogue
        self._intake = intake
        self._missed = MissedLines(miss, log)
        self._log = log
        self._clock = clock
        self._watcher = _open_watcher(log) if config.follow else None
        self._discovery = Discovery(config.file, rotated=not config.follow)
        self._followed: dict[Path, RotatedPath] = {}
        self._known: dict[Path, list[Checkpoint]] = {}  # that the last agent left, of paths that are not followed yet
        for known in checkpoints.files():
            self._known.setdefault(Path(known.path), []).append(known)
        self._links: dict[Path, Path] = {}  # by what they lead to
        self._unreadable: set[Path] = set()
        self._ready: dict[RotatedPath, None] = {}  # have something to read
        self._untidy: dict[RotatedPath, None] = {}  # have something that is over after a while
        self._changed = anyio.Event()
        self._most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE
        self._waiting = False  # there are more files than can be open
        self._blocked = anyio.Event()  # the reader waits for the drain
        self._taken = 0  # bytes
        self._leaving = False
        self._labels = labels
        self._fifos = Fifos(self._labels, intake, follow=config.follow, ended=self._wake_reader)

    async def run(self) -> None:
        """Read every file, to its end or as long as it grows."""
        try:
            async with anyio.create_task_group() as self._tasks:
                self._find(first=True)
                if self._watcher:
                    self._tasks.start_soon(self._look, self._watcher)
                    self._tasks.start_soon(self._count)
                await self._replay()
                await self._read()
                self._tasks.cancel_scope.cancel()
        finally:
            if self._watcher:
                self._watcher.close()
            for followed in self._followed.values():
                for source in followed.close():
                    self._intake.cut_off(source)

    def leave(self) -> bool:
        """Read nothing more but what no later start finds, of files that are deleted; say whether there is any."""
        self._leaving = True
        self._ready = {followed: None for followed in self._followed.values() if followed.vanishing}
        self._wake_reader()
        return bool(self._ready)

    def measure(self) -> tuple[int, int]:
        """Return the bytes that were read, and those that are there and were not; of what is compressed, its own."""
        return self._taken, sum(followed.count_left() for followed in self._followed.values())

    async def _replay(self) -> None:
        """Send again what an earlier process had sent and not seen settled."""
        for plan in self._checkpoints.plans():
            for number in {span.file for span in plan.spans}:
                if (file := self._catalogue.get(number)) and file.is_cut():
                    self._look_at(self._followed[file.path])
            batch, missing = make_batch(plan, self._catalogue.get, self._labels, self._clock())
            if missing:
                self._missed.note(Path(), missing, "a batch that was not settled cannot be read again")
            if batch:
                self._recorder.hold([batch])
                self._blocked.set()
                await self._intake.resume(batch)
                self._blocked = anyio.Event()
            else:
                self._checkpoints.record(settled=[plan.id])

    def _find(self, *, first: bool = False) -> None:
        """Begin to follow what is to be followed and is not yet."""
        for directory in self._discovery.directories():
            self._watch_over(directory)
        for path in self._discovery.find(self._followed.keys() | self._fifos.paths, self._known):
            self._follow(path, first=first)

    def _note_target(self, path: Path) -> None:
        """Watch over what a symbolic link leads to: it is written to in its own directory."""
        if path.is_symlink():
            target = path.resolve()
            self._links[target] = path
            self._watch_over(target.parent)

    def _watch_over(self, directory: Path) -> None:
        if self._watcher:
            self._watcher.add(directory)

    def _follow(self, path: Path, *, first: bool) -> None:
        if len(self._catalogue) >= self._most:
            self._note_waiting()
            return
        try:
            if self._fifos.open(path, self._tasks, self._note_unreadable):
                return
            followed = RotatedPath.open(
                path,
                self._known.get(path, ()),
                catalogue=self._catalogue,
                missed=self._missed,
                clock=self._clock,
                at_end=first and self._begins_at_end,
            )
        except OSError as error:
            self._note_unreadable(path, error)
            return
        self._unreadable.discard(path)
        self._known.pop(path, None)
        self._watch_over(path.parent)
        self._note_target(path)
        self._followed[path] = followed
        if not followed.files and not self._config.follow:
            self._note_unreadable(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
        self._wake(followed)

    @property
    def _begins_at_end(self) -> bool:
        """Whether what is there at the start and has no checkpoint is old: to a new agent it is."""
        config = self._config
        return config.from_ == "end" or (config.from_ == "" and config.follow and self._checkpoints.new)

    def _note_waiting(self) -> None:
        if not self._waiting:
            open_files = len(self._catalogue)
            self._log.warning("files.waiting", open=open_files, error=os.strerror(errno.EMFILE), advice=_LIMIT)
        self._waiting = True

    def _note_unreadable(self, path: Path, error: OSError) -> None:
        if path not in self._unreadable:
            self._log.warning("file.unreadable", path=path, error=error.strerror or str(error))
        self._unreadable.add(path)

    def _wake(self, followed: RotatedPath) -> None:
        if not self._leaving or followed.vanishing:
            self._ready[followed] = None
        self._wake_reader()

    def _wake_reader(self) -> None:
        self._changed.set()

    async def _look(self, watcher: "Watcher") -> None:
        """Look, whenever something may have changed, at what it may have changed."""
        while True:
            changes = await watcher.wait()
            if changes.everything or changes.directories:
                paths = {path for path in self._followed if path in changes}
            else:
                paths = set(changes.paths & self._followed.keys())
            paths |= {self._links[path] for path in changes.paths if path in self._links}
            others = {path.parent for path in changes.paths - paths} | changes.directories
            if changes.everything or others:
                self._find()
                paths |= {path for path, one in self._followed.items() if path.parent in others and len(one.files) != 1}
                paths |= self._find_copied(changes)
            for path in paths:
                self._look_at(self._followed[path])

    def _find_copied(self, changes: "Changes") -> set[Path]:
        """Return paths whose files were not read at all, and may have been copied beside them and truncated."""
        new = {path for path in changes.paths if path not in self._followed}
        untouched = {path for path, one in self._followed.items() if one.is_untouched}
        for directory in changes.directories & {path.parent for path in untouched}:
            with contextlib.suppress(OSError):
                new.update(map(directory.joinpath, os.listdir(directory)))  # noqa: PTH208  # names are all it takes
        return {origin for path in new for origin in find_origins(path, untouched)}

    def _look_at(self, followed: RotatedPath) -> None:
        if followed.look() or not followed.is_tidy:
            self._wake(followed)
        if followed.error:
            self._note_unreadable(followed.path, followed.error)
        else:
            self._unreadable.discard(followed.path)
        self._note_target(followed.path)

    async def _count(self) -> None:
        """While the drain holds up the reading, count what waits in the files: truncation may take it away."""
        while True:
            await self._blocked.wait()
            taken = self._taken
            await anyio.sleep(STALL)
            while self._blocked.is_set() and self._taken == taken:
                more = [followed for followed in list(self._ready) if followed.count_unread()]
                await anyio.sleep(COUNTING if more else STALL)

    async def _read(self) -> None:
        """Read a piece of each file that has something, in turn, until all are at their ends and none is to grow."""
        while True:
            while self._ready:
                followed = next(iter(self._ready))
                del self._ready[followed]
                await anyio.lowlevel.checkpoint()  # the outlets come first: what was just read leaves before more is
                await self._read_piece(followed, CHUNK // 4 if self._ready else CHUNK)
            if self._leaving:
                return None
            if not self._config.follow and not self._fifos.paths:
                return await self._end_all()
            self._changed = anyio.Event()
            with anyio.CancelScope(deadline=await self._tidy()):
                await self._changed.wait()

    async def _read_piece(self, followed: RotatedPath, length: int) -> None:
        try:
            piece = followed.read(length, vanishing=self._leaving)
        except OSError as error:
            self._note_unreadable(followed.path, error)
            return
        await self._end_sources(followed)
        if piece:
            file, data = piece
            self._taken += len(data)
            self._ready[followed] = None
            self._blocked.set()
            await self._intake.write(data, file.source)
            self._blocked = anyio.Event()
            file.take_in()
            return
        await self._let_go(followed)
        self._untidy.pop(followed, None)
        if not followed.is_tidy:
            self._untidy[followed] = None

    async def _let_go(self, followed: RotatedPath, *, at_once: bool = False) -> None:
        """Let go of the files of which nothing more is to come, now that all of them are read."""
        followed.let_go(at_once=at_once)
        await self._end_sources(followed)

    async def _end_sources(self, followed: RotatedPath) -> None:
        """End what is over, and have the checkpoints forget files that have a later one."""
        while followed.ended:
            await self._intake.end(followed.ended[0])
            del followed.ended[0]
        if followed.left and (followed.files or self._forget(followed)):
            for number in followed.left:
                if self._config.state_dir:
                    self._recorder.leave(number)
                else:
                    self._catalogue.remove(number)
            followed.left.clear()

    def _forget(self, followed: RotatedPath) -> bool:
        """Stop following a path that only matched and leads nowhere, and say whether that was so."""
        over = not followed.files and not self._discovery.names(followed.path) and not os.path.lexists(followed.path)
        if over:
            self._followed.pop(followed.path, None)
            self._untidy.pop(followed, None)
        return over

    async def _tidy(self) -> float:
        """Send last lines whose newline does not come and let go of moved files; return when there is more of it."""
        due = math.inf
        for followed in list(self._untidy):
            overdue, then = followed.find_overdue(self._config.partial_timeout)
            due = min(due, then)
            for file in overdue:
                await self._intake.end(file.source)
            await self._let_go(followed)
            if followed.is_tidy:
                self._untidy.pop(followed, None)  # it may be forgotten meanwhile
        return due

    async def _end_all(self) -> None:
        for followed in list(self._followed.values()):
            await self._let_go(followed, at_once=True)
            for file in followed.files:
                await self._intake.end(file.source)


def _open_watcher(log: Logger) -> "Watcher":
    from shuttle.input.files.watcher import Watcher  # noqa: PLC0415  # a replay need not wait for ctypes

    return Watcher(log)
