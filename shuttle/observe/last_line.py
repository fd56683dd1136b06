"""The last line of a terminal: it is drawn again and again, and lines of the log go above it."""

import os

from shuttle.observe.line_writer import LineWriter, write_now

INTERVAL = 0.25  # seconds between two looks: a person reads no faster
_COLUMNS = 80  # of a terminal that does not know its own width
_CLEAR = b"\r\x1b[K"


class LastLine:
    """Something that changes on the last line of the terminal `fd`. What `fd` does not take is skipped.

    `told` is what a LineWriter says of lines that were skipped.
    """

    def __init__(self, fd: int, told: str = "") -> None:
        self._fd = fd
        self._writer = LineWriter(fd, told)
        self._drawn = ""

    def write(self, text: str) -> None:
        """Write `text` as one line above it."""
        drawn = self._drawn
        self.clear()
        self._writer.write(text)
        if drawn:
            self._draw(drawn)

    def clear(self) -> None:
        """Take it away, until it is drawn again."""
        if self._drawn:
            write_now(self._fd, _CLEAR)
            self._drawn = ""

    def _draw(self, text: str) -> None:
        write_now(self._fd, _CLEAR + text.encode())
        self._drawn = text

    def _count_columns(self) -> int:
        """Return how many characters fit: in the last column some terminals begin a new line."""
        try:
            return (os.get_terminal_size(self._fd).columns or _COLUMNS) - 1
        except OSError:
            return _COLUMNS - 1
