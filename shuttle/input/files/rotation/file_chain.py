"""Rotation of one path: notices that the path leads to another file, or that its file was truncated.

Strategy: the path is looked at whenever something may have changed there. It leads to another file: the one before is
read on as long as somebody writes to it, and what rotation left between the two is found by content. The file has
become shorter, or other bytes stand before the offset: it was truncated; what was never read is looked for in a copy,
and counted as lost if there is none.
"""

import contextlib
import os
import stat
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from shuttle.core.fingerprint import HEAD, Fingerprint, is_same_content
from shuttle.input.files.catalogue import Catalogue, ChangedError
from shuttle.input.files.descriptors import VanishedError
from shuttle.input.files.file import File
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.open_file import FileState, Key, OpenFile, is_copy
from shuttle.input.files.path_errors import leads_nowhere
from shuttle.input.files.recognizer import Recognized
from shuttle.input.files.rotation.file_opener import FileOpener, closing_untaken
from shuttle.input.files.rotation.surroundings import LOOKS

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
        """Why the path could not be looked at or opened the last time."""
        self.is_link = False
        """The path was a link when it was looked at last."""
        self._opener = opener
        self._catalogue = catalogue
        self._missed = missed

    def look(self, *, told: bool = True, around: bool = True, closely: bool = False) -> bool:
        """See what has become of the path and its files; say whether any of them has more to read.

        It was `told` that something may have changed; if not, a file has not changed whose status is what it was.
        If something may have changed `around` the path, so may files that it does not lead to any more. Whether what
        was read stands there still is seen `closely` here, or soon by who reads on.

        Raises:
            OSError: One of them cannot be read.
        """
        self.error = None
        with self._catalogue.together():
            self._look(told=told, around=around, closely=closely)
        return any(file.ready for file in self.files)

    def _look(self, *, told: bool, around: bool, closely: bool) -> None:
        status = self._find_status()
        live = self._live
        same = live is not None and status is not None and _read_key(status) == live.opened.key
        if live and not (same and status and not status.st_size) and not self.identify(live):
            live = None
        see = partial(self._see, told=told, closely=closely)
        changed = live is not None and see(live, status if same else None)
        for file in list(self.files) if around or not same else ():
            if file is not live:
                see(file, None)  # before what is around is compared with what was read of it
        live = self._live
        if live is None or not (same or self.error):
            if live:
                live.state = FileState.MOVED
            self._open_next(live)
        elif changed and self._is_untouched(live):
            live.count_unread()  # it may be copied and cut before it is read
            if around:
                self._take_copies(live)

    def take_copies(self, file: File) -> bool:
        """Open what was copied from `file`, of which the first bytes are about to be read; say whether there is any.

        Once they are read, nothing tells that something else stood in it before.

        Raises:
            OSError: A file cannot be read.
        """
        with self._catalogue.together():
            return file is self._live and self._is_untouched(file) and self._take_copies(file)

    def identify(self, file: File) -> bool:
        """See which file it is that was empty when it was opened; say whether it is one to be read from its top.

        Raises:
            OSError: It cannot be read.
        """
        known = Recognized() if file.identified else self._opener.identify(file.opened)
        file.identified = not known.empty
        if not known.owner and not known.read:
            return True
        self.files.remove(file)
        self.left.append(file.number)
        self._catalogue.discard(file)
        file.close()
        return False

    def begin_again(self, file: File) -> None:
        """Go on at the top of a file that was truncated; what was never read is in a copy, or lost.

        If it was only shortened, and what was read of it stands there still, go on behind that.

        Raises:
            OSError: One of the files cannot be read.
        """
        with self._catalogue.together():
            self._begin_again(file)

    def _begin_again(self, file: File) -> None:
        if file is self._live and self._is_untouched(file) and self._take_copies(file):
            return
        if (loss := file.shorten()) is not None:
            if loss.lines or loss.uncounted:
                self._missed.note(self.path, loss.lines, "the file was truncated", uncounted=loss.uncounted)
            return
        lost, uncounted = file.count_lost(), file.has_uncounted
        keys = {other.opened.key for other in self.files}
        copies: list[tuple[OpenFile, int]] = []
        for opened, offset in self._opener.open_rest([file.fingerprint_seen()]).files:
            if opened.key in keys:
                opened.close()
            else:
                copies.append((opened, offset))
        if copies:
            uncounted = False
            self._read_on_in_copies(file, copies)
            lost = max(0, lost - file.unread)
        else:
            self.ended.append(file.source)
            self.left.append(file.number)
            self._catalogue.remove(file.number)
            file.forget()
            self._spread_cut(file)
            self._catalogue.begin_again(file)
            file.count_unread()
        if lost or uncounted or not copies:
            self._missed.note(self.path, lost, "the file was truncated", uncounted=uncounted)

    def _read_on_in_copies(self, file: File, copies: Sequence[tuple[OpenFile, int]]) -> None:
        """Read `file` on in the first of `copies`, then the others, then what was truncated as a new file."""
        cut, state = file.opened, file.state
        file.cut_at = file.cut_at or max(file.offset, file.counted)
        with closing_untaken(copies[1:]) as rest:
            self._catalogue.move(file, copies[0][0])
            place = self.files.index(file) + 1
            for opened, _ in rest:
                self.files.insert(place, self._catalogue.begin(self.path, opened))
                place += 1
            again = self._catalogue.begin(self.path, cut, place=file.place)
        again.state = state
        self.files.insert(place, again)
        self._spread_cut(file)
        again.count_unread()

    def is_somewhere(self, file: File) -> bool:
        """Say whether a file stands anywhere, as it is, copied or compressed, but where the path leads to."""
        return self._opener.is_somewhere(file.fingerprint(file.offset))

    def see_siblings(self) -> None:
        """See what stands beside the path and nobody knows, before a look."""
        self._opener.see_siblings()

    def note_siblings(self, *, first: bool = False) -> bool:
        """Note as history what stood beside the path before it was looked at last, and nobody knows since.

        But not what copies a file of its. If it was looked at for the `first` time, the path may lead nowhere.

        Returns:
            Whether that was all.
        """
        unknown = self._opener.take_unknown()
        if not unknown:
            return True
        live = self._live
        if self._leads_elsewhere(live.opened.key) if live else self.files or not first:
            return False  # rotation goes on: what is unknown may be a generation
        complete = True
        for one in unknown:
            opened = self._opener.open_sighted(one)
            if opened is None:
                continue
            with contextlib.suppress(OSError), contextlib.closing(opened):
                status = opened.stat()
                copied = one.changed != status.st_mtime_ns or not status.st_size  # or it is another one by now
                if copied or any(is_copy(opened, file.opened) for file in self.files):
                    complete = False
                else:
                    self._catalogue.history.add(self.path, opened)
        return complete

    @property
    def _live(self) -> File | None:
        return next((file for file in self.files if file.state is FileState.LIVE), None)

    def _find_status(self) -> os.stat_result | None:
        """Return the status of what the path leads to; None if it leads nowhere, or an `error` keeps it from view."""
        try:
            status = self.path.lstat()
            self.is_link = stat.S_ISLNK(status.st_mode)
            return self.path.stat() if self.is_link else status
        except OSError as error:
            self.error = None if leads_nowhere(error) else error
            return None

    def _leads_elsewhere(self, key: Key) -> bool:
        """Say whether the path leads to another file or nowhere; no if nobody can tell, which is the path's error."""
        status = self._find_status()
        return _read_key(status) != key if status else self.error is None

    def _open_next(self, before: File | None) -> None:
        """Open what the path leads to now, and what rotation left between it and the file `before`."""
        for _ in range(LOOKS):
            try:
                live, known = self._opener.open_own() or (None, Recognized())
            except OSError as error:
                self.error = error
                return
            with contextlib.ExitStack() as unused:  # what is open, and no file here yet
                if live:
                    unused.callback(live.close)
                if live and self._take_back(live):
                    return
                if live and not known.empty and self._go_on(live):
                    unused.pop_all()
                    return
                between, complete = self._open_between(self.files, live) if before or live else ([], True)
                if complete and (live is None or not self._leads_elsewhere(live.key)):
                    self._take(between, len(self.files))
                    if live:
                        self.files.append(self._begin(live, known))
                        unused.pop_all()
                        if not known.empty:
                            self.files[-1].count_unread()  # it may be copied and cut before it is read
                    return
                for opened, _ in between:
                    opened.close()  # rotation went on meanwhile; if it does not end, the next look is soon

    def _begin(self, live: OpenFile, known: Recognized) -> File:
        """Return the file that the path leads to now; if that was read and let go, from where it was read to."""
        place = self._opener.find_place()
        file: File | None = None
        if known.read:
            with contextlib.suppress(ChangedError):
                file = self._catalogue.resume(self.path, live, known.read, place=place, anew=True)
                self._catalogue.history.remove(known.read)
        file = file or self._catalogue.begin(self.path, live, place=place)
        file.identified = file.ready = not known.empty
        return file

    def _take_back(self, live: OpenFile) -> bool:
        """Say whether the path leads to a file again that it led to before; that one is read on."""
        for file in self.files:
            if file.opened.key == live.key and file.state is FileState.MOVED:
                file.state, file.ready = FileState.LIVE, True
                self.files.remove(file)
                self.files.append(file)
                return True
        return False

    def _go_on(self, live: OpenFile) -> bool:
        """Say whether a copy has taken the place of the newest file, a backup say; reading goes on in it."""
        newest = self.files[-1] if self.files else None
        if newest is None or not newest.offset:
            return False
        if newest.opened.stat().st_nlink and newest.offset < HEAD:
            return False  # as long as the old one is there, a few bytes may be the same by accident
        if not is_same_content(newest.fingerprint(newest.offset), live.read_at):
            return False
        before = newest.opened
        self._catalogue.move(newest, live)
        before.close()
        return True

    def _is_untouched(self, live: File) -> bool:
        """Say whether nothing of the file was read or counted."""
        return not live.offset and not live.counted

    def _take_copies(self, live: File) -> bool:
        """Open what was copied from a file that was cut before anything of it was seen; say whether there is any."""
        older = [file for file in self.files if file is not live]
        between, _ = self._open_between(older, live.opened, copies=True)
        if between:
            seen = live.fingerprint_seen()
            if live.counted and any(is_same_content(seen, opened.read_at) for opened, _ in between):
                live.forget()  # it was copied and cut just now
            self._take(between, len(older))
            self.left.append(live.number)
            live.size = 0  # what was seen of it is in the copies
            live.cut_at = live.cut_at or 1  # nobody knows how much was copied
            self._spread_cut(live)
            self._catalogue.begin_again(live)  # by a number above those of the copies
        return bool(between)

    def _open_between(
        self, older: Sequence[File], live: OpenFile | None, *, copies: bool = False
    ) -> tuple[list[tuple[OpenFile, int]], bool]:
        """Open what rotation left between the `older` files and `live`, to which the path leads now.

        They are `copies` if the path leads where it led before. Then an empty one may be about to become one.

        Returns:
            The files, each with the offset to read from, and whether rotation kept still meanwhile.
        """
        for file in [file for file in older if file.ready]:
            file.count_unread()  # a file of which nothing was read is known by what stands in it
        known = [file.fingerprint_seen() for file in older]
        known = [self.last, *known] if self.last else known
        keys = {file.opened.key for file in older} | ({live.key} if live else set())
        found, files, complete = self._opener.open_rest(known, unknown=True, sure=keys)
        between: list[tuple[OpenFile, int]] = []
        with closing_untaken(files) as rest, contextlib.ExitStack() as unused:
            for number, (opened, offset) in enumerate(rest):
                # The first ones hold what was read: the files themselves, or compressed, or the one let go last.
                over = number < found and bool(older or not opened.read_at(offset, 1))
                over = over or opened.key in keys or (copies and not opened.stat().st_size)
                if over or (live and is_copy(opened, live)):
                    opened.close()
                else:
                    unused.callback(opened.close)
                    between.append((opened, offset))
            unused.pop_all()
        return between, complete

    def _take(self, between: Sequence[tuple[OpenFile, int]], place: int) -> None:
        """Read what was opened, in its order, before the file at `place`."""
        with closing_untaken(between) as rest:
            for number, (opened, offset) in enumerate(rest):
                self.files.insert(place + number, self._catalogue.begin(self.path, opened, offset=offset))

    def drop(self, file: File, reason: str, *, uncounted: bool) -> None:
        """Read nothing more of a file; what was counted of it is lost, and there was more if it was `uncounted`."""
        if (lines := file.count_lost()) or uncounted:
            self._missed.note(self.path, lines, reason, uncounted=uncounted)
        self.last = file.fingerprint(file.offset)
        self.files.remove(file)
        file.close()
        self.ended.append(file.source)
        self.left.append(file.number)

    def _spread_cut(self, file: File) -> None:
        """Note for the copies of a truncated file that it may have been truncated before they were made."""
        for other in self.files:
            other.cut_at = other.cut_at or file.cut_at

    def _see(self, file: File, status: os.stat_result | None, *, told: bool, closely: bool) -> bool:
        """See whether a file was truncated; say whether it has changed."""
        if file.state is FileState.WHOLE:
            file.ready = True  # until it was let go
            return False
        before = file.seen
        try:
            cut = file.look(status, told=told, closely=closely)
        except VanishedError as error:
            self.drop(file, str(error.strerror), uncounted=file.has_unseen)
            return True
        if cut:
            self.begin_again(file)
        return cut or file.seen != before


def _read_key(status: os.stat_result) -> Key:
    return status.st_dev, status.st_ino
