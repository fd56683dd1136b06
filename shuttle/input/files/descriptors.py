"""The descriptors of followed files: how many there may be, and which files do without one for a while.

Theory of operation. A file is parked while others need descriptors more: it is closed, and opened again as soon as
somebody reads it or asks for its status. It is found by device and inode, where it stood or where rotation has moved it
in that directory. The catalogue has all else. Files are parked that have a name: first those of which all is read, and
of these the one that has been quiet for longest. What was deleted is gone once it is closed. So it keeps its
descriptor, and whoever adds files asks whether they `are_short`.
"""

import errno
import os
import resource
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from shuttle.input.files.file import File
from shuttle.input.files.rotation.directories import Directories
from shuttle.input.files.trust import Opener

SPARE = 32  # descriptors that files leave to the drain's connections, the store and whoever hosts all this
_PART = 8  # of all that there are for files, this part is set free at once: to choose takes a look at all


class VanishedError(FileNotFoundError):
    """A file was deleted, or moved to where nobody looks for it, while it was parked."""


class Descriptors:
    """The files that have descriptors; `most` may. Without it, as many as the limit of the process leaves.

    Attributes:
        directories: Where files are looked for that were parked.
    """

    def __init__(self, opener: Opener, directories: Directories, most: int | None = None) -> None:
        self._opener = opener
        self.directories = directories
        self.most = _find_most() if most is None else most
        self._files: dict[File, None] = {}  # those with descriptors, and some that were closed since

    @property
    def room(self) -> int:
        """How many more files may be open, if none of those that are is parked."""
        return max(0, self.most - len(self._files))

    def add(self, file: File) -> None:
        """Count `file`, which was opened; park others if there are too many."""
        self._files[file] = None
        if len(self._files) > self.most:
            self._make_room(file)

    def discard(self, file: File) -> None:
        """Count `file` no more: it is closed, or will be."""
        self._files.pop(file, None)

    def are_short(self) -> bool:
        """Say whether more are taken than there may be, and nothing is left that could be parked."""
        if len(self._files) <= self.most:
            return False
        self._make_room(None)
        return len(self._files) > self.most

    def _make_room(self, needed: File | None) -> None:
        """Park as many files as are too many, and some more; but not the one that is `needed`."""
        self._files = {file: None for file in self._files if file is needed or not (file.closed or file.parked)}
        excess = len(self._files) - self.most
        if excess <= 0:
            return
        excess = min(excess + self.most // _PART, len(self._files) - 1)
        for file in sorted(self._files, key=lambda file: (file.ready, file.grown)):
            if excess and file is not needed and _has_name(file):
                file.park(partial(self._open_again, file))
                del self._files[file]
                excess -= 1

    def _open_again(self, file: File) -> int:
        """Return a new descriptor of a file that was parked.

        Raises:
            VanishedError: It is not found.
            OSError: It cannot be opened.
        """
        for path in self._find_names(file):
            try:
                fd, status = self._opener(path)
            except FileNotFoundError:
                continue
            if (status.st_dev, status.st_ino) == file.opened.key:
                self.add(file)
                return fd
            os.close(fd)
        raise VanishedError(errno.ENOENT, "it was deleted while too many others were open", os.fspath(file.path))

    def _find_names(self, file: File) -> Iterator[Path]:
        """Yield the paths at which a file may be found."""
        yield file.path
        for directory in dict.fromkeys((file.path.parent, (file.place or file.path).parent)):
            names = self.directories.list(directory).inodes.get(file.opened.key[1], ())
            yield from (directory / name for name in names)


def _has_name(file: File) -> bool:
    try:
        return not file.is_deleted
    except OSError:
        return False


def _find_most() -> int:
    """Return how many files may be open at once, as the process is limited now."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - max(SPARE, _count_open() + SPARE // 2)


def _count_open() -> int:
    """Return how many files this process has open, which may be a host with many; 0 if nobody can tell."""
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    except OSError:
        return 0
