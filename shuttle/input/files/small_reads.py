"""What small reads of compressed files gave: to recognize one once more takes no decompressing.

Who recognizes a file reads its head and the bytes before an offset, again and again as long as it stands there. To get
at these takes as long as reading the file up to there.
"""

import os
import time
from collections import OrderedDict

LONGEST = 1024  # bytes of a read
_MOST = 4096  # reads
_SETTLED = 50_000_000  # nanoseconds; a change within the clock tick of the one before does not show in a time

Stamp = tuple[int, int, int, int]
"""Device, inode, size and time of change: a file with the same ones has not changed."""


class SmallReads:
    """Remembers reads of compressed files, those that were asked for last."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Stamp, int, int], bytes] = OrderedDict()

    def find(self, status: os.stat_result, offset: int, length: int) -> bytes | None:
        """Return what was read there, if the file has not changed since."""
        key = (_make_stamp(status), offset, length)
        if key in self._known:
            self._known.move_to_end(key)
        return self._known.get(key)

    def note(self, status: os.stat_result, offset: int, length: int, data: bytes) -> None:
        """Note what was read there."""
        if time.time_ns() < status.st_ctime_ns + _SETTLED:
            return
        self._known[_make_stamp(status), offset, length] = data
        if len(self._known) > _MOST:
            self._known.popitem(last=False)


def _make_stamp(status: os.stat_result) -> Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns
