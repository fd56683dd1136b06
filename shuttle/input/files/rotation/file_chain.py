"""Rotation of one path: notices that the path leads to another file, or that its file was truncated.

Strategy: the path is looked at whenever something may have changed there. It leads to another file: the one before is
read on as long as somebody writes to it, and what rotation left between the two is found by content. The file has
become shorter, or other bytes stand before the offset: it was truncated; what was never read is looked for in a copy,
and counted as lost if there is none.
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shuttle.core.fingerprint import Fingerprint, is_same_content
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.file import File
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.open_file import FileState, Key, OpenFile
from shuttle.input.files.rotation.file_opener import FileOpener, is_copy

if TYPE_CHECKING:
    from shuttle.delivery.source import Source


class FileChain:
    """The files that one path has led to, the oldest first, and what becomes of them."""

    def __init__(
        self, opener: FileOpener, files: deque[File], left: list[int], catalogue: Catalogue, missed: MissedLines
    ) -> None:
        self.path = opener.path
        self.files = files
        self.left = left
        """The numbers of files that were let go: the checkpoints can forget them when there is a later one."""
        self.ended: list[Source] = []
        """The sources of files that were let go or truncated: their last lines count without their newlines."""
        self.last: Fingerprint | None = None
        """Of the file that was let go last."""
        self.error: OSError | None = None
        """Why the path could not be opened when it was looked at last."""
        self._opener = opener
        self._catalogue = catalogue
        self._missed = missed

    def look(self) -> bool:
        """See what has become of the path and its files; say whether any of them has more to read.

        Raises:
            OSError: One of them cannot be read.
        """
        live = self._live
        if live is None or self._leads_elsewhere(live.opened.key):
            if live:
                live.state = FileState.MOVED
            self._open_next(live)
        elif self.is_untouched:
            self._take_copies(live)
        return bool([file for file in list(self.files) if self._has_more(file)])

    @property
    def is_untouched(self) -> bool:
        """The path leads to a file of which nothing was read or counted, and another one was there before it."""
        live = self._live
        return bool(live and not live.offset and not live.counted and (self.last or len(self.files) > 1))

    def begin_again(self, file: File) -> None:
        """Go on at the top of a file that was truncated; what was never read is in a copy, or lost.

        Raises:
            OSError: One of the files cannot be read.
        """
        lost, uncounted = file.count_lost(), file.has_uncounted
        copies = self._opener.open_rest(file.fingerprint_seen()) or ()
        keys = {other.opened.key for other in self.files}
        taken = False
        place = self.files.index(file)
        for number, (opened, _) in enumerate(copies):
            if opened.key in keys:
                opened.close()
                continue
            if number == 0:
                copy = self._catalogue.move(file, opened)
                lost = max(0, lost - copy.unread)
                taken = True
            else:
                copy = self._catalogue.begin(self.path, opened)
            self.files.insert(place, copy)
            place += 1
        if not taken:
            self.ended.append(file.source)
            self.left.append(file.number)
            self._catalogue.remove(file.number)
        file.forget()
        self._catalogue.begin_again(file)
        file.count_unread()
        self._missed.note(self.path, lost, "the file was truncated", uncounted=uncounted and not taken)

    @property
    def _live(self) -> File | None:
        return next((file for file in self.files if file.state is FileState.LIVE), None)

    def _leads_elsewhere(self, key: Key) -> bool:
        try:
            status = self.path.stat()
        except OSError:
            return True
        return (status.st_dev, status.st_ino) != key

    def _open_next(self, before: File | None) -> None:
        """Open what the path leads to now, and what rotation left between it and the file `before`."""
        self.error = None
        try:
            live = self._opener.open_live()
        except OSError as error:
            self.error = error
            return
        if live and (self._take_back(live) or self._go_on(live)):
            return
        if before or live:
            self._take_siblings(list(self.files), live)
        if live:
            file = self._catalogue.begin(self.path, live)
            self.files.append(file)
            file.count_unread()  # it may be copied and cut before it is read

    def _take_back(self, live: OpenFile) -> bool:
        """Say whether the path leads to a file again that it led to before; that one is read on."""
        for file in self.files:
            if file.opened.key == live.key and file.state is FileState.MOVED:
                live.close()
                file.state = FileState.LIVE
                self.files.remove(file)
                self.files.append(file)
                return True
        return False

    def _go_on(self, live: OpenFile) -> bool:
        """Say whether a copy has taken the place of the newest file, a backup say; reading goes on in it."""
        newest = self.files[-1] if self.files else None
        if newest is None or not newest.offset or newest.opened.stat().st_nlink:
            return False
        if not is_same_content(newest.fingerprint(newest.offset), live.read_at):
            return False
        self.files[-1] = self._catalogue.move(newest, live)
        newest.opened.close()
        return True

    def _take_copies(self, live: File) -> None:
        """Open what was copied from `live`, which was truncated before anything of it was seen."""
        live.count_unread()
        if self._take_siblings([file for file in self.files if file is not live], live.opened):
            self.left.append(live.number)
            self._catalogue.begin_again(live)  # by a number above those of the copies

    def _take_siblings(self, older: Sequence[File], live: OpenFile | None) -> bool:
        """Open what rotation left between the `older` files and `live`, to which the path leads now.

        Returns:
            Whether there was anything.
        """
        newest = older[-1].fingerprint(older[-1].offset) if older else self.last
        if newest is None:
            return False
        keys = {file.opened.key for file in older} | ({live.key} if live else set())
        place = len(older)
        for number, (opened, offset) in enumerate(self._opener.open_rest(newest) or ()):
            # The first holds what was read: it is the newest file itself, perhaps compressed, or the one let go last.
            over = number == 0 and bool(older or not opened.read_at(offset, 1))
            if over or opened.key in keys or (live and is_copy(opened, live)):
                opened.close()
            else:
                self.files.insert(place, self._catalogue.begin(self.path, opened, offset=offset))
                place += 1
        return place > len(older)

    def _has_more(self, file: File) -> bool:
        if file.state is FileState.WHOLE:
            return True  # until it was let go
        if file.is_cut():
            self.begin_again(file)
        return bool(file.read_at(file.offset, 1))
