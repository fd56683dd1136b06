"""Decides whether what a path leads to is a new file, or one that is known by another name.

Theory of operation. A file is known by device and inode, whatever leads to it. A copy is known by its content: as long
as all that it holds is the beginning of a file that is read, whoever made it may be about to truncate that one. So it
is left alone until it holds something else. Then it is a file of its own. If the other one is truncated, its rotation
finds the copy by content and reads on there.

A file that was read to its end and let go is read on if there is more of it. One that is empty when it is opened, as a
copy is at first, is looked at once more before its first byte is read.
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from shuttle.core.fingerprint import HEAD, is_same_content
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.content import open_content
from shuttle.input.files.file import File
from shuttle.input.files.open_file import OpenFile, is_copy
from shuttle.input.files.rotation.generations import Sighting
from shuttle.input.files.trust import Opener
from shuttle.store.checkpoint_table import Checkpoint


class Recognized(NamedTuple):
    """What is known of a file that a path leads to."""

    owner: Path | None = None
    """The path by which the file is read, or will be."""
    read: Checkpoint | None = None
    """What is known of a file that was let go."""
    empty: bool = False
    """Nothing stands in it yet by which it could be known."""


class Recognizer:
    """Knows files by inode and content. `known` are the checkpoints of paths that are not followed yet."""

    def __init__(self, catalogue: Catalogue, known: Mapping[Path, Sequence[Checkpoint]], opener: Opener) -> None:
        self._catalogue = catalogue
        self._known = known
        self._opener = opener

    def recognize(self, path: Path, opened: OpenFile, *, old: bool) -> Recognized:
        """Return what is known of the file that `path` leads to; nothing of a new one, or of one that is `old`.

        What is old is read from its end: it makes no difference whether it is a copy.

        Raises:
            OSError: It cannot be read.
        """
        if (file := self._catalogue.find(opened.key, opened.read_at)) and file.path != path:
            return Recognized(owner=file.path)
        head = opened.read_at(0, HEAD)
        if old:
            return Recognized(empty=not head)
        owner = self._find_checkpoint(path, opened) or (head and self._find_original(head, opened))
        if owner := owner or self._catalogue.find_closed(path, opened):
            return Recognized(owner=owner)
        read = self._catalogue.history.find_read(opened.key, opened.read_at)
        if read and opened.packed and not opened.read_at(read.fingerprint.offset, 1):
            return Recognized(owner=Path(read.path))  # nothing more is to come
        return Recognized(read=read, empty=not head)

    def is_known(self, one: Sighting, path: Path) -> bool:
        """Say whether a file, which may be beside `path`, is known, so that it is no new generation."""
        if self._catalogue.is_open(one.key):
            return True
        with contextlib.suppress(OSError), open_content(one.path, self._opener) as content:
            return self._catalogue.is_known(one.key, content, path)
        return False

    def _find_checkpoint(self, path: Path, opened: OpenFile) -> Path | None:
        """Return the path, which is not followed yet, with a checkpoint of this file or of one that it copies."""
        for owner, checkpoints in self._known.items():
            for one in checkpoints if owner != path else ():
                fingerprint = one.fingerprint
                same = (fingerprint.device, fingerprint.inode) == opened.key
                if (same or fingerprint.offset) and is_same_content(fingerprint, opened.read_at):
                    return owner
        return None

    def _find_original(self, head: bytes, opened: OpenFile) -> Path | None:
        """Return the path of a file that this one is a copy of, as far as can be seen."""
        for file in self._catalogue.list_open():
            known = file.head_seen
            if file.opened.key == opened.key or (known and not _begin_alike(known, head)):
                continue
            with contextlib.suppress(OSError):  # one that cannot be read is the problem of its own path
                known = known or file.opened.read_at(0, HEAD)
                if not known or not _begin_alike(known, head):
                    continue
                if is_copy(opened, file.opened) or _holds_what_was_read(opened, file):
                    return file.path
        return None


def _begin_alike(one: bytes, other: bytes) -> bool:
    return one.startswith(other) or other.startswith(one)


def _holds_what_was_read(opened: OpenFile, file: File) -> bool:
    """Say whether a file holds what was read of another one, and is compressed, or the other one was truncated since.

    A compressed one that ends in the middle may do so once all of it is there.
    """
    fingerprint = file.fingerprint_seen()
    if not fingerprint.offset or not (opened.packed or file.is_cut()):
        return False
    return is_same_content(fingerprint, opened.read_at) or opened.unfinished
