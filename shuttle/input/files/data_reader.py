"""Reads the data of a file, and tells them from zeros that are in no line.

A file reads as zeros where nothing was written: in a hole, which a writer leaves that keeps its offset while somebody
truncates its file; in room that was allocated in advance; in blocks that a crash of the machine kept from the disk. But
a line may hold zeros too.

Theory of operation. A piece of data ends before zeros that may be in no line: SHORT of them or more, or any at its end.
The next piece begins at them, and by then it is decided what they are:

    data    fewer than SHORT; or a newline ends them, they are LONGEST at most and no hole is among them
    a gap   all others with something behind them; fewer than SHORT too, if they begin a file that was truncated and are
            as many bytes as had been written by then
    blank   nothing else stands up to the end of the file: what is to come may overwrite them, and is waited for

Only where a newline ends them does the file system have a say. All else is decided by the content, so that a copy, or a
compressed file, is read as the original was.

How far zeros go is looked at in steps of AT_ONCE bytes; what the file system calls a hole is jumped over. Blank zeros
are looked at again when the file has changed; not if what was written stands where it was waited for, which is how a
file is overwritten from the front. A look that finds the file unchanged makes up for that. Of a compressed file, which
can only be read forward, what was read ahead is kept.
"""

import os
import sys
from typing import NamedTuple

from shuttle.input.files.open_file import OpenFile
from shuttle.input.files.zeros import count_zeros, find_zeros_at_end

SHORT = 512  # zeros: a sector, which is the least that a crash keeps from the disk, and more than lines have in a row
LONGEST = 1 << 20  # zeros: about what is read as one line, however long that is
AT_ONCE = 4 * 1024 * 1024  # bytes: a millisecond or two, in which nothing else happens
_PIECE = 256 * 1024  # bytes
_LEAST = 4096  # bytes
_RUN = bytes(SHORT)
_EVERY = slice(SHORT - 1, None, SHORT)  # SHORT zeros have one of these bytes, and no other look is as cheap


class CutError(Exception):
    """Other bytes stand where a file was read: it was truncated."""


class Gap(NamedTuple):
    """Zeros that are in no line."""

    start: int
    end: int
    known: bool = True
    """Something else stands at the end; if not, it is only known that zeros go as far."""


class _Ahead(NamedTuple):
    """What was read ahead: zeros from `start` to `end`, and what comes behind them."""

    start: int
    end: int
    behind: bytes


class DataReader:
    """Reads one file from one place on.

    Attributes:
        gap: What stands at the offset of the last reading in place of data; None if there were data, or nothing to
            read yet.
        short: The last reading has given all that there was, which was less than it was asked for.
    """

    __slots__ = ("_ahead", "_certain", "_data_end", "_end", "_opened", "_reach", "_seal", "_start", "gap", "short")

    def __init__(self, opened: OpenFile) -> None:
        self.gap: Gap | None = None
        self.short = False
        self._opened = opened
        self._ahead: _Ahead | None = None
        self._reach = sys.maxsize  # bytes that are read at once: between gaps that are close together, few
        self._data_end = 0  # zeros before it are data
        self._start = -1  # where the zeros begin that were looked at last; -1: at the next ones it begins anew
        self._end = 0  # how far they go, as far as is known
        self._seal: tuple[int, int] | None = None  # they are blank, as the file is with this size and time of change
        self._certain = True  # all of them were looked at since

    def read(self, offset: int, length: int, *, before: bytes = b"", cut_at: int = 0) -> bytes:
        """Return the data that stand at `offset`, at most `length` bytes; nothing at a gap and at the end.

        `before` is what has to stand before them; one call of the system reads both. `cut_at` is how many bytes had
        been written when the file was truncated; 0 if it was not.

        Raises:
            OSError: The file cannot be read.
            CutError: Something else stands before the offset.
        """
        self.gap = None
        length_now = min(length, self._reach)
        data = self._take_behind(before, offset, length_now) if before else self._take(offset, length_now)
        self.short = len(data) < length_now
        if not data or (data[0] and data[-1] and 0 not in data[_EVERY]):
            if self._reach < length:
                self._reach *= 2
            return data
        if not data[0] and offset >= self._data_end and not self._decide(offset, data, cut_at):
            return b""
        place = self._find_end(offset, data)
        self._keep(offset, data, place)
        if place < len(data):
            self._reach = max(_LEAST, 2 * place)
            self.short = False
        return data[:place]

    def is_blank(self, offset: int, size: int) -> bool:
        """Say whether nothing but zeros stood from `offset` on when the file was looked at and had `size` bytes."""
        return self._seal is not None and self._seal[0] == size and self._start == offset

    def is_waiting(self, offset: int) -> bool:
        """Say whether all from `offset` on are zeros that were looked at since the file has changed.

        Raises:
            OSError: It cannot be told.
        """
        return offset == self._start and self._certain and self._seal == self._make_seal()

    def _find_end(self, offset: int, data: bytes) -> int:
        """Return where zeros begin in `data`, which stand at `offset`, that may be in no line."""
        place = min(max(0, self._data_end - offset), len(data))
        while (run := data.find(_RUN, place)) >= 0:
            place = run + count_zeros(data, run)
            if place == len(data) or self._is_gap(offset + run, offset + place, data[place : place + 1]):
                return run
        return find_zeros_at_end(data, place)

    def _decide(self, offset: int, data: bytes, cut_at: int) -> bool:
        """Say whether the zeros with which `data` begin are data, and note how far they go."""
        zeros = count_zeros(data)
        if zeros < len(data):
            end, behind = offset + zeros, data[zeros : zeros + 1]
            self._keep(offset, data, 0)
            self._start, self._seal = -1, None
        else:
            end, behind = self._look_on(offset, offset + zeros)
        if not behind:
            return False
        if behind == b"\0":
            self.gap = Gap(offset, end, known=False)
        elif offset == 0 < cut_at <= end or self._is_gap(offset, end, behind):
            self.gap = Gap(offset, end)
        else:
            self._data_end = end
        return self.gap is None

    def _is_gap(self, start: int, end: int, behind: bytes) -> bool:
        if end - start < SHORT:
            return False
        return behind != b"\n" or end - start > LONGEST or self._opened.seek(start, os.SEEK_HOLE) < end

    def _look_on(self, start: int, end: int) -> tuple[int, bytes]:
        """Return how far the zeros go that begin at `start` and go up to `end` at least, and the byte behind them.

        It is a zero if there may be more of them, and none at the end of the file.
        """
        seal = self._make_seal()
        if self._seal and self._is_still_blank(start, seal):
            return self._end, b""
        if start != self._start or self._seal:
            self._start, self._end, self._seal = start, end, None
        stop = AT_ONCE
        while stop > 0:
            self._end = max(self._end, self._opened.seek(self._end, os.SEEK_DATA))
            data = self._take(self._end, _PIECE)
            if not data:
                self._seal, self._certain = seal, True
                return self._end, b""
            zeros = count_zeros(data)
            self._end += zeros
            if self._is_packed and self._ahead is None:  # else `data` were taken of what was kept, and are kept on
                self._ahead = _Ahead(start, self._end, data[zeros:])
            if zeros < len(data):
                self._start = -1
                return self._end, data[zeros : zeros + 1]
            stop -= zeros
        return self._end, b"\0"

    def _is_still_blank(self, start: int, seal: tuple[int, int]) -> bool:
        """Say whether the zeros that were blank are so from `start` on, as far as can be told without a look."""
        assert self._seal
        if self._start < start < self._end and seal[0] == self._seal[0]:
            self._start, self._seal, self._certain = start, seal, False
            return True
        return start == self._start and seal == self._seal and self._certain

    def _make_seal(self) -> tuple[int, int]:
        status = self._opened.stat()
        return status.st_size, status.st_ctime_ns

    @property
    def _is_packed(self) -> bool:
        content = self._opened.content
        return content is not None and content.packed

    def _take(self, offset: int, length: int) -> bytes:
        """Return what stands at `offset`, at most `length` bytes or what was kept; nothing at the end of the file."""
        if ahead := self._ahead:
            if ahead.start <= offset < ahead.end:
                return bytes(min(length, ahead.end - offset))
            self._ahead = None
            if offset == ahead.end and ahead.behind:
                return ahead.behind
        return self._opened.read_at(offset, length)

    def _take_behind(self, before: bytes, offset: int, length: int) -> bytes:
        """Return what stands at `offset`, at most `length` bytes, and behind the bytes `before`.

        Raises:
            CutError: It stands behind others.
        """
        data = self._opened.read_at(offset - len(before), len(before) + length)
        if not data.startswith(before):
            raise CutError
        return data[len(before) :]

    def _keep(self, offset: int, data: bytes, place: int) -> None:
        """Keep the rest of `data`, which stand at `offset`, from `place` on: it is asked for next."""
        if place < len(data) and self._is_packed:
            end = place + count_zeros(data, place)
            self._ahead = _Ahead(offset + place, offset + end, data[end:])
