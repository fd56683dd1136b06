"""What a file holds, whether it is compressed or not."""

import contextlib
import errno
import gzip
import os
import stat
import zlib
from pathlib import Path
from typing import BinaryIO, Self, cast

GZIP_MAGIC = b"\x1f\x8b"
STEP = 64 * 1024  # bytes that are decompressed at once, and so the most that is given up before a damaged place


class Content:
    """What a file holds, read at any offset."""

    packed = False
    """The file is gzip, and the content what it decompresses to."""
    broken = False
    """Reading met a place beyond which the file cannot be decompressed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on, or as many as there are up to the end.

        Raises:
            OSError: The file cannot be read.
        """
        return read_at(self._file.fileno(), offset, length)

    def stat(self) -> os.stat_result:
        """Return the status of the file itself.

        Raises:
            OSError: It cannot be told.
        """
        return os.fstat(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Unpacked(Content):
    packed = True

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._kind, self._errors = _load_decompressor()
        self._rewind()

    def read(self, offset: int, length: int) -> bytes:
        if offset < self._position:
            self._rewind()
        if not self._skip_to(offset):
            return b""
        parts: list[bytes] = []
        while length and (part := self._read_some(length)):
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _rewind(self) -> None:
        self._file.seek(0)
        self._unpacked = self._kind(fileobj=self._file, mode="rb")
        self._position = 0
        self.broken = False

    def _skip_to(self, offset: int) -> bool:
        """Read up to `offset`, from the position on, and say whether there is as much."""
        while self._position < offset:
            if not self._read_some(offset - self._position):
                return False
        return True

    def _read_some(self, length: int) -> bytes:
        """Return up to `length` bytes from the position on; none at the end."""
        if self.broken:
            return b""
        try:
            part = self._unpacked.read1(min(length, STEP))  # read() would lose what stands before the damage
        except self._errors:
            if self._kind is not gzip.GzipFile:
                return self._read_some_slowly(length)
            self.broken = True
            return b""
        self._position += len(part)
        return part

    def _read_some_slowly(self, length: int) -> bytes:
        """Do as _read_some by Python's own gzip: igzip meets the damage ahead, and keeps back what stands before it."""
        self._kind = gzip.GzipFile
        position = self._position
        self._rewind()
        return self._read_some(length) if self._skip_to(position) else b""


def open_content(path: Path) -> Content:
    """Open a regular file for reading; one that begins as gzip does is decompressed, whatever its name.

    A gzip file that is cut off or damaged gives what can be read, up to STEP bytes less before a damaged place, and
    then ends; `broken` says so. Reading forward is what it is made for: backwards it begins again.

    Raises:
        OSError: It cannot be opened or read, or is not a regular file.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open(path, "rb", opener=_open_at_once))
        fd = file.fileno()
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
        content = _Unpacked(file) if read_at(fd, 0, len(GZIP_MAGIC)) == GZIP_MAGIC else Content(file)
        stack.pop_all()
        return content


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


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO that has taken the name would be waited for


def _load_decompressor() -> tuple[type[gzip.GzipFile], tuple[type[Exception], ...]]:
    """Return what decompresses, and its errors: python-isal where it is installed, else zlib, a third as fast."""
    errors = (EOFError, gzip.BadGzipFile, zlib.error)
    try:
        from isal import igzip, isal_zlib  # noqa: PLC0415  # only a compressed sibling pays for it
    except ImportError:
        return gzip.GzipFile, errors
    return igzip.IGzipFile, (*errors, cast("type[Exception]", isal_zlib.error))
