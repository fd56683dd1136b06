"""What is read of a path at a start: what was rotated away since the last one, then what the path leads to.

Files are forgotten in their order. So a file without a checkpoint was not read yet if it is newer than one that has a
checkpoint. Where only the inode was known and the file was compressed since, nothing of it was read.
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.open_file import OpenFile
from shuttle.input.files.rotation.file_opener import FileOpener, is_copy, recognize
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
    ) -> None:
        self.files: deque[File] = deque()
        self.left: list[int] = []
        self._opener = opener
        self._catalogue = catalogue
        self._missed = missed
        self._opened: list[OpenFile] = []
        try:
            self._open(known, at_end=at_end)
        except BaseException:
            for opened in self._opened:
                opened.close()
            for file in self.files:
                catalogue.discard(file)
            raise

    def _open(self, known: Sequence[Checkpoint], *, at_end: bool) -> None:
        live = self._opener.open_live()
        if live:
            self._opened.append(live)
        here = self._opener.recognize_live(known, live) if live else None
        gone = [one for one in known if one is not here]
        if gone:
            self._open_rotated(gone, here, live)
        if live:
            self._begin(live, here, live.stat().st_size if at_end and not known else 0)
        self.left += [one.number for one in gone]

    def _open_rotated(self, gone: list[Checkpoint], here: Checkpoint | None, live: OpenFile | None) -> None:
        """Open what was rotated away, from the oldest on that one of `gone` tells of; `here` tells of `live`.

        Those of `gone` that are found are taken out of it.
        """
        rest = self._opener.open_from_oldest(gone)
        if rest is None and not here:
            self._missed.note(self._opener.path, 0, "what the checkpoint tells of is not there any more")
        self._opened += rest or ()
        for opened in rest or ():
            one = recognize([*gone, here] if here else gone, opened.read_at, opened.key)
            if (one and one is here) or (live and is_copy(opened, live)):
                self._opened.remove(opened)
                opened.close()
                continue
            self._begin(opened, one)
            if one:
                gone.remove(one)

    def _begin(self, opened: OpenFile, checkpoint: Checkpoint | None, offset: int = 0) -> None:
        """Begin to read what is newer than all files here, by a number above theirs.

        What has a lower number already may be in batches in flight: it is found by both until these are settled.
        """
        path = self._opener.path
        if checkpoint is None:
            self.files.append(self._catalogue.begin(path, opened, offset=offset))
            return
        number, offset = checkpoint.number, checkpoint.fingerprint.offset
        if not self.files or number > self.files[-1].number:
            self.files.append(self._catalogue.begin(path, opened, number=number, offset=offset))
            return
        file = self._catalogue.begin(path, opened, offset=offset)
        self._catalogue.add(number, file)
        self.left.append(number)
        self.files.append(file)
