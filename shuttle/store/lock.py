"""The lock of a directory: one agent at a time uses it.

An agent has the lock for itself. Who only looks whether there is an agent shares it for a moment, which an agent that
starts then waits for.
"""

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

from shuttle.store.private import open_directory, open_file

_UNWRITABLE = (errno.EROFS, errno.EACCES)
_LOOK = 1.0  # seconds that lookers may have the lock; each has it for two system calls
_RETRY = 0.005  # seconds between two attempts meanwhile
FileId = tuple[int, int]


class InUseError(OSError):
    """Another running log-shuttle has the lock."""

    def __init__(self) -> None:
        super().__init__(errno.EAGAIN, "another log-shuttle uses the directory")


class DirectoryLock:
    """The file `<name>.lock` in `directory`, locked from `acquire` to `release`."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._path = directory / f"{name}.lock"
        self._descriptor: int | None = None
        self._file: FileId | None = None  # that is locked

    @property
    def held(self) -> bool:
        """Whether this process has the lock."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Lock the directory, creating it if missing; give up a lock on a file that was deleted meanwhile.

        Raises:
            InUseError: Another agent has the lock.
            UnsafeError: Somebody else can write there, or has put there what is to be locked.
            OSError: The directory or the file cannot be made or opened.
        """
        try:
            self._acquire()
        except FileNotFoundError:  # the directory was deleted at this moment, or there is no place for one
            self._acquire()

    def _acquire(self) -> None:
        directory = open_directory(self._directory)
        try:
            descriptor = self._open(directory)
        finally:
            os.close(directory)
        try:
            _lock(descriptor)
            locked = identify(os.fstat(descriptor))
            in_place = locked == find_file(self._path)
        except BlockingIOError:
            os.close(descriptor)
            raise InUseError from None
        except BaseException:
            os.close(descriptor)
            raise
        self.release()
        self._descriptor, self._file = descriptor, locked
        if not in_place:
            self.release()
            raise FileNotFoundError(errno.ENOENT, "the lock was deleted while it was taken")

    def renew(self) -> None:
        """Take the lock again if its file was deleted, moved or replaced.

        Raises:
            InUseError: Another agent has it by now.
            OSError: It cannot be looked at or made.
        """
        if self._descriptor is not None and find_file(self._path) != self._file:
            self.acquire()

    def release(self) -> None:
        """Unlock the directory for the next agent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self, directory: int) -> int:
        """Open the file to lock; on a read-only disk an existing one is locked too."""
        try:
            return open_file(self._path, directory=directory)
        except OSError as error:
            if error.errno in _UNWRITABLE:
                with contextlib.suppress(OSError):
                    return open_file(self._path, os.O_RDONLY, directory=directory, make=False)
            raise


def _lock(descriptor: int) -> None:
    """Lock a file, as soon as nobody looks at it.

    Raises:
        BlockingIOError: An agent has the lock.
        OSError: The file cannot be locked.
    """
    ends = time.monotonic() + _LOOK
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # an agent does not share it
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            if time.monotonic() > ends:
                raise
            time.sleep(_RETRY)
        else:
            return


def is_locked(path: Path) -> bool:
    """Say whether a running log-shuttle has locked the file; for this it is shared for a moment, if it is there.

    Raises:
        UnsafeError: Somebody else can have put it there.
        OSError: It cannot be opened.
    """
    try:
        descriptor = open_file(path, os.O_RDONLY, make=False)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def identify(status: os.stat_result) -> FileId:
    """Return the identity of an open file."""
    return status.st_dev, status.st_ino


def find_file(path: Path) -> FileId | None:
    """Return which file has the name `path`; None if there is none.

    Raises:
        OSError: It cannot be looked at.
    """
    try:
        return identify(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
