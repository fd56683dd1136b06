"""What is followed and is no regular file: FIFOs, /dev/fd/3, devices. They are read as bytes come, once."""

import os
import stat
from functools import partial
from pathlib import Path

import anyio
import anyio.abc

from shuttle.delivery.intake import Intake
from shuttle.input import descriptor
from shuttle.input.files.followed_paths import FollowedPaths
from shuttle.input.files.labels import Labels
from shuttle.input.files.ready_queue import ReadyQueue


class Fifos:
    """Reads each of them in a task of its own.

    With `follow` a FIFO is read from each writer that comes; without, until the first has gone.
    """

    def __init__(
        self,
        paths: FollowedPaths,
        queue: ReadyQueue,
        labels: Labels,
        intake: Intake,
        tasks: anyio.abc.TaskGroup,
        *,
        follow: bool,
    ) -> None:
        self._disk = queue.disk
        self._paths = paths
        self._queue = queue
        self._labels = labels
        self._intake = intake
        self._tasks = tasks
        self._follow = follow

    def open(self, path: Path) -> bool:
        """Begin to read what is no regular file, and say whether it is such.

        Raises:
            OSError: It cannot be read, or is a directory.
        """
        try:
            opened = self._open_irregular(path)
        except FileNotFoundError:
            return False
        if opened is None:
            return False
        fd, status = opened
        self._paths.fifos.add(path)
        self._disk.home.call(self._tasks.start_soon, self._read, path, fd, stat.S_ISFIFO(status.st_mode))
        return True

    def _open_irregular(self, path: Path) -> tuple[int, os.stat_result] | None:
        """Return descriptor and status of what is at `path`; None if that is a regular file.

        Raises:
            OSError: It is not there, cannot or may not be read, or is a directory.
        """
        fd, status = self._paths.trust.open(path)
        if not stat.S_ISREG(status.st_mode):
            return fd, status
        os.close(fd)
        return None

    async def _read(self, path: Path, fd: int, fifo: bool) -> None:
        """Read to the end; of a FIFO to that of every writer, as long as files are followed."""
        source = self._labels.make(path)

        async def write(chunk: bytes) -> None:
            self._paths.idle_fifos.pop(path, None)
            await self._intake.feed(chunk, source)

        async def read(fd: int) -> None:
            try:
                with anyio.CancelScope() as self._paths.idle_fifos[path]:
                    await descriptor.read(fd, write)
            finally:
                self._paths.idle_fifos.pop(path, None)
                os.close(fd)
            await self._intake.end(source)

        try:
            await read(fd)
            while fifo and self._follow and not self._queue.leaving:
                opened = await self._disk.run(partial(self._open_irregular, path))
                if opened is None:  # a file took its place, and is followed as such
                    break
                fd, status = opened
                fifo = stat.S_ISFIFO(status.st_mode)
                await read(fd)
        except OSError as error:
            self._paths.errors.note(path, error)
        finally:
            self._intake.cut_off(source)  # nobody can read it again
        self._paths.fifos.discard(path)
        self._queue.wake()
