"""Opens what a path leads to, and what rotation left of what it led to before."""

import os
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path

from shuttle.core.fingerprint import HEAD, Fingerprint, Read, is_same_content
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.open_file import Key, OpenFile, open_live, open_sibling
from shuttle.input.files.rotation.siblings import LOOKS, find_rest
from shuttle.store.checkpoint_table import Checkpoint

Check = Callable[[Path, os.stat_result], None]
"""Raises OSError if what was opened at a path may not be read."""


class FileOpener:
    """Opens the files of one path."""

    def __init__(self, path: Path, missed: MissedLines, check: Check | None = None) -> None:
        self.path = path
        self._check = check
        self._missed = missed

    def open_live(self) -> OpenFile | None:
        """Open what the path leads to; None if it leads nowhere.

        Raises:
            OSError: It leads to something that cannot be read.
        """
        live = open_live(self.path)
        if live and self._check:
            try:
                self._check(self.path, live.stat())
            except FileNotFoundError:  # rotation has just taken it away
                live.close()
                return None
            except OSError:
                live.close()
                raise
        return live

    def recognize_live(self, known: Sequence[Checkpoint], live: OpenFile) -> Checkpoint | None:
        """Return the checkpoint of what the path leads to: of that file, or of one that is gone and that it copies."""
        one = recognize(known, live.read_at, live.key)
        if one is None or (one.fingerprint.device, one.fingerprint.inode) == live.key:
            return one
        return None if find_rest(self.path, one.fingerprint) else one

    def open_from_oldest(self, known: Sequence[Checkpoint]) -> list[OpenFile] | None:
        """Open what stands from the oldest of `known` on that is found; None if none is."""
        for _ in range(LOOKS):  # the oldest of all may be deleted, and all others get other names meanwhile
            found = [(len(rest), one) for one in known if (rest := find_rest(self.path, one.fingerprint)) is not None]
            if not found:
                return None
            opened = self.open_rest(max(found, key=itemgetter(0))[1].fingerprint)
            if opened is not None:
                return [file for file, _ in opened]
        return None

    def open_rest(self, fingerprint: Fingerprint) -> list[tuple[OpenFile, int]] | None:
        """Open what `find_rest` finds; once more if something has another name by then, as rotation goes on."""
        opened: list[tuple[OpenFile, int]] = []
        for _ in range(LOOKS):
            for file, _ in opened:
                file.close()
            rest = find_rest(self.path, fingerprint)
            if rest is None:
                return None
            tried = [(open_sibling(sibling), offset) for sibling, offset in rest]
            opened = [(file, offset) for file, offset in tried if file]
            if len(opened) == len(tried):
                break
        else:
            self._missed.note(self.path, 0, "some of what was rotated away cannot be read", uncounted=True)
        return opened


def is_copy(file: OpenFile, live: OpenFile) -> bool:
    """Say whether `file` is a copy of `live`, which is read itself: whoever made it may be about to truncate that.

    A file that was rotated away may begin alike, but nothing was written to it since there is another.

    Raises:
        OSError: One of them cannot be read.
    """
    if file.stat().st_mtime_ns < live.stat().st_mtime_ns:
        return False
    head = live.read_at(0, HEAD)
    return bool(head) and head.startswith(file.read_at(0, HEAD))


def recognize(known: Sequence[Checkpoint], read_at: Read, key: Key) -> Checkpoint | None:
    """Return the checkpoint of the file that `read_at` reads: by its content, else the last that has just its inode.

    Raises:
        OSError: The file cannot be read.
    """
    same = [one for one in known if one.fingerprint.offset and is_same_content(one.fingerprint, read_at)]
    if same:
        return max(same, key=lambda one: one.fingerprint.offset)
    for one in reversed(known):
        if not one.fingerprint.offset and (one.fingerprint.device, one.fingerprint.inode) == key:
            return one
    return None
