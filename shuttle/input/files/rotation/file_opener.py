"""Opens what a path leads to, and what rotation left of what it led to before."""

import os
import stat
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Protocol

from shuttle.core.fingerprint import HEAD, Fingerprint, is_same_content
from shuttle.input.files.content import open_content
from shuttle.input.files.file import File, FileState, Key, open_path, read_descriptor
from shuttle.input.files.rotation.siblings import LOOKS, find_rest


class Known(Protocol):
    """A file as a checkpoint has it."""

    @property
    def number(self) -> int:
        """What the checkpoints call it."""

    @property
    def fingerprint(self) -> Fingerprint:
        """Which file it is, and how far it was read."""


class FileOpener:
    """Opens the files of one path. `miss` is told if something that rotation left cannot be read."""

    def __init__(self, path: Path, clock: Callable[[], float], miss: Callable[[str], None]) -> None:
        self._path = path
        self._clock = clock
        self._miss = miss

    def open_live(self) -> File | None:
        """Open what the path leads to; None if it leads nowhere.

        Raises:
            OSError: It leads to something that cannot be read.
        """
        try:
            fd, status = open_path(self._path)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            return None
        key = (status.st_dev, status.st_ino)
        read_at = read_descriptor(fd)
        return File(
            self._path, key, read_at, partial(os.fstat, fd), partial(os.close, fd), FileState.LIVE, grown=self._clock()
        )

    def recognize_live(self, known: Sequence[Known], opened: File) -> Known | None:
        """Return the checkpoint of what the path leads to: its file, or a copy of it if that is gone."""
        one = recognize(known, opened.read_at, opened.key)
        if one is None or (one.fingerprint.device, one.fingerprint.inode) == opened.key:
            return one
        return None if find_rest(self._path, one.fingerprint) else one

    def open_from_oldest(self, known: Sequence[Known]) -> list[tuple[File, int]] | None:
        """Open what stands from the oldest of `known` on that is found; None if none is."""
        for _ in range(LOOKS):  # the oldest of all may be deleted, and all others get other names meanwhile
            found = [(len(rest), one) for one in known if (rest := find_rest(self._path, one.fingerprint)) is not None]
            if not found:
                return None
            opened = self.open_rest(max(found, key=itemgetter(0))[1].fingerprint)
            if opened is not None:
                return opened
        return None

    def open_rest(self, fingerprint: Fingerprint) -> list[tuple[File, int]] | None:
        """Open what `find_rest` finds; once more if something has another name by then, as rotation goes on."""
        opened: list[tuple[File, int]] = []
        for _ in range(LOOKS):
            for file, _ in opened:
                file.close()
            rest = find_rest(self._path, fingerprint)
            if rest is None:
                return None
            tried = [(self._open_sibling(sibling), offset) for sibling, offset in rest]
            opened = [(file, offset) for file, offset in tried if file]
            if len(opened) == len(tried):
                break
        else:
            self._miss("some of what was rotated away cannot be read")
        return opened

    def _open_sibling(self, path: Path) -> File | None:
        """Open what rotation left; None if it is gone or cannot be read."""
        try:
            content = open_content(path)
        except OSError:
            return None
        status = content.stat()
        key = (status.st_dev, status.st_ino)
        # Whoever has it open may go on to write, unless it was compressed since.
        state = FileState.WHOLE if content.packed else FileState.MOVED
        file = File(self._path, key, content.read, content.stat, content.close, state)
        file.grown, file.content = self._clock(), content
        return file


def is_copy(file: File, live: File) -> bool:
    """Say whether `file` is a copy of `live`, which is read itself: whoever made it may be about to truncate that.

    A file that was rotated away may begin alike, but nothing was written to it since there is another.
    """
    if file.stat().st_mtime_ns < live.stat().st_mtime_ns:
        return False
    head = live.read_at(0, HEAD)
    return bool(head) and head.startswith(file.read_at(0, HEAD))


def recognize(known: Sequence[Known], read_at: Callable[[int, int], bytes], key: Key) -> Known | None:
    """Return the checkpoint of the file that `read_at` reads: by its content, else the last that has just its inode."""
    same = [one for one in known if one.fingerprint.offset and is_same_content(one.fingerprint, read_at)]
    if same:
        return max(same, key=lambda one: one.fingerprint.offset)
    for one in reversed(known):
        if not one.fingerprint.offset and (one.fingerprint.device, one.fingerprint.inode) == key:
            return one
    return None
