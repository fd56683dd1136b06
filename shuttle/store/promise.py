"""The promise: what the spool's database should hold, written beside it.

Theory of operation. A database whose write-ahead log is missing or truncated is sound: SQLite shows an older state.
So each transaction first writes to a separate file what the database holds before and after it, in totals. The next
process finds one of the two in the database, or knows that rows are gone, and at least how many lines. To write again
that the transaction is finished would double the cost, so that waits for the next look, half a second at most. If the
process is killed before, a log that lost only the last transaction counts as complete.

The file is not synced, and neither is the log. After a power cut either may be older than the other, and a difference
proves nothing. So a promise names the boot of the machine, and is not believed after another boot, or if the boot has
no name: then nobody knows what is missing. A promise that cannot be written is deleted.
"""

import contextlib
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from shuttle.store.batch_table import Totals
from shuttle.store.lock import find_file, identify
from shuttle.store.private import open_file

_BOOT = Path("/proc/sys/kernel/random/boot_id")  # Linux
_RECORD = struct.Struct("<8s36s40s40s")
_TOTALS = struct.Struct("<5Q")
_CHECKSUM = struct.Struct("<I")
_LENGTH = _RECORD.size + _CHECKSUM.size
_MAGIC = b"promise1"
_MASK = (1 << 64) - 1


class Promise(NamedTuple):
    """What the database holds, unless something of it is gone."""

    before: Totals
    """What it may hold, too, if the last transaction was not finished."""
    after: Totals
    """What should be there: what a transaction removes was settled before."""

    def covers(self, totals: Totals) -> bool:
        """Say whether this is what was promised."""
        return _pack(totals) in (_pack(self.before), _pack(self.after))


class PromiseFile:
    """The file of the promise, in a directory that is locked."""

    def __init__(self, path: Path, *, boot: bytes | None = None) -> None:
        self._path = path
        self._boot = _read_boot() if boot is None else boot
        self._record = b""  # what was written last
        self._descriptor: int | None = None

    def read(self) -> Promise | None:
        """Return what the last process has promised, if that can be believed."""
        with contextlib.suppress(OSError):
            file = open_file(self._path, os.O_RDONLY, make=False)
            try:
                return self._decode(os.pread(file, _LENGTH, 0))
            finally:
                os.close(file)
        return None

    def _encode(self, before: Totals, after: Totals) -> bytes:
        record = _RECORD.pack(_MAGIC, self._boot, _pack(before), _pack(after))
        return record + _CHECKSUM.pack(zlib.crc32(record))

    def _decode(self, content: bytes) -> Promise | None:
        record, checksum = content[: _RECORD.size], content[_RECORD.size :]
        if len(content) < _LENGTH or checksum != _CHECKSUM.pack(zlib.crc32(record)):
            return None
        magic, boot, *totals = _RECORD.unpack(record)
        if magic != _MAGIC or not self._boot or boot.rstrip(b"\0") != self._boot:
            return None
        before, after = (Totals(*_TOTALS.unpack(packed)) for packed in totals)
        return Promise(before, after)

    def write(self, before: Totals, after: Totals) -> None:
        """Promise that the database holds one of these.

        Raises:
            OSError: That is not possible, and the last promise cannot be taken back either.
        """
        self._record = self._encode(before, after)
        self._write()

    def confirm(self, totals: Totals) -> None:
        """Promise that the database holds this and nothing else, unless that is promised already, and still there."""
        record = self._encode(totals, totals)
        if record != self._record:
            self._record = record
            with contextlib.suppress(OSError):  # then it holds the one or the other
                self._write()
        self.renew()

    def renew(self) -> None:
        """Write it again if somebody has deleted or changed it."""
        with contextlib.suppress(OSError):
            if self._record and not self._is_in_place():
                self.close()
                self._write()

    def void(self) -> None:
        """Promise nothing.

        Raises:
            OSError: The last promise cannot be taken back.
        """
        self.close()
        self._record = b""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            self._path.unlink()

    def close(self) -> None:
        """Close the file, and leave it to the next process."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self) -> None:
        try:
            if self._descriptor is None:
                self._descriptor = open_file(self._path)
            written = os.pwrite(self._descriptor, self._record, 0)
        except OSError:
            written = 0
        if written < len(self._record):
            self.void()

    def _is_in_place(self) -> bool:
        descriptor = self._descriptor
        if descriptor is None or find_file(self._path) != identify(os.fstat(descriptor)):
            return False
        return os.pread(descriptor, _LENGTH, 0) == self._record


def _pack(totals: Totals) -> bytes:
    try:
        return _TOTALS.pack(*totals)
    except struct.error:  # a broken database adds up to anything
        return _TOTALS.pack(*(number & _MASK for number in totals))


def _read_boot() -> bytes:
    """Return the name of the machine's boot, empty if it has none."""
    with contextlib.suppress(OSError):
        return _BOOT.read_bytes().strip()[:36]
    return b""
