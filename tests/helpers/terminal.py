"""A terminal that remembers what was written to it, and what then stands on its screen."""

import fcntl
import os
import pty
import re
import struct
import termios
import threading
from types import TracebackType
from typing import Self

from tests.helpers.process import LONGEST

COLUMNS = 100
_TOKEN = re.compile(r"\r|\n|\x1b\[K|[^\r\n\x1b]+")
_COLOUR = re.compile(r"\x1b\[\d+m")


def render(text: str) -> list[str]:
    """Return the lines of a screen that is as long and as wide as it takes."""
    lines, column = [""], 0
    for token in _TOKEN.findall(_COLOUR.sub("", text)):
        match token:
            case "\r":
                column = 0
            case "\n":
                lines.append("")
                column = 0
            case "\x1b[K":
                lines[-1] = lines[-1][:column]
            case _:
                line = lines[-1].ljust(column)
                lines[-1] = line[:column] + token + line[column + len(token) :]
                column += len(token)
    return lines


class Terminal:
    """A terminal of COLUMNS; `fd` is what a program writes to."""

    def __enter__(self) -> Self:
        self._controller, self.fd = pty.openpty()
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        self._data = b""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.hang_up()
        os.close(self._controller)

    def hang_up(self) -> None:
        """Close this end, and read the rest as soon as every program has closed its own."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            self._reader.join(LONGEST)

    @property
    def text(self) -> str:
        """All that was written so far."""
        return self._data.decode(errors="replace")

    def wait_for(self, text: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.text, LONGEST), self.text

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._controller, 1 << 16)
            except OSError:  # nobody has the other end any more
                return
            with self._changed:
                self._data += data
                self._changed.notify_all()
