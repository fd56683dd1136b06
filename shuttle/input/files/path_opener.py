"""Begins to follow a path: with its files, or as a FIFO."""

import stat
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from shuttle.clock import Clock
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.fifos import Fifos
from shuttle.input.files.followed_paths import FollowedPaths
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.open_file import open_live
from shuttle.input.files.recognizer import Recognizer
from shuttle.input.files.rotation.file_chain import FileChain
from shuttle.input.files.rotation.file_opener import FileOpener
from shuttle.input.files.rotation.rotated_path import RotatedPath
from shuttle.input.files.rotation.surroundings import Surroundings
from shuttle.store.checkpoint_table import Checkpoint


class Start(NamedTuple):
    """What is known of the files that are there when the process starts."""

    new: bool
    """Nothing: this agent is the first one."""
    at_end: bool
    """Those that have no checkpoint are old, and read from their ends."""


class PathOpener:
    """Begins to follow paths, from the checkpoints of an earlier process where there are any.

    Attributes:
        known: The checkpoints of paths that are not followed yet, the oldest first.
        waiting: The paths that could not be opened, and will be tried again.
        directories: What stands where files may have gone.
        aliases: The paths that lead to a file that is read by another path, or to a copy of it, and that path.
    """

    def __init__(
        self,
        checkpoints: Iterable[Checkpoint],
        *,
        paths: FollowedPaths,
        fifos: Fifos,
        catalogue: Catalogue,
        missed: MissedLines,
        clock: Clock,
        start: Start,
    ) -> None:
        self.known: dict[Path, list[Checkpoint]] = defaultdict(list)
        for checkpoint in checkpoints:
            self.known[Path(checkpoint.path)].append(checkpoint)
        self._paths = paths
        self._fifos = fifos
        self._catalogue = catalogue
        self._missed = missed
        self._clock = clock
        self._start = start
        self.directories = catalogue.descriptors.directories
        self._recognizer = Recognizer(catalogue, self.known, paths.trust.open)
        self.waiting: set[Path] = set()
        self.aliases: dict[Path, Path] = {}

    def together(self) -> AbstractContextManager[None]:
        """Record all that is opened in the block together: a kill leaves no path without what is beside it."""
        return self._catalogue.together()

    def open(self, path: Path, *, first: bool) -> RotatedPath | None:
        """Begin to follow `path`; `first` says that it was there when the process started.

        Returns:
            None if its files cannot be read now, or if it is read as a FIFO.
        """
        if not self._paths.errors.may_try(path):
            return None
        self.waiting.add(path)
        try:
            if self._fifos.open(path):
                self.waiting.discard(path)
                return None
            if owner := self._find_owner(path, old=first and self._start.new):
                self.aliases[path] = owner
                self.waiting.discard(path)
                return None
            rotated = RotatedPath.open(
                path,
                self.known.get(path, ()),
                catalogue=self._catalogue,
                recognizer=self._recognizer,
                missed=self._missed,
                clock=self._clock,
                at_end=first and self._start.at_end,
                old=first and self._start.new,
                trust=self._paths.trust,
                directories=self.directories,
                elsewhere=self._paths.list_covered,
                is_patient=partial(self._paths.errors.is_patient, path),
            )
        except OSError as error:
            self._paths.errors.note(path, error)
            self._note_unread(path)
            return None
        self._paths.errors.clear(path)
        self.waiting.discard(path)
        self.aliases.pop(path, None)
        self.known.pop(path, None)
        self._paths.rotated[path] = rotated
        return rotated

    def drop(self, paths: Iterable[Path]) -> None:
        """Wait no longer for `paths`: they could not be opened, and are gone by now."""
        for path in set(paths):
            self.waiting.discard(path)
            self._paths.errors.clear(path)

    def awaits(self, number: int) -> bool:
        """Say whether the file with this number belongs to a path that could not be opened, and will be tried again."""
        return any(one.number == number for path in self.waiting for one in self.known.get(path, ()))

    def _note_unread(self, path: Path) -> None:
        """Note which file `path` leads to, of which nothing was read: rotation may move it away meanwhile."""
        try:
            status = path.lstat()
        except OSError:
            return
        known = self.known.get(path, [])
        key = (status.st_dev, status.st_ino)
        if not stat.S_ISREG(status.st_mode) or self._catalogue.is_open(key):
            return
        if any((one.fingerprint.device, one.fingerprint.inode) == key for one in known):
            return
        if not known:  # what is beside it now is older
            opener = FileOpener(Surroundings(path, self.directories, self._paths.trust), self._recognizer)
            opener.see_siblings()
            FileChain(opener, deque(), [], self._catalogue, self._missed).note_siblings(first=True)
        self.known[path].append(self._catalogue.note_unread(path, key))

    def _find_owner(self, path: Path, *, old: bool) -> Path | None:
        """Return the other path by which what `path` leads to is read, or what it copies. An `old` one copies nothing.

        Raises:
            OSError: It cannot be read.
        """
        if path in self.known or not (opened := open_live(path, self._paths.trust.open)):
            return None
        try:
            return self._recognizer.recognize(path, opened, old=old).owner
        finally:
            opened.close()
