"""Reads the followed paths in turn.

Strategy: it takes a piece of each path that has something to read, in turn, and waits when none has. Files are the
buffer: while the drain takes nothing, nothing more is read, and nothing is ever dropped. To decompress a file takes
memory, up to 128 MiB: so compressed files are read one after another, and the turn of each is the turn of one of them.
"""

import math
from functools import partial

import anyio
import anyio.lowlevel

from shuttle.config import Config
from shuttle.delivery.intake import Intake
from shuttle.delivery.source import CHUNK, Source
from shuttle.input.files.file import File
from shuttle.input.files.followed_paths import FollowedPaths
from shuttle.input.files.gaps import Gaps
from shuttle.input.files.progress import Progress
from shuttle.input.files.ready_queue import ReadyQueue
from shuttle.input.files.recorder import Recorder
from shuttle.input.files.rotation.rotated_path import RotatedPath


class Scheduler:
    """Reads what the queue says is ready, and ends what is over."""

    def __init__(
        self,
        config: Config,
        *,
        paths: FollowedPaths,
        queue: ReadyQueue,
        progress: Progress,
        intake: Intake,
        recorder: Recorder,
        gaps: Gaps,
    ) -> None:
        self._follow = config.follow
        self._patience = config.partial_timeout
        self._paths = paths
        self._queue = queue
        self._progress = progress
        self._intake = intake
        self._recorder = recorder
        self._gaps = gaps
        self._disk = queue.disk
        self._unpacking: RotatedPath | None = None  # has the compressed file whose turn it is
        self._untidy: dict[RotatedPath, None] = {}  # have something that is over after a while

    async def run(self) -> None:
        """Read a piece of each path that has something, in turn, until all are at their ends and none is to grow."""
        ready = self._queue.ready
        while True:
            while ready:
                path = self._choose()
                del ready[path]
                await anyio.lowlevel.checkpoint()  # the outlets come first: what was just read leaves before more is
                await self._read_piece(path, CHUNK // 4 if ready else CHUNK)
            if self._queue.leaving and not self._paths.fifos:
                return
            if not self._follow and not self._paths.fifos:
                await self._end_all()
                return
            changed = self._queue.expect_change()
            with anyio.CancelScope(deadline=min(await self._tidy(), self._gaps.due)):
                await changed.wait()
            for path in self._gaps.take_due():
                self._queue.put(path)

    def _choose(self) -> RotatedPath:
        """Return the path that has waited longest; in the place of one with a compressed file, the one begun before."""
        ready = self._queue.ready
        path = next(iter(ready))
        if path.unpacks:
            if self._unpacking in ready and self._unpacking is not path and self._unpacking.unpacks:
                del ready[path]
                ready[path] = None
                return self._unpacking
            self._unpacking = path
        return path

    async def _read_piece(self, path: RotatedPath, length: int) -> None:
        try:
            piece = await self._disk.run(partial(_read, path, length, vanishing=self._queue.leaving))
        except OSError as error:
            self._paths.errors.note(path.path, error)
            return
        if path.files and not path.error:
            self._paths.errors.clear(path.path)
        waited = bool(path.ended)
        await self._end_sources(path)
        if piece and waited and not piece[2]:  # a gap: other bytes may stand there by now
            self._queue.ready[path] = None
            return
        if piece:
            await self._take_in(path, *piece, length)
        if not piece or (self._follow and not path.is_ready):
            await self._let_go(path)
            self._untidy.pop(path, None)
            if not path.is_tidy:
                self._untidy[path] = None

    async def _take_in(self, path: RotatedPath, file: File, source: Source, data: bytes, length: int) -> None:
        """Take in what was read of `file`, as lines of `source`; at a gap, what comes behind it as soon as may be."""
        self._progress.blocked.set()
        try:
            more = data or await self._gaps.pass_over(path, file, length, at_once=self._queue.leaving)
        except OSError as error:
            self._paths.errors.note(path.path, error)
            more = None
        if more is not None and (path.is_ready or not self._follow):
            self._queue.ready[path] = None
        if more:
            self._progress.taken += len(more)
            await self._intake.feed(more, source)
            file.take_in()
        self._progress.blocked = anyio.Event()

    async def _let_go(self, path: RotatedPath, *, at_once: bool = False) -> None:
        """Let go of the files of which nothing more is to come, now that all of them are read."""
        grown = await self._disk.run(partial(path.let_go, at_once=at_once))
        if grown and not self._queue.leaving:
            self._queue.ready[path] = None
        await self._end_sources(path)

    async def _end_sources(self, path: RotatedPath) -> None:
        """End what is over, and have the checkpoints forget files that have a later one."""
        while path.ended:
            await self._intake.end(path.ended[0])
            del path.ended[0]
        if path.left and (bool(path.files) or await self._disk.run(partial(self._paths.forget, path))):
            while path.left:
                self._recorder.leave(path.left.pop(0))

    async def _tidy(self) -> float:
        """Send last lines whose newline does not come and let go of moved files; return when there is more of it."""
        due = math.inf
        for path in list(self._untidy):
            overdue, then = path.find_overdue(self._patience)
            due = min(due, then)
            for file in overdue:
                await self._intake.end(file.source)
            await self._let_go(path)
            if path.is_tidy:
                self._untidy.pop(path, None)
        return due

    async def _end_all(self) -> None:
        for path in list(self._paths.rotated.values()):
            await self._let_go(path, at_once=True)
            for file in list(path.files):
                await self._intake.end(file.source)


def _read(path: RotatedPath, length: int, *, vanishing: bool) -> tuple[File, Source, bytes] | None:
    """Return what comes next of `path`, and the source of its lines: the file may have another one soon."""
    piece = path.read(length, vanishing=vanishing)
    return (piece[0], piece[0].source, piece[1]) if piece else None
