"""A file that is read forward, whatever its path leads to meanwhile.

The bytes before the offset are compared with what stands there now, since it may have been truncated. A gap is a part
of the file, and of no line.
"""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from shuttle.core.fingerprint import TAIL, Fingerprint, Read, Trail
from shuttle.delivery.source import Source
from shuttle.input.files.data_reader import AT_ONCE, CutError, DataReader, Gap
from shuttle.input.files.kept_trail import KeptTrail
from shuttle.input.files.open_file import FileState, OpenFile
from shuttle.input.files.unread_lines import UnreadLines, is_amid_line

_COMPARED = 64  # bytes before the offset that are looked at before each read: log lines seldom repeat so many in place
_SETTLED = 2_000_000_000  # nanoseconds; a second change may show no other time than the one before, on FAT for so long
_NO_LIMIT = 1 << 62


class Loss(NamedTuple):
    """What is gone of a file that was truncated."""

    lines: int
    """Those that were counted."""
    uncounted: bool
    """There were more."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class File:
    """A file and how far it was read."""

    path: Path
    """By which it is followed."""
    opened: OpenFile
    source: Source
    """Of its lines; it has the file's number."""
    grown: float
    """When it last had something to read, in seconds of the monotonic clock."""
    begun: int = 0
    """The offset from which it is read."""
    kept: KeptTrail = field(default_factory=KeptTrail)
    """How far it was read, and the bytes that tell whether it is still the same."""
    size: int = 0
    """Its size when it was looked at last; of a compressed file that there is more than was read."""
    place: Path | None = None
    """Where it stood when it was opened, links resolved."""
    identified: bool = True
    """It is known which file it is; no if nothing stood in it when it was opened."""
    closed: bool = False
    """It was let go, and may still be in batches in flight."""
    cut_at: int = 0
    """Bytes that had been written when it was truncated, as far as is known; 0 if it was not."""
    ready: bool = True
    """There may be more to read: since it was read to its end, something was seen to have changed."""
    seen: tuple[int, int, int] | None = None
    """Size and times of the last change when it was looked at last."""
    state: FileState = field(init=False)
    read_at: Read = field(init=False)
    _reader: DataReader = field(init=False)
    _amid: bool = field(init=False, default=False)
    """The last reading has not met the end."""
    _unread: UnreadLines = field(init=False)

    def __post_init__(self) -> None:
        self.state = self.opened.state
        self.read_at = self.opened.read_at
        self._reader = DataReader(self.opened)
        self._unread = UnreadLines(self.opened)

    def begin(self, source: Source, trail: Trail) -> None:
        """Read on from where `trail` ends, as lines of `source`."""
        self.source = source
        self.ready = True
        self.begun = trail.offset
        self.kept = KeptTrail(trail.offset, trail.head, trail.tail)
        self._reader = DataReader(self.opened)

    def move_to(self, copy: OpenFile, now: float) -> None:
        """Read on in `copy`. What is being taken in stays: it was read before."""
        self.opened, self.state, self.read_at, self.grown = copy, copy.state, copy.read_at, now
        self._reader = DataReader(copy)
        self._unread = UnreadLines(copy)
        self.size, self.ready, self.seen = 0, True, None
        self.count_unread(_NO_LIMIT)

    def forget(self) -> None:
        """Forget what was counted and not read: it was truncated."""
        self.cut_at = max(self.offset, self.counted)
        self.size = 0
        self._unread = UnreadLines(self.opened)

    def read(self, length: int) -> bytes:
        """Return what comes next, at most `length` bytes; none at the end or a gap. It is kept until `take_in`.

        At the end it is `ready` no more, until `look` finds that it has changed.

        Raises:
            OSError: It cannot be read.
            CutError: It was truncated: other bytes stand where it was read.
        """
        before = b"" if self._amid or self.opened.packed else self.kept.look_back(_COMPARED)
        data = self._reader.read(self.offset, length, before=before, cut_at=self.cut_at)
        # To compare a chunk in the same call would take a copy of it.
        if not before and self.state is not FileState.WHOLE and self.offset and self._is_seen_cut(data):
            raise CutError
        if not (self._amid or self.opened.packed):
            self.size = self.seen[0] if self.seen else self.opened.stat().st_size
        self._amid = bool(data) and not self._reader.short
        if data:
            self._unread.take(data, self.offset)
            self.kept.read(data)
            # A file system in user space may give less than there is, and /proc more than it says.
            self.ready = not (self._reader.short and 0 < self.size <= self.offset) or self.opened.packed
        else:
            self.ready = self.gap is not None
            if (self.ready or not 0 < self.size <= self.offset) and not self.opened.packed:
                self.size = self.opened.stat().st_size
        return data

    @property
    def gap(self) -> Gap | None:
        """The gap at which the last `read` has found the reading to stand."""
        return self._reader.gap

    def pass_over(self, gap: Gap, length: int) -> bytes:
        """Pass over `gap`, at which the reading stands, and return what comes next. The line before it must be taken.

        If nothing comes, it stands there still: zeros before the offset would not tell whether the file was cut.

        Raises:
            OSError: It cannot be read.
        """
        data = self._reader.read(gap.end, length)
        if data:
            assert self.source.position
            self.source.position.skip(gap.end - self.offset)
            self._unread.take_gap(gap, self.kept.look_back(TAIL))
            self._unread.take(data, gap.end)
            self.kept.pass_over(gap.end)
            self.kept.read(data)
        self.ready = True
        return data

    def has_more(self) -> bool:
        """Say whether there is more to read.

        Raises:
            OSError: It cannot be read.
        """
        more = self.read_at(self.offset, 1)
        return bool(more) and not (more == b"\0" and self._reader.is_waiting(self.offset))

    def take_in(self) -> None:
        """Keep of the chunk only what fingerprints need: thousands of files must not hold one each."""
        self.kept.take_in(self.partial)

    def fingerprint(self, offset: int) -> Fingerprint:
        """Return its fingerprint as read up to `offset`, which lies within the bytes that are kept."""
        return self.kept.make(*self.opened.key, offset).fingerprint()

    def look(self, status: os.stat_result | None = None, *, told: bool = True, closely: bool = False) -> bool:
        """See from its status whether it has changed, and say whether it was truncated, as far as that is seen.

        If it was read to its end, what stands there is not read here but `closely`: whoever reads what is new compares
        it. It was `told` that something may have changed; if not, nothing has if the status is what it was.

        Raises:
            OSError: It cannot be read.
        """
        status = status or self.opened.stat()
        seen = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        same = seen == self.seen and not (told and time.time_ns() < max(seen[1:]) + _SETTLED)
        self.seen = seen
        if self.ready or closely or self.opened.packed:
            if (told and (self.ready or closely)) or not same:
                return self.is_cut(status) or self._note_more()
        elif same and self.size == status.st_size:
            self.ready = bool(self.offset != self.size and self.has_more())  # by mmap, or in /proc
        else:
            return self._is_shorter(status.st_size) or self._is_rewritten(status.st_size)
        return False

    def _note_more(self) -> bool:
        self.ready = self.ready or self.has_more() or bool(self.opened.damage)  # which who reads it tells of
        return False

    def _is_rewritten(self, size: int) -> bool:
        """Say whether other bytes stand before the offset, or have it found out by who reads what is new."""
        self.ready = size != self.offset
        if self.ready:
            return False
        self.size = size
        known = self.kept.look_back(_COMPARED)
        return self.read_at(self.offset - len(known), len(known)) != known

    def _is_shorter(self, size: int) -> bool:
        """Say whether it has fewer bytes than it had. Those of /proc have no size, and yet something in them."""
        seen_size = self.size if self.has_uncounted else 0
        return size < max(self.offset, self.counted, seen_size) and bool(size or not self.read_at(0, 1))

    def is_cut(self, status: os.stat_result | None = None) -> bool:
        """Say whether it was truncated: it is shorter than it was, or other bytes stand where it was read or counted.

        Raises:
            OSError: It cannot be read.
        """
        content = self.opened.content
        if content and content.packed:
            if content.is_cut():
                return True
            self.size = self.offset + (content.count_left(self.offset) > 0)
            return False
        size = (status or self.opened.stat()).st_size
        if self._is_shorter(size):
            return True
        seen = self._unread.look_back(_COMPARED) if self.counted > self.offset else b""
        if not self._holds_what_was_read():
            return True
        if self.read_at(self.counted - len(seen), len(seen)) != seen:
            return True
        self.size = size
        return False

    def _is_seen_cut(self, data: bytes) -> bool:
        """Say whether it was truncated before `data` was read."""
        # What is shorter than it was, and holds what was read, is noticed at its end.
        return not self._holds_what_was_read() if data and not self._reader.short else self.is_cut()

    def _holds_what_was_read(self) -> bool:
        """Say whether the bytes before the offset stand there still; those of a compressed file do."""
        known = b"" if self.opened.packed else self.kept.look_back(_COMPARED)
        return not known or self.read_at(self.offset - len(known), len(known)) == known

    def shorten(self) -> Loss | None:
        """Go on where the reading stands in a file that was truncated, if all that was read stands there still.

        Returns:
            What was behind it and is gone; None if the file is to be read from its top.

        Raises:
            OSError: It cannot be read.
        """
        size = self.opened.stat().st_size
        known = self.kept.look_back(TAIL)
        if self.opened.packed or not size or self.read_at(self.offset - len(known), len(known)) != known:
            return None
        if not self.offset and not self._unread.begins_alike(size):
            return None
        lines, counted, uncounted = self.count_lost(), self.counted, self.has_uncounted
        self._unread, self.size, self.ready = UnreadLines(self.opened), size, True
        if counted > self.offset:
            self.count_unread(_NO_LIMIT)
        if size >= counted > self.offset:  # it has grown since: nobody knows where it was cut
            return Loss(0, uncounted=True)
        return Loss(max(0, lines - self.count_lost()), uncounted)

    def count_unread(self, most: int = AT_ONCE) -> bool:
        """Count the lines that are there and not read: should they vanish, their number is known.

        Those of a compressed file are counted only when its path leads elsewhere: after them it is read from the top.

        Returns:
            Whether there may be more: about `most` bytes were counted.
        """
        if self.state is FileState.LIVE and self.opened.packed:
            return False
        return self._unread.count(self.offset, self.kept.look_back(TAIL), most)

    def count_lost(self) -> int:
        """Return how many of the counted lines are lost if nothing more of the file can be read."""
        # A line that ends at a gap is in a batch before the gap is passed over.
        at_its_end = self.gap is not None and is_amid_line(self.kept.look_back(TAIL))
        return self._unread.count_lost(self.offset, begun=bool(self.partial) or at_its_end)

    @property
    def counted(self) -> int:
        """The offset up to which the lines were counted that are not read."""
        return self._unread.offset

    @property
    def unread(self) -> int:
        """The ends of such lines."""
        return self._unread.ends

    @property
    def has_unseen(self) -> bool:
        """By its status when it was looked at last, there was more than was read or counted."""
        size = max(self.size, self.seen[0] if self.seen else 0)
        return self.ready and size > max(self.offset, self.counted)

    @property
    def has_uncounted(self) -> bool:
        """There was more, when it was looked at last, than was read or counted and zeros."""
        read = max(self.offset, self.counted)
        blank = self._reader.is_blank(read, self.size) or self._unread.is_blank(read, self.size)
        return self.size > read and not blank

    @property
    def head_seen(self) -> bytes:
        """Its first bytes as far as they were read; if nothing was, as counted."""
        return self.kept.head or self._unread.head

    def fingerprint_seen(self) -> Fingerprint:
        """Return its fingerprint as read so far; if nothing was read, as counted so far."""
        if self.offset or not self.counted:
            return self.fingerprint(self.offset)
        return self._unread.fingerprint()

    def park(self, reopen: Callable[[], int]) -> None:
        """Close it until somebody needs it again; then `reopen` returns its new descriptor."""
        if self.opened.content:
            with contextlib.suppress(OSError):  # the descriptor is gone even so
                self.opened.content.park(reopen)

    @property
    def parked(self) -> bool:
        """It is closed until somebody needs it again."""
        return self.opened.content is not None and self.opened.content.parked

    def close(self) -> None:
        """Let it go."""
        self.closed = True
        self.opened.close()

    def count_left(self) -> int:
        """Return the bytes that are there and not read; of a compressed file, at most its bytes on the disk."""
        if self.parked:
            return max(0, self.size - self.offset)
        blank = self._reader.is_blank(self.offset, self.opened.stat().st_size)
        return 0 if blank else self.opened.count_left(self.offset)

    @property
    def offset(self) -> int:
        """Bytes read."""
        return self.kept.offset

    @property
    def is_deleted(self) -> bool:
        """It has no name any more, and is gone once nobody has it open."""
        return not self.parked and self.opened.stat().st_nlink == 0

    @property
    def number(self) -> int:
        """What the checkpoints call it."""
        assert self.source.position
        return self.source.position.file

    @property
    def taken(self) -> int:
        """Bytes of it that are in lines."""
        assert self.source.position
        return self.source.position.offset

    @property
    def partial(self) -> int:
        """Bytes of a last line that no newline has ended yet."""
        return self.offset - self.source.position.offset if self.source.position else 0
