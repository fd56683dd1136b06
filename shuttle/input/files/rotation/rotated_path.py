"""A path that is followed: the files that it has led to are read one after the other, the oldest first.

Each is read to its end before the next. A file that rotation has moved away is kept open for a while: the application
may go on to write to it.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from shuttle.clock import Clock
from shuttle.delivery.source import Source
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.file import File
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.open_file import FileState
from shuttle.input.files.rotation.file_chain import FileChain
from shuttle.input.files.rotation.file_opener import Check, FileOpener
from shuttle.input.files.rotation.resumption import Resumption
from shuttle.input.files.rotation.siblings import find_rest
from shuttle.store.checkpoint_table import Checkpoint

QUIET = 60.0  # seconds that a moved file is kept after its last line: an application reopens its log when it is told to


class RotatedPath:
    """One path and its files.

    Attributes:
        files: The open ones, the oldest first.
        ended: The sources of files that were let go or truncated. Whoever ends them takes them out.
        left: The numbers of files that were let go. Whoever tells the checkpoints takes them out.
    """

    def __init__(self, chain: FileChain, missed: MissedLines, clock: Clock) -> None:
        self.path = chain.path
        self.files = chain.files
        self.ended = chain.ended
        self.left = chain.left
        self._chain = chain
        self._missed = missed
        self._clock = clock

    @classmethod
    def open(
        cls,
        path: Path,
        known: Sequence[Checkpoint],
        *,
        catalogue: Catalogue,
        missed: MissedLines,
        clock: Clock,
        at_end: bool,
        check: Check | None = None,
    ) -> Self:
        """Open what there is to be read; `known` are the path's checkpoints, the oldest first.

        Without checkpoints, and if `at_end`, what the path leads to is read from its end.

        Raises:
            OSError: The path leads to something that cannot be read. Nothing is left open.
        """
        opener = FileOpener(path, missed, check)
        resumption = Resumption(opener, known, catalogue=catalogue, missed=missed, at_end=at_end)
        return cls(FileChain(opener, resumption.files, resumption.left, catalogue, missed), missed, clock)

    def look(self) -> bool:
        """See what has become of the path and its files; say whether any of them has more to read.

        Raises:
            OSError: One of them cannot be read.
        """
        return self._chain.look()

    @property
    def error(self) -> OSError | None:
        """Why the path could not be opened when it was looked at last."""
        return self._chain.error

    def read(self, length: int, *, vanishing: bool = False) -> tuple[File, bytes] | None:
        """Return the next bytes and the file they are of, at most `length`; None if there is nothing to read now.

        With `vanishing` only what no later start finds.
        """
        for file in self.vanishing if vanishing else list(self.files):
            if file.state is not FileState.WHOLE and file.is_cut():
                return self._begin_again(file, length)
            if data := file.read(length):
                file.grown = self._clock()
                return file, data
        return None

    def _begin_again(self, file: File, length: int) -> tuple[File, bytes] | None:
        """Begin with a truncated file again, and return its first bytes; None if it has none."""
        self._chain.begin_again(file)
        for again in list(self.files):
            if data := again.read(length):
                again.grown = self._clock()
                return again, data
        return None

    def count_unread(self) -> bool:
        """Count lines that are there and not read; say whether there are more to count."""
        return bool([file for file in self.files if file.state is FileState.LIVE and file.count_unread()])

    def count_left(self) -> int:
        """Return the bytes that are there and not read; of a compressed file, at most its bytes on the disk."""
        return sum(file.count_left() for file in self.files)

    def let_go(self, *, at_once: bool = False) -> None:
        """Close the files to which nothing more is written. Call this when all of them are read."""
        now = self._clock()
        for file in list(self.files):
            if file.state is FileState.LIVE or not (at_once or _is_over(file, now)):
                break  # what comes after it is not let go before it: where reading stands is one place
            self._chain.last = file.fingerprint(file.offset)
            self.files.remove(file)
            file.opened.close()
            self.ended.append(file.source)
            self.left.append(file.number)
            if file.opened.is_broken:
                reason = "a compressed file ends before its end: what follows cannot be read"
                self._missed.note(self.path, 0, reason, uncounted=True)

    def find_overdue(self, patience: float) -> tuple[list[File], float]:
        """Return the files whose last line has waited for its newline for `patience` seconds, and when to ask again.

        That is when the next of them has waited as long, or when the next file can be let go.
        """
        now = self._clock()
        partial = [file for file in self.files if file.partial and file.state is not FileState.WHOLE]
        overdue = [file for file in partial if file.grown + patience <= now]
        due = min((file.grown + patience for file in partial if file not in overdue), default=math.inf)
        first = next((file for file in self.files if not _is_over(file, now)), None)  # the others wait for this one
        if first and first.state is FileState.MOVED:
            due = min(due, first.grown + QUIET)
        return overdue, due

    def close(self, until: float = math.inf) -> list[Source]:
        """Close every file, and count what of deleted ones was not read: the next start finds nothing of them.

        At the time `until` the counting ends, and what was counted is a lower bound.

        Returns:
            The sources of the deleted ones: what was read of their last lines is all that there will be.

        Raises:
            OSError: A deleted file cannot be read. All are closed even so.
        """
        sources = []
        try:
            for file in self.vanishing:
                while more := file.count_unread():
                    if self._clock() >= until:
                        break
                if lines := file.count_lost():
                    reason = "the file was deleted, and the reading has ended"
                    self._missed.note(self.path, lines, reason, uncounted=more)
                sources.append(file.source)
        finally:
            for file in self.files:
                file.opened.close()
            self.files.clear()
        return sources

    @property
    def is_tidy(self) -> bool:
        """Nothing here waits for its time: no moved file to be let go, no line to be sent without its newline."""
        return all(file.state is FileState.LIVE and not file.partial for file in self.files)

    @property
    def vanishing(self) -> list[File]:
        """The files that are deleted and not compressed, and have more to read, or a line that has no end yet."""
        deleted = [file for file in self.files if file.is_deleted]
        left = [file for file in deleted if file.partial or file.read_at(file.offset, 1)]
        return [file for file in left if self._is_nowhere(file)]

    def list_gone(self) -> list[File]:
        """Return the files that are deleted and not compressed: no later start can read them."""
        return [file for file in self.files if file.is_deleted and self._is_nowhere(file)]

    def _is_nowhere(self, file: File) -> bool:
        return find_rest(self.path, file.fingerprint(file.offset)) is None

    @property
    def is_untouched(self) -> bool:
        """The path leads to a file of which nothing was read or counted, and another one was there before it."""
        return self._chain.is_untouched


def _is_over(file: File, now: float) -> bool:
    """Say whether nothing more is to come of a file that was read to its end."""
    return file.state is FileState.WHOLE or (file.state is FileState.MOVED and file.grown + QUIET <= now)
