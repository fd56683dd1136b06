"""A file descriptor that takes whole lines and can neither stop the program nor slow it down.

stdout and stderr are shared with other processes, the application in the pipe among them: their descriptors keep the
flags that they came with. Instead of O_NONBLOCK, each line is short and is written only where it fits.
"""

import os
import select

from shuttle.core.utf8 import cut

LIMIT = 4096  # bytes of a line, its newline included: PIPE_BUF of Linux, what a writable pipe takes whole and at once
MARK = b"..."  # ends a line that was cut


class LineWriter:
    """Whole lines to a file descriptor, or nothing: a line that cannot be written now is skipped and counted.

    Attributes:
        skipped: Lines that were not written, or not in whole.
    """

    def __init__(self, fd: int) -> None:
        self.skipped = 0
        self._fd = fd
        self._torn = False

    def write(self, text: str) -> None:
        r"""Write `text` as one line of at most LIMIT bytes of UTF-8, without waiting.

        A newline inside becomes the two characters \n. Nothing is raised when the descriptor is closed or its reader
        gone, when a pipe is full, or the disk.
        """
        line = _encode(text)
        if self._torn:  # a full disk took the front of a line: what comes next must not stand behind it
            line = b"\n" + line
        try:
            written = os.write(self._fd, line) if _writable(self._fd) else 0
        except OSError:
            written = 0
        if written:
            self._torn = written < len(line)
        if written < len(line):
            self.skipped += 1


def _encode(text: str) -> bytes:
    data = text.replace("\n", "\\n").encode("utf-8", "backslashreplace")
    longest = LIMIT - 2  # a newline behind, and one in front after a torn line
    if len(data) > longest:
        data = data[: cut(data, longest - len(MARK))] + MARK
    return data + b"\n"


def _writable(fd: int) -> bool:
    """Tell whether `fd` takes LIMIT bytes now; a descriptor that is closed, or whose reader is, does not."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return poll.poll(0) == [(fd, select.POLLOUT)]  # not with POLLERR, POLLHUP or POLLNVAL beside it
