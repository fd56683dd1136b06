"""A path that is followed: the files that it has led to are read one after the other, the oldest first.

Each is read to its end before the next. A file that rotation has moved away is kept open for a while: the application
may go on to write to it.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self

from shuttle.clock import Clock
from shuttle.delivery.source import Source
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.data_reader import CutError
from shuttle.input.files.descriptors import VanishedError
from shuttle.input.files.file import File
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.open_file import FileState
from shuttle.input.files.recognizer import Recognizer
from shuttle.input.files.rotation.directories import Directories
from shuttle.input.files.rotation.file_chain import FileChain
from shuttle.input.files.rotation.file_opener import FileOpener
from shuttle.input.files.rotation.resumption import Resumption
from shuttle.input.files.rotation.surroundings import LOOKS, Surroundings
from shuttle.input.files.trust import Trust
from shuttle.store.checkpoint_table import Checkpoint

_SHORT = "the file was deleted, and its descriptor was needed for another (ulimit -n)"
_PIECES = 64  # of 4 MiB that are counted of a file that is given up, since nothing else happens meanwhile
_CUT_OFF = "a compressed file ends in the middle, and what follows cannot be read"
QUIET = 60.0  # seconds that a moved file is kept after its last line: an application reopens its log when it is told to


class _AgainError(Exception):
    """The files were others than was thought, and are to be read once more."""


class RotatedPath:
    """One path and its files.

    Attributes:
        files: The open ones, the oldest first.
        ended: The sources of files that were let go or truncated. Whoever ends them takes them out.
        left: The numbers of files that were let go. Whoever tells the checkpoints takes them out.
        gone: Once closed, the numbers of files that were deleted and not compressed: no later start can read them.
    """

    def __init__(self, chain: FileChain, missed: MissedLines, clock: Clock) -> None:
        self.path = chain.path
        self.files = chain.files
        self.ended = chain.ended
        self.left = chain.left
        self.gone: list[int] = []
        self._chain = chain
        self._damaged: set[int] = set()  # numbers of files, told of
        self._missed = missed
        self._clock = clock

    @classmethod
    def open(
        cls,
        path: Path,
        known: Sequence[Checkpoint],
        *,
        catalogue: Catalogue,
        recognizer: Recognizer,
        missed: MissedLines,
        clock: Clock,
        at_end: bool,
        old: bool = False,
        trust: Trust,
        directories: Directories,
        elsewhere: Callable[[], Iterable[Path]] = tuple,
        is_patient: Callable[[], bool] = bool,
    ) -> Self:
        """Open what there is to be read; `known` are the path's checkpoints, the oldest first.

        Without checkpoints, and if `at_end`, what the path leads to is read from its end.

        Raises:
            OSError: The path leads to something that cannot be read. Nothing is left open.
        """
        opener = FileOpener(Surroundings(path, directories, trust, elsewhere, is_patient), recognizer)
        opener.see_siblings()
        resumption = Resumption(opener, known, catalogue=catalogue, missed=missed, at_end=at_end, old=old)
        return cls(FileChain(opener, resumption.files, resumption.left, catalogue, missed), missed, clock)

    def look(self, *, told: bool = True, around: bool = True, closely: bool = False) -> bool:
        """See what has become of the path and its files; say whether any of them has more to read.

        If nobody has `told` of a change, what looks as it did has none. There may be one `around` the path. That a file
        was truncated is seen `closely` here, or else by who reads on.

        Raises:
            OSError: One of them cannot be read.
        """
        return self._chain.look(told=told, around=around, closely=closely)

    @property
    def is_link(self) -> bool:
        """The path was a symbolic link when it was looked at last."""
        return self._chain.is_link

    @property
    def is_ready(self) -> bool:
        """There may be something to read."""
        return any(file.ready for file in self.files)

    @property
    def error(self) -> OSError | None:
        """Why the path could not be opened when it was looked at last."""
        return self._chain.error

    def read(self, length: int, *, vanishing: bool = False) -> tuple[File, bytes] | None:
        """Return the next bytes and the file they are of, at most `length`; None if there is nothing to read now.

        At a gap the bytes are none; what comes after the file waits until somebody passes over it.

        With `vanishing` only what no later start finds.
        """
        for _ in range(LOOKS):
            try:
                return self._read_next(self.vanishing if vanishing else self._list_turns(), length)
            except _AgainError:
                vanishing = False
        return None

    def _list_turns(self) -> list[File]:
        """Return the files in the order in which they are read: the oldest first, but no other waits for a bomb."""
        return sorted([file for file in self.files if file.ready], key=lambda file: file.opened.expands)

    def _read_next(self, files: Sequence[File], length: int) -> tuple[File, bytes] | None:
        """Return what comes next of the first of `files` that has something; None if none has.

        Raises:
            _AgainError: The files are others now.
        """
        for file in files:
            if not self._chain.identify(file):
                self._chain.look()
                raise _AgainError
            if not file.offset and file.has_more() and self._chain.take_copies(file):
                raise _AgainError
            try:
                data = file.read(length)
            except CutError:
                self._chain.begin_again(file)
                raise _AgainError from None
            except VanishedError as error:
                self._chain.drop(file, str(error.strerror), uncounted=file.has_unseen)
                raise _AgainError from None
            if data or file.gap:
                file.grown = self._clock()
                return file, data
            self._note_damage(file)
        return None

    def give_up(self, file: File) -> bool:
        """Close a file that nobody can open again, since descriptors are short: what was not read of it is lost.

        Returns:
            Whether it was such a file: it is deleted, and no copy of it is left.
        """
        try:
            if not file.is_deleted or self._chain.is_somewhere(file):
                return False
            for _ in range(_PIECES):
                if not file.count_unread():
                    break
        except OSError:
            return False
        self._chain.drop(file, _SHORT, uncounted=file.has_uncounted)
        return True

    def count_unread(self) -> bool:
        """Count lines that are there and not read; say whether there are more to count."""
        return bool([file for file in self.files if file.state is FileState.LIVE and file.count_unread()])

    def count_left(self) -> int:
        """Return the bytes that are there and not read; of a compressed file, at most its bytes on the disk."""
        return sum(file.count_left() for file in self.files)

    def let_go(self, *, at_once: bool = False) -> bool:
        """Close the files that are read to their ends and to which nothing more is written; `at_once`: to none is.

        Some may not be read: they were found just now, or a stop has ended the reading.

        Returns:
            Whether something was written to one of them after all, and is to be read.
        """
        now = self._clock()
        for file in list(self.files):
            if file.state is FileState.LIVE or not (at_once or _is_over(file, now)):
                break
            if not at_once and self._has_grown(file):
                return True  # what comes after it is not let go before it: where reading stands is one place
            if not _is_read(file):
                break
            self._chain.last = file.fingerprint(file.offset)
            self.files.remove(file)
            file.close()
            self.ended.append(file.source)
            self.left.append(file.number)
            self._note_damage(file, over=True)
            self._damaged.discard(file.number)
        for file in self.files if at_once else ():
            self._note_damage(file, over=True)
        return False

    def _has_grown(self, file: File) -> bool:
        """Say whether there is more to read of a file that is to be let go; no if nobody can tell."""
        with contextlib.suppress(OSError):
            if file.state is not FileState.WHOLE and file.has_more():
                file.grown, file.ready = self._clock(), True
                return True
        return False

    def _note_damage(self, file: File, *, over: bool = False) -> None:
        """Tell once that a compressed file cannot be read to its end or, if it is `over`, ends in the middle."""
        reason = file.opened.damage or (_CUT_OFF if over and file.opened.unfinished else "")
        if reason and file.number not in self._damaged:
            self._damaged.add(file.number)
            self._missed.note(self.path, 0, reason, uncounted=True)

    def find_overdue(self, patience: float) -> tuple[list[File], float]:
        """Return the files whose last line has waited for its newline for `patience` seconds, and when to ask again.

        That is when the next of them has waited as long, or when the next file can be let go.
        """
        now = self._clock()
        # The last line of a compressed file that goes on was cut where a piece ends.
        cut = [file for file in self.files if file.state is FileState.WHOLE or file.opened.unfinished]
        partial = [file for file in self.files if file.partial and file not in cut]
        overdue = [file for file in partial if file.grown + patience <= now]
        due = min((file.grown + patience for file in partial if file not in overdue), default=math.inf)
        first = next((file for file in self.files if not _is_over(file, now)), None)  # the others wait for this one
        if first and first.state is not FileState.LIVE:
            due = min(due, first.grown + QUIET)
        return overdue, due

    def close(self, until: float = math.inf) -> list[Source]:
        """Close every file; note the deleted ones, and count what of them was not read: the next start finds nothing.

        At the time `until` the counting ends, and what was counted is a lower bound.

        Returns:
            The sources of the deleted ones: what was read of their last lines is all that there will be.

        Raises:
            OSError: A deleted file cannot be read. All are closed even so.
        """
        sources = []
        try:
            self.gone += [file.number for file in self.files if file.is_deleted and self._is_nowhere(file)]
            for file in self.vanishing:
                while more := file.count_unread():
                    if self._clock() >= until:
                        break
                lines, uncounted = file.count_lost(), more or file.has_uncounted
                if lines or uncounted:
                    reason = "the file was deleted, and the reading has ended"
                    self._missed.note(self.path, lines, reason, uncounted=uncounted)
                sources.append(file.source)
        finally:
            for file in self.files:
                file.close()
            self.files.clear()
        return sources

    @property
    def is_tidy(self) -> bool:
        """Nothing here waits for its time: no moved file to be let go, no line to be sent without its newline."""
        return all(file.state is FileState.LIVE and not file.partial for file in self.files)

    @property
    def unpacks(self) -> bool:
        """It has a compressed file that is not read to its end."""
        return any(file.opened.unpacks for file in self.files)

    @property
    def vanishing(self) -> list[File]:
        """The files that are deleted and not compressed, and have more to read, or a line that has no end yet."""
        deleted = [file for file in self.files if file.is_deleted]
        left = [file for file in deleted if file.partial or file.has_more()]
        return [file for file in left if self._is_nowhere(file)]

    def _is_nowhere(self, file: File) -> bool:
        return not self._chain.is_somewhere(file)

    def see_siblings(self) -> None:
        """See what stands beside the path and nobody knows, before a look."""
        self._chain.see_siblings()

    def note_siblings(self, *, first: bool = False) -> bool:
        """Note as history what `see_siblings` has seen before the last look, the `first` one, and nobody knows.

        Returns:
            Whether that was all; else some of it may become history when it has changed.
        """
        return self._chain.note_siblings(first=first)


def _is_read(file: File) -> bool:
    """Say whether a file is read to its end; no if nobody can tell: then the next reading tells of that."""
    try:
        return not file.has_more()
    except OSError:
        return False


def _is_over(file: File, now: float) -> bool:
    """Say whether nothing more is to come of a file that was read to its end."""
    if file.state is FileState.WHOLE and not file.opened.unfinished:
        return True
    return file.state is not FileState.LIVE and file.grown + QUIET <= now
