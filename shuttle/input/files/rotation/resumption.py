"""What is read of a path at a start: what was rotated away since the last one, then what the path leads to.

Files are forgotten in their order. So a file without a checkpoint was not read yet if it is newer than one that has a
checkpoint. Where only the inode was known and the file was compressed since, nothing of it was read.
"""

import errno
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shuttle.input.files.catalogue import Catalogue, ChangedError
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.open_file import Key, OpenFile, is_copy
from shuttle.input.files.rotation.file_opener import FileOpener, recognize
from shuttle.input.files.rotation.surroundings import LOOKS
from shuttle.store.checkpoint_table import Checkpoint

if TYPE_CHECKING:
    from shuttle.input.files.file import File


class Resumption:
    """The files of a path with which a start goes on; `known` are the path's checkpoints, the oldest first.

    Without checkpoints, and if `at_end`, what the path leads to is read from its end.

    Attributes:
        files: The oldest first.
        left: The numbers of files that are not there any more, or have another number now.

    Raises:
        OSError: The path leads to something that cannot be read. Nothing is left open.
    """

    def __init__(
        self,
        opener: FileOpener,
        known: Sequence[Checkpoint],
        *,
        catalogue: Catalogue,
        missed: MissedLines,
        at_end: bool,
        old: bool,
    ) -> None:
        self.files: deque[File] = deque()
        self.left: list[int] = []
        self._opener = opener
        self._catalogue = catalogue
        self._missed = missed
        self._opened: list[OpenFile] = []
        self._unknown = False  # something was opened of which no checkpoint tells, a copy perhaps
        self._taken_up: list[Checkpoint] = []  # that were history
        self._same: dict[int, Key] = {}  # the file that holds what a checkpoint tells of, by its number
        self._losses: dict[str, bool] = {}  # why something is missed, and whether nobody knows how much
        for look in reversed(range(LOOKS)):
            try:
                self._open(known, at_end=at_end, old=old)
            except ChangedError:  # rotation goes on
                self._close()
                if not look:
                    raise OSError(errno.EBUSY, "it is rotated again and again", opener.path) from None
            except BaseException:
                self._close()
                raise
            else:
                break
        for reason, uncounted in self._losses.items():
            missed.note(opener.path, 0, reason, uncounted=uncounted)

    def _close(self) -> None:
        """Let go of what was opened, and of what nothing but the attempt has numbered."""
        for opened in self._opened:
            opened.close()
        for file in self.files:
            self._catalogue.discard(file)
            file.close()
        self._opened.clear()
        self.files.clear()
        self.left.clear()
        self._unknown = False
        self._same.clear()
        self._losses.clear()

    def _open(self, known: Sequence[Checkpoint], *, at_end: bool, old: bool) -> None:
        self._opener.surroundings.places.update(Path(one.place) for one in known if one.place)
        own = self._opener.open_own(old=old)
        live = own[0] if own else None
        if own and own[1].read:
            self._taken_up.append(self._catalogue.take_up(own[1].read, self._opener.path))
        known = [*known, *self._taken_up]
        if live:
            self._opened.append(live)
        here = self._note_same(self._opener.recognize_live(known, live), live.key) if live else None
        gone = [one for one in known if one is not here]
        if gone or (here and not here.fingerprint.offset):
            if self._open_rotated(gone, here, live) and live:
                self._opened.remove(live)
                live.close()
                live = None
            if live and not self._opener.leads_to(live.key):
                raise ChangedError  # what it has led to may be among the others
        if live and here and not self._unknown and live.find_end() < here.size > here.fingerprint.offset:
            self._losses["the file was truncated"] = True
        if live:
            begin = live.find_end() if at_end and not known else 0
            self._begin(live, here, begin, place=self._opener.find_place())
            self.files[-1].identified = not (own and own[1].empty)
            for file in self.files:  # the others may be its copies
                file.cut_at = _count_before(known, live.key)
        self._find_by_old_numbers(gone)
        self.left += [one.number for one in gone]

    def _open_rotated(self, gone: list[Checkpoint], here: Checkpoint | None, live: OpenFile | None) -> bool:
        """Open what was rotated away, from the oldest on that one of `gone` tells of; `here` tells of `live`.

        Those of `gone` that are found are taken out of it.

        Returns:
            Whether one of them was read that holds just what `live` does: it was copied, and `live` is about to be cut.
        """
        copied = False
        newest = gone[-1] if gone else None
        unread = not here or not here.fingerprint.offset
        _, rest, complete = self._opener.open_rest([one.fingerprint for one in gone], unknown=unread)
        if not complete:
            self._losses["some of what was rotated away cannot be read"] = True
        self._opened += [opened for opened, _ in rest]
        for opened, _ in rest:
            same = recognize([*gone, here] if here else gone, opened.read_at, opened.key)
            one = self._note_same(same, opened.key)
            twin = live is not None and is_copy(opened, live)
            if twin and live and one and one.fingerprint.offset and not here and is_copy(live, opened):
                copied, twin = True, False
            if (one and one is here) or twin or (live and opened.key == live.key):
                self._opened.remove(opened)
                opened.close()
                continue
            self._begin(opened, one)
            self._unknown |= one is None
            self._opened.remove(opened)
            if one:
                gone.remove(one)
        if not here and newest in gone and newest and newest.fingerprint.offset and newest.number not in self._same:
            # Of a path that leads nowhere, or to a file that was truncated, nobody may know whether there was more.
            other = live is not None and live.key != (newest.fingerprint.device, newest.fingerprint.inode)
            more = newest.size > newest.fingerprint.offset
            self._losses["what the checkpoint tells of is not there any more"] = other or more
        return copied

    def _note_same(self, same: Sequence[Checkpoint], key: Key) -> Checkpoint | None:
        """Note that the file with this key holds what the checkpoints `same` tell of; return the first of these."""
        for one in same:
            self._same.setdefault(one.number, key)
        return next(iter(same), None)

    def _find_by_old_numbers(self, gone: Sequence[Checkpoint]) -> None:
        """Find files by the numbers, too, that a kill has left beside their last ones: batches in flight have them."""
        files = {file.opened.key: file for file in self.files}
        for one in gone:
            if file := files.get(self._same.get(one.number, (0, 0))):
                self._catalogue.add(one.number, file)

    def _begin(
        self, opened: OpenFile, checkpoint: Checkpoint | None, offset: int = 0, *, place: Path | None = None
    ) -> None:
        """Begin to read what is newer than all files here, by a number above theirs.

        What has a lower number already may be in batches in flight: it is found by both until these are settled.
        """
        path = self._opener.path
        if checkpoint is None:
            self.files.append(self._catalogue.begin(path, opened, offset=offset, place=place))
            return
        number = checkpoint.number
        if not self.files or number > self.files[-1].number:
            self.files.append(self._catalogue.resume(path, opened, checkpoint, place=place))
            return
        file = self._catalogue.resume(path, opened, checkpoint, place=place, anew=True)
        self._catalogue.add(number, file)
        self.left.append(number)
        self.files.append(file)


def _count_before(known: Sequence[Checkpoint], key: Key) -> int:
    """Return how many bytes of the file were read at most, should it have been truncated since."""
    fingerprints = [one.fingerprint for one in known]
    return max((one.offset for one in fingerprints if (one.device, one.inode) == key), default=0)
