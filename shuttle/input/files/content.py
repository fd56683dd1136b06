"""What a file holds, whether it is compressed or not."""

import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

from shuttle.input.files.formats import MAGIC, UnsupportedFormatError, may_become_packed, recognize_format
from shuttle.input.files.small_reads import LONGEST, SmallReads
from shuttle.input.files.trust import Opener, open_named
from shuttle.input.files.unpacked import END, Unpacked
from shuttle.input.files.zeros import find_end_of_data

_SMALL_READS = SmallReads()  # of all: the same file is opened again whenever somebody looks
_CANNOT_TELL = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


class Content:
    """What the file that is open as `fd` holds, read at any offset.

    Which format it has is looked up whenever its top is read: it may be empty when it is opened, and something else may
    be written to it once it is truncated. A file that ends within the first bytes of a format, and is no text, has no
    content until there is more of it.

    Raises:
        OSError: It cannot be read, or is compressed and cannot be decompressed.
    """

    def __init__(self, fd: int) -> None:
        self._number = fd
        self._reopen: Callable[[], int] | None = None
        self._unpacked: Unpacked | None = None
        self._withheld = False
        self._refusal = ""
        self._look_at_top()

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on, or as many as there are up to the end.

        Raises:
            OSError: The file cannot be read.
        """
        if not offset and length:
            top = None if self._unpacked else read_at(self._fd, 0, max(length, MAGIC))
            try:
                self._look_at_top(top)
            except UnsupportedFormatError as error:  # it was written since it was opened
                self._refusal = str(error.strerror)
            if top is not None and not (self._unpacked or self._withheld):
                return top[:length]
        if self._unpacked:
            return self._read_unpacked(self._unpacked, offset, length)
        return b"" if self._withheld else read_at(self._fd, offset, length)

    @property
    def packed(self) -> bool:
        """The file is compressed, and the content what it decompresses to."""
        return self._unpacked is not None

    @property
    def unpacks(self) -> bool:
        """There may be more to decompress, for which memory is needed."""
        return self._unpacked is not None and self._unpacked.in_progress

    @property
    def expands(self) -> bool:
        """It is compressed, and what was read is beyond measure for what it takes on the disk."""
        return self._unpacked is not None and self._unpacked.expands

    @property
    def unfinished(self) -> bool:
        """Reading has met the end of the file where something is missing: it is being written, or was cut off."""
        return self._unpacked.unfinished if self._unpacked else self._withheld and not self._refusal

    @property
    def damage(self) -> str:
        """Why nothing can be read from a place on that reading has met."""
        return self._unpacked.damage if self._unpacked else self._refusal

    def is_cut(self) -> bool:
        """Say whether it is compressed, and is not what it was when it was read: shorter, or another.

        Raises:
            OSError: It cannot be read.
        """
        return self._unpacked is not None and self._fd >= 0 and self._unpacked.is_cut()

    def find_end(self) -> int:
        """Return the offset from which on only what is appended is read. To a compressed file nothing is: it is END.

        Raises:
            OSError: It cannot be told.
        """
        if self._unpacked:
            return END
        return 0 if self._withheld else find_end_of_data(self.read, self.stat().st_size)

    def count_left(self, offset: int) -> int:
        """Return the bytes that were not read if it was read up to `offset`; of a compressed file, those on the disk.

        Raises:
            OSError: They cannot be told.
        """
        if self._unpacked and self._fd >= 0:
            return self._unpacked.count_left() if offset < END else 0
        return max(0, self.stat().st_size - offset)

    def seek(self, offset: int, whence: int) -> int:
        """Return where the next data or the next hole begins, as `seek` does; decompressed, all of it are data.

        Raises:
            OSError: It cannot be told.
        """
        return seek_nothing(offset, whence) if self.packed else seek(self._fd, offset, whence)

    def stat(self) -> os.stat_result:
        """Return the status of the file itself.

        Raises:
            OSError: It cannot be told.
        """
        return os.fstat(self._fd)

    def close(self) -> None:
        """Close the file, for good."""
        self._reopen = None
        self._close()

    def park(self, reopen: Callable[[], int]) -> None:
        """Close the file until somebody needs it again; then `reopen` returns its new descriptor."""
        self._reopen = reopen
        self._close()

    @property
    def parked(self) -> bool:
        """It is closed until somebody needs it again."""
        return self._number < 0 and self._reopen is not None

    @property
    def _fd(self) -> int:
        if self._number < 0 and self._reopen:
            self._number = self._reopen()
            if self._unpacked:
                self._unpacked.go_on(self._number)
        return self._number

    def _close(self) -> None:
        fd, self._number = self._number, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_unpacked(self, unpacked: Unpacked, offset: int, length: int) -> bytes:
        """Do as `read` does; what is far from where reading stands, and is known, is not decompressed again."""
        if self._fd < 0 or length > LONGEST or unpacked.is_near(offset):
            return unpacked.read(offset, length)
        before = self.stat()
        if (known := _SMALL_READS.find(before, offset, length)) is None:
            known = unpacked.read(offset, length)
            if not unpacked.damage and not unpacked.unfinished and self.stat() == before:
                _SMALL_READS.note(before, offset, length, known)
        return known

    def _look_at_top(self, top: bytes | None = None) -> None:
        """See which format the file has, from its `top` where that was read already."""
        if self._unpacked and self._unpacked.is_begun and not self.is_cut():
            return
        head = read_at(self._fd, 0, MAGIC) if top is None else top[:MAGIC]
        format_ = recognize_format(head)
        self._withheld = format_ is not None or may_become_packed(head)
        self._refusal = ""
        self._unpacked = None
        if format_:
            self._unpacked = Unpacked(self._fd, format_)


class LiveContent(Content):
    """The content of a file that grows. Where it ends is looked up by whoever reads it, and not at each read."""

    def read(self, offset: int, length: int) -> bytes:
        """Return at most `length` bytes from `offset` on."""
        if offset and self._unpacked is None and not self._withheld:
            return os.pread(self._fd, length, offset)
        return super().read(offset, length)


def open_content(path: Path, opener: Opener = open_named) -> Content:
    """Open a regular file for reading; a compressed one is decompressed, whatever its name.

    One that is cut off or damaged gives what can be read, up to STEP bytes less before a damaged place, and then ends;
    `unfinished` or `damage` says so. Reading forward is what it is made for: backwards it begins again.

    Raises:
        OSError: It cannot be opened or read, is not a regular file, or cannot be decompressed.
    """
    fd, status = opener(path)
    try:
        _check_kind(status, path)
        return Content(fd)
    except BaseException:
        os.close(fd)
        raise


def _check_kind(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))


def read_at(fd: int, offset: int, length: int) -> bytes:
    """Return `length` bytes of the open file `fd` from `offset` on, or as many as there are up to its end.

    Raises:
        OSError: It cannot be read.
    """
    data = os.pread(fd, length, offset) if length else b""
    while 0 < len(data) < length:  # a file system in user space may give less than there is
        more = os.pread(fd, length - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def seek(fd: int, offset: int, whence: int) -> int:
    """Return where the next data (SEEK_DATA) or the next hole (SEEK_HOLE) of the open file `fd` begins.

    It is the end of the file if none does, and all of the file are data where the file system cannot tell.

    Raises:
        OSError: It cannot be told.
    """
    try:
        return os.lseek(fd, offset, whence)
    except OSError as error:
        if error.errno == errno.ENXIO:  # no data from here on
            return max(offset, os.fstat(fd).st_size)
        if error.errno not in _CANNOT_TELL:
            raise
        return seek_nothing(offset, whence)


def seek_nothing(offset: int, whence: int) -> int:
    """Do as `seek` does where all are data."""
    return offset if whence == os.SEEK_DATA else sys.maxsize
