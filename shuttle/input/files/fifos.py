"""What is followed and is no regular file: FIFOs, /dev/fd/3, devices. They are read as bytes come, once."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import anyio.abc

from shuttle.delivery.intake import Intake
from shuttle.input import descriptor as stdin
from shuttle.input.files.labels import Labels
from shuttle.input.files.open_file import open_path


class Fifos:
    """The streams that are read now, each by a task of its own."""

    def __init__(self, labels: Labels, intake: Intake, *, follow: bool, ended: Callable[[], None]) -> None:
        self.paths: set[Path] = set()
        self._labels = labels
        self._intake = intake
        self._follow = follow
        self._ended = ended

    def open(self, path: Path, tasks: anyio.abc.TaskGroup, fail: Callable[[Path, OSError], None]) -> bool:
        """Begin to read what is no regular file, and say whether it is such.

        Raises:
            OSError: It cannot be read, or is a directory.
        """
        try:
            fd, status = open_path(path)
        except FileNotFoundError:
            return False
        if stat.S_ISREG(status.st_mode):
            os.close(fd)
            return False
        self.paths.add(path)
        tasks.start_soon(self._read, path, fd, stat.S_ISFIFO(status.st_mode), fail)
        return True

    async def _read(self, path: Path, fd: int, fifo: bool, fail: Callable[[Path, OSError], None]) -> None:
        """Read to the end; of a FIFO to that of every writer, as long as files are followed."""
        source = self._labels.make(path)

        async def write(chunk: bytes) -> None:
            await self._intake.write(chunk, source)

        async def read(fd: int) -> None:
            try:
                await stdin.read(fd, write)
            finally:
                os.close(fd)
            await self._intake.end(source)

        try:
            await read(fd)
            while fifo and self._follow:
                await read(open_path(path)[0])
        except OSError as error:
            fail(path, error)
        finally:
            self._intake.cut_off(source)  # nobody can read it again
        self.paths.discard(path)
        self._ended()
