"""The progress of a measurement: one line on a terminal, rewritten in place."""

import shutil
from typing import TextIO


class Progress:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream if stream.isatty() else None

    def show(self, text: str) -> None:
        if self._stream:
            width = shutil.get_terminal_size().columns
            self._stream.write(f"\r\x1b[K{text[: width - 1]}")
            self._stream.flush()

    def clear(self) -> None:
        self.show("")
