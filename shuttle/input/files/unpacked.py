"""A compressed file, read as what it decompresses to.

Theory of operation. A compressed file is a row of streams: the members of gzip, the frames of zstd, the streams of xz
and bzip2. Zeros may stand between them. The state says where in this row reading is:

    between streams  --the first bytes of one-->  within a stream  --its end-->  between streams
    between streams  --anything else but zeros-->  damaged
    within a stream  --what cannot be decompressed-->  damaged

The end of the file is no state. Where it comes within a stream, somebody may be writing the file: what is there is
read, and reading goes on when there is more. So a file is read while it is being compressed, and so is one that an
application writes compressed. A file that was cut off looks the same.

Memory is bounded by what a stream may ask for (decompressors.py), time by the piece: to read on takes as long as it
takes to decompress `length` bytes, or to see that a great many pieces of the file give nothing.
"""

import os
from typing import TYPE_CHECKING

from shuttle.core.fingerprint import HEAD
from shuttle.input.files.formats import Format

if TYPE_CHECKING:
    from shuttle.input.files.decompressors import Decompressor

STEP = 64 * 1024  # bytes that are decompressed at once, and so the most that is given up before a damaged place
END = 1 << 62
"""An offset at which nothing stands: to find the end of a compressed file takes as long as reading it."""
_PIECE = 32 * 1024  # bytes that are taken of the file at once
_KEPT = 4096  # bytes of the content before the position: who looks for more reads again what he has seen
_COMPARED = 64  # bytes of the file before the place up to which it was taken
_MOST_BARREN = 1000 * _PIECE  # bytes in a row that give nothing, a stream counted as a piece: nobody makes as many
_MODEST = 64 * 1024 * 1024  # bytes of the content up to which it does not matter how small the file is
_RATIO = 200  # logs are compressed 5 to 100-fold
_AGAIN = 4 * 1024 * 1024  # bytes that are decompressed once more to come closer to a damaged place: up to half a second


class Unpacked:
    """The content of the compressed file that is open as `fd`, made to be read forward: backwards it begins again.

    Attributes:
        damage: Why nothing can be read from a place on that reading has met.
    """

    def __init__(self, fd: int, format_: Format) -> None:
        self.format = format_
        self._fd = fd
        self._codec = format_.open()
        self._careful_from = END  # there a piece of the file is taken byte by byte
        self._head = b""  # of the content, as far as it was read: who recognizes a file reads it again
        self._rewind()

    def _rewind(self) -> None:
        self.damage = ""
        self._position = 0  # in the content
        self._recent = b""  # the content before the position
        self._taken = 0  # bytes of the file
        self._last = b""  # of the file, before these
        self._pending = b""  # what was taken and not decompressed
        self._decompressor: Decompressor | None = None
        self._barren = 0
        self._at_end = False

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes of the content from `offset` on, or as many as there are.

        Raises:
            OSError: The file cannot be read.
        """
        if offset >= END // 2:  # or just before it
            self._let_go()
            return b""
        if offset + length <= len(self._head):
            return self._head[offset : offset + length]
        behind = self._position - offset
        if behind > len(self._recent):
            self._rewind()
            behind = -offset
        if behind < 0 and not self._skip_to(offset):
            return b""
        known = self._recent[-behind:][:length] if behind > 0 else b""
        parts = [known]
        length -= len(known)
        while length and (part := self._read_some(length)):
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def go_on(self, fd: int) -> None:
        """Read on by another descriptor of the same file."""
        self._fd = fd

    def is_near(self, offset: int) -> bool:
        """Say whether it takes little to read there: it is a piece ahead at most, or was read just now."""
        behind = self._position - offset
        return offset >= END // 2 or offset < len(self._head) or -STEP <= behind <= len(self._recent)

    @property
    def unfinished(self) -> bool:
        """Reading has met the end of the file within a stream."""
        return self._at_end and not self.damage and (self._decompressor is not None or bool(self._pending))

    @property
    def in_progress(self) -> bool:
        """Reading has not met the end yet, of what there is or can be decompressed."""
        return not self._at_end

    @property
    def expands(self) -> bool:
        """What was read is beyond measure for what it takes on the disk: somebody may mean to keep others waiting."""
        return _MODEST < self._position < END and self._position > _RATIO * self._taken

    @property
    def is_begun(self) -> bool:
        """Something of the file was read."""
        return bool(self._taken)

    def is_cut(self) -> bool:
        """Say whether the file is shorter than what was read of it, or other bytes stand in it now.

        Raises:
            OSError: It cannot be read.
        """
        return os.pread(self._fd, len(self._last), self._taken - len(self._last)) != self._last

    def count_left(self) -> int:
        """Return the bytes of the file that were not taken, and at least 1 if reading has not met the end.

        Raises:
            OSError: They cannot be told.
        """
        return max(os.fstat(self._fd).st_size - self._taken, int(self.in_progress))

    def _skip_to(self, offset: int) -> bool:
        """Read up to `offset`, from the position on, and say whether there is as much."""
        while self._position < offset:
            if not self._read_some(offset - self._position):
                return False
        return True

    def _read_some(self, length: int) -> bytes:
        """Return up to `length` bytes from the position on; none at the end."""
        self._barren = 0
        while not self.damage and self._find_input():
            if part := self._decompress(min(length, STEP)):
                self._keep(part)
                return part
        self._at_end = True
        return b""

    def _keep(self, part: bytes) -> None:
        """Keep of the content what is read again, now that `part` comes next."""
        if len(self._head) < HEAD and self._position == len(self._head):
            self._head += part[: HEAD - len(self._head)]
        self._position += len(part)
        self._recent = part[-_KEPT:] if len(part) >= _KEPT else (self._recent + part)[-_KEPT:]
        self._at_end = False

    def _let_go(self) -> None:
        """Let go of the memory: whoever reads on begins again."""
        self._position, self._recent, self._pending = END, b"", b""
        self._decompressor = None
        self._at_end = True

    def _find_input(self) -> bool:
        """Have something to decompress; say whether there is."""
        if self._decompressor is None and not self._begin_stream():
            return False
        if self._pending or not (self._decompressor and self._decompressor.needs_input):
            return True
        self._pending = self._take()
        return bool(self._pending)

    def _begin_stream(self) -> bool:
        """Begin the next stream; say whether there is one."""
        while not (pending := self._pending.lstrip(b"\0")).startswith(self.format.magics):
            if pending and not self.format.begins(pending):
                self._note_damage("something else follows a stream")
                return False
            more = self._take()
            self._pending = pending + more
            if not more:
                return False
        self._pending = pending
        self._decompressor = self._codec.begin()
        return self._go_on(_PIECE)

    def _decompress(self, length: int) -> bytes:
        assert self._decompressor
        data, self._pending = self._pending, b""
        try:
            part = self._decompressor.decompress(data, length)
        except self._codec.errors as error:
            self._come_closer(error)
            return b""
        if self._decompressor.eof:
            self._pending = self._decompressor.unused_data
            self._decompressor = None  # and its memory
        return part

    def _come_closer(self, error: Exception) -> None:
        """Take the last piece byte by byte: what a piece gives before its damaged place goes with the error."""
        position = self._position
        if self._careful_from < END or position > _AGAIN:
            self._note_damage(str(error))
            return
        self._careful_from = max(0, self._taken - _PIECE)
        self._rewind()
        self._skip_to(position)

    def _take(self) -> bytes:
        """Take the next bytes of the file."""
        careful = self._careful_from <= self._taken < self._careful_from + _PIECE
        length = 1 if careful else min(_PIECE, abs(self._careful_from - self._taken))
        data = os.pread(self._fd, length, self._taken)
        self._taken += len(data)
        self._last = (self._last + data[-_COMPARED:])[-_COMPARED:]
        return data if self._go_on(len(data)) else b""

    def _go_on(self, taken: int) -> bool:
        """Say whether it makes sense to look further for content."""
        self._barren += taken
        if self._barren > _MOST_BARREN:
            self._note_damage("it goes on and on without any content")
        return not self.damage

    def _note_damage(self, error: str) -> None:
        self.damage = f"the {self.format.name} data is damaged, and what follows cannot be read: {error}"
        self._decompressor = None
        self._pending = b""
