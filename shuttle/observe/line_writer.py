"""Writes whole lines to a file descriptor that can neither stop nor delay the program.

stdout and stderr are shared with other processes, such as the application in the pipe, so their flags are not
changed. Instead of using O_NONBLOCK, each line is short and is written only where it fits. Another process may take
the room between the look and the write, so the write itself must not wait either. A terminal claims to be writable
when it has room for less than a line, so it is opened again, and that descriptor does not block.
"""

import errno
import os
import select
import stat
import sys

from shuttle.core.utf8 import cut

LIMIT = 4096  # bytes of a line, its newline included: PIPE_BUF of Linux, what a writable pipe takes whole and at once
MARK = b"..."  # ends a line that was cut
_PTMX = os.makedev(5, 2)  # the other end of a terminal: to open it is to make a new one


class LineWriter:
    """Whole lines to a file descriptor, or nothing: a line that cannot be written now is skipped and counted.

    With `told` the next line that can be written has another before it: `told`, where the number of those skipped takes
    the place of `{}`.

    Attributes:
        skipped: Lines that were not written, or not in whole.
    """

    def __init__(self, fd: int, told: str = "") -> None:
        self.skipped = 0
        self._told = told
        self._untold = 0
        self._fd = fd
        self._torn = False

    def write(self, text: str) -> None:
        r"""Write `text` as one line of at most LIMIT bytes of UTF-8, without waiting.

        A newline inside becomes the two characters \n. Nothing is raised when the descriptor is closed or its reader
        gone, when a pipe is full, or the disk.
        """
        if self._told and self._untold and self._put(self._told.replace("{}", str(self._untold))):
            self._untold = 0
        if not self._put(text):
            self.skipped += 1
            self._untold += 1

    def _put(self, text: str) -> bool:
        """Write `text` as a line; return whether that was possible."""
        line = _encode(text)
        if self._torn:  # a full disk took the front of a line: what comes next must not stand behind it
            line = b"\n" + line
        written = write_now(self._fd, line)
        if written:
            self._torn = written < len(line)
        return written == len(line)


def _encode(text: str) -> bytes:
    data = text.replace("\n", "\\n").encode("utf-8", "backslashreplace")
    longest = LIMIT - 2  # a newline behind, and one in front after a torn line
    if len(data) > longest:
        data = data[: cut(data, longest - len(MARK))] + MARK
    return data + b"\n"


def _writable(fd: int) -> bool:
    """Tell whether `fd` takes LIMIT bytes, or a terminal some; a closed one, or one whose reader is gone, does not."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return poll.poll(0) == [(fd, select.POLLOUT)]  # not with POLLERR, POLLHUP or POLLNVAL beside it


def write_now(fd: int, data: bytes) -> int:
    """Write `data`, LIMIT bytes at most, and return how much of it was written: nothing if `fd` takes nothing now."""
    try:
        return _write(fd, data) if _writable(fd) else 0
    except OSError:
        return 0


def _write(fd: int, data: bytes) -> int:
    status = os.fstat(fd)
    kind = status.st_mode
    if sys.platform == "linux" and (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        try:
            return os.pwritev(fd, [data], -1, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:  # a pipe before Linux 6.4
                raise
    elif os.isatty(fd) and status.st_rdev != _PTMX and (terminal := _reopen(fd)) is not None:
        try:
            return os.write(terminal, data)
        finally:
            os.close(terminal)
    return os.write(fd, data)


def _reopen(fd: int) -> int | None:
    """Return another descriptor of a terminal, which does not block; None if it cannot be opened."""
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # it is another user's, or there is no /proc
        return None
