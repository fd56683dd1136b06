"""Which files may be opened: what was named, and of what was found in a directory only what gives nothing away.

A path that was named leads wherever it leads: whoever named it meant it. A path that was found, as it matches a pattern
or looks like a rotated file, was put there by whoever may write to the directory. So it must be a regular file or a
FIFO. A link, wherever it stands in the part of the path that nobody has named, must belong to root, to this user, or to
whom the file belongs that it leads to: nobody can have a file read that he cannot read himself. (Hard links to files of
others are the system's to refuse: see fs.protected_hardlinks in proc(5).) In a user namespace, as a container or
PrivateUsers= of systemd makes one, all users that it does not know have one number. Whoever has that is a stranger.

Whoever owns the directory may put one thing in the place of another at any time. So the system is never asked to follow
a link: each is opened itself, and says whose it is and where it leads; each directory is opened from the one before.
Where that cannot be done (without O_PATH, which is Linux's) no link is followed.
"""

import errno
import functools
import glob
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO that has taken a name would be waited for
_PATH = getattr(os, "O_PATH", 0)
_ENTER = _PATH | os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MOST_LINKS = 40  # that lead to each other, as for the kernel
_STRANGE = "a link of another user leads there; -follow-links follows it"
_NO_FILE = "it is a device or a socket"

_WHOLE_MAP = ["0", "0", "4294967295"]  # of users, where no namespace leaves any out: user_namespaces(7)

Opener = Callable[[Path], tuple[int, os.stat_result]]
"""Opens a file, and returns descriptor and status; raises OSError if it cannot or may not be read."""


class Trust:
    """Opens files: those that `patterns` name, and those found where the patterns, or rotation, have left a choice."""

    def __init__(self, patterns: Sequence[str], *, follow_links: bool = False) -> None:
        self.named = {Path(each) for each in patterns if not glob.has_magic(each)}
        self._follow_links = follow_links
        fixed = {path.parent for path in self.named} | {find_fixed(each) for each in patterns if glob.has_magic(each)}
        self._fixed = sorted(fixed, key=lambda path: len(path.parts), reverse=True)

    def open(self, path: Path) -> tuple[int, os.stat_result]:
        """Open a file, or a FIFO without waiting for whoever writes to it; return descriptor and status.

        Raises:
            OSError: It is not there, cannot or may not be read, or is a directory.
        """
        if path in self.named:
            return open_named(path)
        if self._follow_links:
            fd, owners = os.open(path, _READ), set[int]()
        else:
            fd, owners = self._open_found(path)
        return _check(fd, path, owners)

    def find_distrust(self, path: Path) -> str:
        """Return why a path is not to be opened, as it stands there now; nothing if it is, or if it is gone."""
        if path in self.named:
            return ""
        try:
            if self._follow_links:
                return _judge(path.stat(), set())
            with _walk(path, self._find_fixed(path)) as (place, owners):
                return _judge(place.stat(), owners)
        except OSError as error:
            return "" if isinstance(error, FileNotFoundError) else error.strerror or str(error)

    def _open_found(self, path: Path) -> tuple[int, set[int]]:
        """Return the descriptor of what was found at `path`, and the owners of the links on the way to it."""
        fixed = self._find_fixed(path)
        try:
            if path.parent == fixed:  # as is most often so, nothing but its name is open to doubt
                return os.open(path, _READ | os.O_NOFOLLOW), set()
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        with _walk(path, fixed) as (place, owners):
            return os.open(place.name, _READ | os.O_NOFOLLOW, dir_fd=place.directory), owners

    def _find_fixed(self, path: Path) -> Path:
        """Return the beginning of a path that somebody has named, and to which he meant the path to lead."""
        return next((each for each in self._fixed if path.is_relative_to(each)), Path(path.anchor))


class _Place(NamedTuple):
    """A name in an open directory: no link, when it was looked at."""

    directory: int
    name: str

    def stat(self) -> os.stat_result:
        return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)


def open_named(path: Path) -> tuple[int, os.stat_result]:
    """Open a file that somebody has named, or a FIFO without waiting for whoever writes to it, wherever links lead.

    Raises:
        OSError: It is not there, cannot be read, or is a directory.
    """
    fd = os.open(path, _READ)
    try:
        return fd, _check_kind(os.fstat(fd), path)
    except BaseException:
        os.close(fd)
        raise


def find_fixed(pattern: str) -> Path:
    """Return the part of a pattern before the first wildcard."""
    parts = Path(pattern).parts
    count = next((place for place, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:count])


def _check(fd: int, path: Path, owners: set[int]) -> tuple[int, os.stat_result]:
    """Return the descriptor and its status; close it if it may not be read."""
    try:
        status = _check_kind(os.fstat(fd), path)
        _check_owners(status, path, owners)
    except BaseException:
        os.close(fd)
        raise
    return fd, status


def _check_kind(status: os.stat_result, path: Path) -> os.stat_result:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    return status


def _check_owners(status: os.stat_result, path: Path, owners: set[int]) -> None:
    if reason := _judge(status, owners):
        raise PermissionError(errno.EACCES, reason, os.fspath(path))


def _judge(status: os.stat_result, owners: set[int]) -> str:
    """Return why what was found is not to be read, if links of these owners lead to it."""
    if stat.S_ISDIR(status.st_mode):
        return ""
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
        return _NO_FILE
    return "" if owners <= {0, os.geteuid(), status.st_uid} - _find_nameless() else _STRANGE


@functools.cache
def _find_nameless() -> set[int]:
    """Return the number, if there is one here, that stands for every user whom this namespace does not know."""
    try:
        if Path("/proc/self/uid_map").read_text("utf-8").split() == _WHOLE_MAP:
            return set()
        return {int(Path("/proc/sys/kernel/overflowuid").read_text("utf-8"))}
    except (OSError, ValueError):  # not Linux
        return set()


@contextmanager
def _walk(path: Path, fixed: Path) -> Iterator[tuple[_Place, set[int]]]:
    """Go from `fixed` to where `path` leads; yield the place, and the owners of the links on the way.

    Raises:
        OSError: There is no way.
    """
    steps = deque(path.relative_to(fixed).parts)
    owners: set[int] = set()
    links = 0
    directory = os.open(fixed, _ENTER)
    try:
        while True:
            name = steps.popleft() if steps else os.curdir
            if (link := _read_link(directory, name)) is not None:
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
                target, owner = link
                owners.add(owner)
                steps.extendleft(reversed([step for step in target.split("/") if step]))
                below = os.open("/", _ENTER) if target.startswith("/") else None
            elif steps:
                below = os.open(name, _ENTER | os.O_NOFOLLOW, dir_fd=directory)
            else:
                break
            if below is not None:
                os.close(directory)
                directory = below
        yield _Place(directory, name), owners
    finally:
        os.close(directory)


def _read_link(directory: int, name: str) -> tuple[str, int] | None:
    """Return where a link leads, and whose it is; None if it is none."""
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        return None
    if not _PATH:
        raise PermissionError(errno.EACCES, _STRANGE)
    fd = os.open(name, _PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        return os.readlink("", dir_fd=fd), os.fstat(fd).st_uid
    finally:
        os.close(fd)
