"""The files of an open database as this process left them: identity, length, and time of the last write.

Theory of operation. While a database is open, only this process may write to its file and its write-ahead log. So
both are noted after each transaction, and compared before the next one and from time to time, with a system call for
each:

- A file that was deleted, moved or replaced no longer has its name.
- A file that was truncated is shorter than before. If a transaction was running and made it as long again, it takes
  less room on disk than before: it has a hole. `check_log` finds a hole at the beginning of the log.
- A file that was written to, or overwritten in place, has another time.

Room and time prove no damage. `touch` changes a time, a network file system may when its server hears of a write, and
some file systems free room on their own. Then the files count as `touched`: the database's owner reads through it,
and calls `accept` if all is right.

It cannot notice a write by others during a transaction of this process on the same file, or within the tick of the
file system's clock in which this process wrote last, a few milliseconds. A changed row is found by its checksum when
it is read. Missing rows are found by the next process, which knows what this one had.
"""

import contextlib
import os
from pathlib import Path

from shuttle.store.access import INDEX, LOG, LOG_BYTES, SIDES
from shuttle.store.lock import FileId, find_file
from shuttle.store.private import UnsafeError, check_files, open_file
from shuttle.store.sqlite_errors import BrokenError, GoneError

_Trace = tuple[int, int, int, int, int]  # of a file: device, inode, bytes, last written to in nanoseconds, blocks
_SIZE, _TIME, _BLOCKS = 2, 3, 4
_LOG_MAGIC = b"\x37\x7f\x06"  # sqlite.org/fileformat2.html#walformat


class Footprint:
    """The traces of a database and its log; none before `begin` and after `forget`."""

    def __init__(self, path: Path) -> None:
        self._names = [Path(f"{path}{side}") for side in SIDES]
        self._paths = str(path), f"{path}{LOG}"
        self._file: _Trace | None = None
        self._log: _Trace | None = None
        self._seen: tuple[_Trace | None, _Trace | None] = (None, None)
        self.touched = False
        """Somebody may have written to a file."""

    @property
    def file(self) -> FileId | None:
        """Which file the database is; None if there is none."""
        return self._file[:2] if self._file else None

    def begin(self) -> None:
        """Make the file if there is none, and note which it is; its log is noted with the first transaction.

        Raises:
            BrokenError: Somebody else may have put a file there that SQLite would open; it follows links.
            OSError: It cannot be made.
        """
        self._delete_strange_index()
        try:
            check_files(self._names)
        except UnsafeError as error:
            raise BrokenError(error.strerror) from None
        file = open_file(self._names[0])  # SQLite gives the files beside the database its mode
        try:
            self._file = _trace(os.fstat(file))
        finally:
            os.close(file)
        self._log = None
        self.touched = False

    def forget(self) -> None:
        """Note that the files are not open any more."""
        self._file = self._log = None
        self.touched = False

    def note(self, *, shorter: bool = False) -> None:
        """Note how this process leaves the files; a transaction does not make them `shorter`.

        What it cannot have done itself is not noted, so that `check` finds it.
        """
        if self._file:
            with contextlib.suppress(OSError):  # all is written
                file, log = self._look()
                known = self._log or log
                if file and file[:2] == self._file[:2] and (shorter or file[_SIZE] >= self._file[_SIZE]):
                    self.touched |= not shorter and file[_BLOCKS] < self._file[_BLOCKS]
                    self._file = file
                if log and known and log[:2] == known[:2] and (shorter or log[_SIZE] >= min(known[_SIZE], LOG_BYTES)):
                    self.touched |= not shorter and log[_BLOCKS] < known[_BLOCKS]
                    self._log = log

    def check(self) -> None:
        """Check that the files are those that are open, and as long as they were left.

        Raises:
            GoneError: The file was deleted, moved or replaced.
            BrokenError: Its write-ahead log was, or either was cut.
            OSError: They cannot be looked at.
        """
        if not self._file:
            return
        file, log = self._seen = self._look()
        if file != self._file:
            if not file or file[:2] != self._file[:2]:
                raise GoneError("it is gone")
            if file[_SIZE] < self._file[_SIZE]:
                raise BrokenError("it was cut")
            self.touched |= file[_TIME] != self._file[_TIME]
        if log != self._log and self._log:
            if not log or log[:2] != self._log[:2]:
                raise BrokenError("its write-ahead log is gone")
            if log[_SIZE] < self._log[_SIZE]:
                raise BrokenError("its write-ahead log was cut")
            self.touched |= log[_TIME] != self._log[_TIME]

    def check_log(self) -> None:
        """Check that the log has its beginning: one that was cut to nothing and has grown again begins with a hole.

        Raises:
            BrokenError: It has not.
            OSError: It cannot be read.
        """
        if self._log and self._log[_SIZE]:
            try:
                file = os.open(self._paths[1], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                return  # `check` tells what that means
            try:
                beginning = os.pread(file, len(_LOG_MAGIC), 0)
            finally:
                os.close(file)  # which would end SQLite's lock if this were the database
            if beginning != _LOG_MAGIC:
                raise BrokenError("its write-ahead log was cut")

    def accept(self) -> None:
        """Note that all is right in the files as `check` has seen them."""
        file, log = self._seen
        self._file, self._log = file, log if self._log else None
        self.touched = False

    @property
    def has_lost_log(self) -> bool:
        """Whether the log is not found by its name any more."""
        with contextlib.suppress(OSError):
            return bool(self._log) and not self._has_log()
        return False

    def delete_log(self) -> None:
        """Delete the log of a file that is gone: SQLite would take it for the log of the next one."""
        with contextlib.suppress(OSError):
            if self._has_log():
                Path(self._paths[1]).unlink()

    def _delete_strange_index(self) -> None:
        """Delete an index that SQLite must not write to: it has nothing that the log does not have."""
        index = Path(f"{self._paths[0]}{INDEX}")
        with contextlib.suppress(OSError):
            try:
                check_files([index])
            except UnsafeError:
                index.unlink()

    def _has_log(self) -> bool:
        return self._log is not None and self._log[:2] == find_file(Path(self._paths[1]))

    def _look(self) -> tuple[_Trace | None, _Trace | None]:
        file, log = self._paths
        return _look(file), _look(log)


def is_hollow(path: Path) -> bool:
    """Say whether there is a log, and the file to it is gone or empty: SQLite would delete it.

    Raises:
        OSError: They cannot be looked at.
    """
    file, log = _look(str(path)), _look(f"{path}{LOG}")
    return not (file and file[_SIZE]) and bool(log and log[_SIZE])


def _look(path: str) -> _Trace | None:
    try:
        return _trace(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _trace(status: os.stat_result) -> _Trace:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_blocks
