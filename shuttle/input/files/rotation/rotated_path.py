"""A path that is followed, and the files that it has led to: the oldest first, each read to its end before the next.

Strategy: the path is looked at whenever something may have changed there. It leads to another file: the one before is
read on as long as somebody writes to it, and what rotation left between the two is found by content. The file has
become shorter, or other bytes stand before the offset: it was truncated; what was never read is looked for in a copy,
and counted as lost if there is none.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from shuttle.core.fingerprint import HEAD, Fingerprint, is_same_content
from shuttle.delivery.source import Source
from shuttle.input.files.file import File, FileState, Key
from shuttle.input.files.rotation.file_opener import FileOpener, Known, is_copy, recognize
from shuttle.input.files.rotation.siblings import find_rest

QUIET = 60.0  # seconds that a moved file is kept after its last line: an application reopens its log when it is told to


class Keeper(Protocol):
    """What a followed path needs of the world."""

    def make_source(self, path: Path, number: int, offset: int) -> Source:
        """Return the source of a file's lines from `offset` on."""

    def enroll(self, path: Path, fingerprint: Fingerprint) -> int:
        """Return the number of a new file."""

    def register(self, file: File, number: int) -> None:
        """Know of `file` by this number, which is its own or was."""

    def unregister(self, number: int) -> None:
        """Know that nothing of the file with `number` can be read any more."""

    def miss(self, path: Path, lines: int, reason: str) -> None:
        """Count `lines` lines that vanished unread as lost."""


class RotatedPath:
    """One path and its files."""

    def __init__(self, path: Path, keeper: Keeper, clock: Callable[[], float]) -> None:
        self.path = path
        self.files: deque[File] = deque()
        self._keeper = keeper
        self._opener = FileOpener(path, clock, partial(keeper.miss, path, 0))
        self._clock = clock
        self._last: Fingerprint | None = None  # of the file that was let go last
        self.error: OSError | None = None
        """Why the path could not be opened when it was looked at last."""
        self.ended: list[Source] = []
        """Those of truncated files: their last lines count without their newlines."""
        self.left: list[int] = []
        """The numbers of files that were let go: the checkpoints can forget them when there is a later one."""

    def begin(self, known: Sequence[Known], *, at_end: bool) -> None:
        """Open what there is to be read; `known` are the path's checkpoints, the oldest first.

        Raises:
            OSError: The path leads to something that cannot be read.
        """
        opened = self._opener.open_live()
        here = self._opener.recognize_live(known, opened) if opened else None
        left = [one for one in known if one is not here]
        if left:
            self._catch_up(left, here, opened)
        if opened:
            size = opened.stat().st_size if at_end and not known else 0
            self._number_in_turn(opened, here, size)
            self.files.append(opened)
        self.left += [one.number for one in left]

    def look(self) -> bool:
        """Notice what has become of the path and its files, and say whether any of them has more to read."""
        live = self._live
        if live is None or self._leads_elsewhere(live.key):
            if live:
                live.state = FileState.MOVED
            self._open_next(live)
        elif self.is_untouched:
            self._take_copies(live)
        return bool([file for file in list(self.files) if self._has_more(file)])

    def _open_next(self, before: File | None) -> None:
        """Open what the path leads to now, and what rotation left between it and the file `before`."""
        self.error = None
        try:
            opened = self._opener.open_live()
        except OSError as error:
            self.error = error
            return
        if opened and (self._take_back(opened) or self._go_on(opened)):
            return
        if before or opened:
            self._take_siblings(opened)
        if opened:
            self._number(opened)
            self.files.append(opened)
            opened.count_unread()  # so that it is known should it be copied and cut before it is read

    def read(self, length: int, *, vanishing: bool = False) -> tuple[File, bytes] | None:
        """Return the next bytes and the file they are of, at most `length`; None if there is nothing to read now.

        With `vanishing` only what no later start finds.
        """
        for file in self.vanishing if vanishing else list(self.files):
            if file.state is not FileState.WHOLE and file.is_cut():
                self._begin_again(file)
                return self.read(length, vanishing=vanishing)
            if data := file.read(length):
                file.grown = self._clock()
                return file, data
        return None

    def count_unread(self) -> bool:
        """Count lines that are there and not read, and say whether there are more to count."""
        return bool([file for file in self.files if file.state is FileState.LIVE and file.count_unread()])

    def let_go(self, *, at_once: bool = False) -> None:
        """Close the files of which nothing more is to come; call this when all is read."""
        until = self._clock() - (0.0 if at_once else QUIET)
        for file in list(self.files):
            if file.state is FileState.LIVE or (file.state is FileState.MOVED and file.grown > until):
                break  # what comes after it is not let go before it: where reading stands is one place
            self._last = file.fingerprint(file.offset)
            self.files.remove(file)
            file.close()
            self.ended.append(file.source)
            self.left.append(file.number)
            if file.content and file.content.broken:
                self._keeper.miss(self.path, 0, "a compressed file ends before its end: what follows cannot be read")

    def close(self) -> None:
        """Close every file."""
        for file in self.files:
            file.close()
        self.files.clear()

    @property
    def is_tidy(self) -> bool:
        """Nothing here is over after a while: no file that is let go of, no line that waits for its newline."""
        return all(file.state is FileState.LIVE and not file.partial for file in self.files)

    @property
    def vanishing(self) -> list[File]:
        """The files that are deleted and not compressed, and have more to read, or a line that has no end yet."""
        deleted = [file for file in self.files if file.is_deleted]
        left = [file for file in deleted if file.partial or file.read_at(file.offset, 1)]
        return [file for file in left if find_rest(self.path, file.fingerprint(file.offset)) is None]

    @property
    def is_untouched(self) -> bool:
        """The path leads to a file of which nothing was read or counted, and another one was there before it."""
        live = self._live
        return bool(live and not live.offset and not live.counted and (self._last or len(self.files) > 1))

    @property
    def _live(self) -> File | None:
        return next((file for file in self.files if file.state is FileState.LIVE), None)

    def _leads_elsewhere(self, key: Key) -> bool:
        try:
            status = self.path.stat()
        except OSError:
            return True
        return (status.st_dev, status.st_ino) != key

    def _number(self, file: File, number: int | None = None, offset: int = 0) -> None:
        """Begin to read `file` at `offset`, as one that the checkpoints know or as a new one."""
        file.offset = file.begun = offset
        file.resume()
        if len(file.head) < min(HEAD, offset):  # truncated just now: what is known of it holds no more
            self._number(file)
            return
        if number is None:
            number = self._keeper.enroll(self.path, file.fingerprint(offset))
        file.source = self._keeper.make_source(self.path, number, offset)
        self._keeper.register(file, number)

    def _catch_up(self, left: list[Known], here: Known | None, live: File | None) -> None:
        """Open what was rotated away, from the oldest on that one of `left` tells of; `here` tells of `live`.

        Files are forgotten in their order, so that a sibling without a checkpoint was not read if it is newer than one
        that has one. Nothing of it was if only its inode was known, and it was compressed since. Those of `left` that
        are found are taken out of it.
        """
        rest = self._opener.open_from_oldest(left)
        if rest is None and not here:
            self._keeper.miss(self.path, 0, "what the checkpoint tells of is not there any more")
        for file, _ in rest or ():
            known = recognize([*left, here] if here else left, file.read_at, file.key)
            if (known and known is here) or (live and is_copy(file, live)):
                file.close()
                continue
            self._number_in_turn(file, known)
            self.files.append(file)
            if known:
                left.remove(known)

    def _number_in_turn(self, file: File, known: Known | None, offset: int = 0) -> None:
        """Number `file`, which is newer than all others here, so that its number is above theirs.

        One that has another number already may be in batches in flight: it is known by both until these are settled.
        """
        if known is None:
            self._number(file, offset=offset)
        elif not self.files or known.number > self.files[-1].number:
            self._number(file, known.number, known.fingerprint.offset)
        else:
            self._number(file, offset=known.fingerprint.offset)
            self._keeper.register(file, known.number)
            self.left.append(known.number)

    def _take_back(self, opened: File) -> bool:
        """Say whether the path leads to a file again that it led to before; that one is read on."""
        for file in self.files:
            if file.key == opened.key and file.state is FileState.MOVED:
                opened.close()
                file.state = FileState.LIVE
                self.files.remove(file)
                self.files.append(file)
                return True
        return False

    def _go_on(self, opened: File) -> bool:
        """Say whether a copy has taken the place of the newest file, a backup say; reading goes on in it."""
        newest = self.files[-1] if self.files else None
        if newest is None or not newest.offset or newest.stat().st_nlink:
            return False
        if not is_same_content(newest.fingerprint(newest.offset), opened.read_at):
            return False
        opened.go_on(newest)
        self._keeper.register(opened, opened.number)
        self.files.pop()
        newest.close()
        self.files.append(opened)
        return True

    def _take_copies(self, live: File) -> None:
        """Open what was copied from `live`, which was truncated before anything of it was seen."""
        live.count_unread()
        if self._take_siblings(live):
            self.left.append(live.number)
            self._number(live)  # above those of the copies

    def _take_siblings(self, live: File | None) -> bool:
        """Open what rotation left between the newest file that is known and `live`, to which the path leads now.

        Returns:
            Whether there was anything.
        """
        older = [file for file in self.files if file is not live]
        newest = older[-1].fingerprint(older[-1].offset) if older else self._last
        if newest is None:
            return False
        keys = {file.key for file in (*older, *((live,) if live else ()))}
        place = len(older)
        for number, (file, offset) in enumerate(self._opener.open_rest(newest) or ()):
            # The first holds what was read: the newest file itself, compressed maybe, or what was let go of.
            over = number == 0 and bool(older or not file.read_at(offset, 1))
            if over or file.key in keys or (live and is_copy(file, live)):
                file.close()
            else:
                self._number(file, offset=offset)
                self.files.insert(place, file)
                place += 1
        return place > len(older)

    def _has_more(self, file: File) -> bool:
        if file.state is FileState.WHOLE:
            return True  # until it was let go
        if file.is_cut():
            self._begin_again(file)
        return bool(file.read_at(file.offset, 1))

    def _begin_again(self, file: File) -> None:
        """Go on at the top of a file that was truncated; what was never read is in a copy, or lost."""
        lost = file.count_lost()
        copies = self._opener.open_rest(file.fingerprint_seen()) or ()
        keys = {other.key for other in self.files}
        taken = False
        place = self.files.index(file)
        for number, (copy, _) in enumerate(copies):
            if copy.key in keys:
                copy.close()
                continue
            if number == 0:
                copy.go_on(file)
                self._keeper.register(copy, copy.number)
                lost = max(0, lost - copy.unread)
                taken = True
            else:
                self._number(copy)
            self.files.insert(place, copy)
            place += 1
        if not taken:
            self.ended.append(file.source)
            self.left.append(file.number)
            self._keeper.unregister(file.number)
        file.forget()
        self._number(file)
        file.count_unread()
        self._keeper.miss(self.path, lost, "the file was truncated")
