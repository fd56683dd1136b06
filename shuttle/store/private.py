"""Opens files and directories that only this user can have created, or can change.

Checked are: the directory and each file in it belong to this user (the effective uid), have the right type and are no
links, nobody else can write to the directory, and a file has only one name. An access list that lets others write
shows in the mode of the group. Once a directory is checked, nobody else can put a file into it, so the checked file
is the one that is used. The directories above are not checked: somebody who can rename there can replace it by
another directory of this user, but not by one of their own.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

_PRIVATE_DIRECTORY = 0o700
_PRIVATE = 0o600  # lines and paths are nobody else's business
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
# O_NONBLOCK: to open a FIFO would wait.
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class UnsafeError(OSError):
    """A file or a directory that somebody else may have put there, or can change."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EPERM, reason)


def open_directory(path: Path, *, make: bool = True) -> int:
    """Return a descriptor of the directory, which with `make` is made if there is none, with those above it.

    Raises:
        UnsafeError: It is a link, somebody else's, or others can write to it.
        OSError: It cannot be made or opened.
    """
    if make:
        _make_directories(path)
    if path.is_symlink():
        raise UnsafeError("it is a symbolic link: name its target instead")
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _check_directory(os.fstat(descriptor))
    except UnsafeError:
        os.close(descriptor)
        raise
    return descriptor


def open_file(path: Path, flags: int = os.O_RDWR, *, directory: int | None = None, make: bool = True) -> int:
    """Return a descriptor of the file, which with `make` is made if there is none; by its name in `directory` if given.

    Raises:
        UnsafeError: It is not a regular file of this user with one name.
        OSError: It cannot be made or opened.
    """
    name = path if directory is None else Path(path.name)
    try:
        descriptor = os.open(name, flags | _FLAGS | (os.O_CREAT if make else 0), _PRIVATE, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):  # a link, a FIFO or a socket, a directory
            raise UnsafeError(f"{path.name} is not a regular file") from None
        raise
    try:
        _check_file(path.name, os.fstat(descriptor))
    except UnsafeError:
        os.close(descriptor)
        raise
    return descriptor


def check_files(paths: Iterable[Path]) -> None:
    """Check that those of the files that are there are regular files of this user with one name.

    Raises:
        UnsafeError: One is not.
        OSError: It cannot be looked at.
    """
    for path in paths:
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        _check_file(path.name, status)


def _make_directories(path: Path) -> None:
    """Make the directory and those above it that are missing, for this user alone."""
    if path.exists():  # or NotADirectoryError, when it is opened
        return
    if path.parent != path:
        _make_directories(path.parent)
    with contextlib.suppress(FileExistsError):  # another process was faster, or it is a link that leads nowhere
        path.mkdir(mode=_PRIVATE_DIRECTORY)


def _check_directory(status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise UnsafeError(f"it belongs to user {status.st_uid}, not to user {os.geteuid()}")
    if status.st_mode & _OTHERS_WRITE:
        raise UnsafeError(f"others can write to it: its mode is {stat.S_IMODE(status.st_mode):04o}")


def _check_file(name: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeError(f"{name} is not a regular file")
    if status.st_uid != os.geteuid():
        raise UnsafeError(f"{name} belongs to user {status.st_uid}, not to user {os.geteuid()}")
    if status.st_nlink > 1:
        raise UnsafeError(f"{name} has a second name: another log-shuttle may use it")
    if status.st_mode & _OTHERS_WRITE:
        raise UnsafeError(f"others can write to {name}: its mode is {stat.S_IMODE(status.st_mode):04o}")
