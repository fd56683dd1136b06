"""Keeps track of the paths: finds new ones, and looks at those that may have changed.

It never waits for the drain, so that a rotation is noticed while the drain holds up the reading.
"""

import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from shuttle.input.files.discovery import Discovery, find_origins
from shuttle.input.files.followed_paths import FollowedPaths
from shuttle.input.files.path_opener import PathOpener
from shuttle.input.files.ready_queue import ReadyQueue

if TYPE_CHECKING:
    from shuttle.input.files.changes import Changes
    from shuttle.input.files.watcher import Watcher


class Tracker:
    """Finds the paths that are to be followed, and notices what becomes of them. Without a watcher it looks once."""

    def __init__(
        self,
        discovery: Discovery,
        opener: PathOpener,
        paths: FollowedPaths,
        queue: ReadyQueue,
        watcher: "Watcher | None",
    ) -> None:
        self._discovery = discovery
        self._opener = opener
        self._paths = paths
        self._queue = queue
        self._watcher = watcher
        self._links: dict[Path, Path] = {}  # by what they lead to

    async def run(self) -> None:
        """Look, whenever something may have changed, at what may have changed."""
        assert self._watcher
        rotated = self._paths.rotated
        while True:
            changes = await self._watcher.wait()
            if changes.everything or changes.directories:
                paths = {path for path in rotated if path in changes}
            else:
                paths = set(changes.paths & rotated.keys())
            paths |= {self._links[path] for path in changes.paths if path in self._links}
            others = {path.parent for path in changes.paths - paths} | changes.directories
            if changes.everything or others:
                self.find()
                paths |= {path for path, one in rotated.items() if path.parent in others and len(one.files) != 1}
                paths |= self._find_copied(changes)
            for path in paths & rotated.keys():
                self.look_at(path)

    def find(self, *, first: bool = False) -> None:
        """Begin to follow what is to be followed and is not yet; `first` says that the process starts."""
        for directory in self._discovery.list_directories():
            self._watch(directory)
        for path in self._discovery.find(self._paths.rotated.keys() | self._paths.fifos, self._opener.known):
            rotated = self._opener.open(path, first=first)
            if rotated is None:
                continue
            self._watch(path.parent)
            with contextlib.suppress(OSError, RuntimeError):  # it is looked at again, and told of then
                self._watch_target(path)
            if not rotated.files and not self._watcher:
                self._paths.note_unreadable(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
            self._queue.put(rotated)

    def look_at(self, path: Path) -> None:
        """Notice what has become of a followed path, and have it read if there is something to read."""
        rotated = self._paths.rotated[path]
        try:
            if rotated.look() or not rotated.is_tidy:
                self._queue.put(rotated)
            error = rotated.error
            self._watch_target(path)
        except (OSError, RuntimeError) as failure:  # RuntimeError: links that lead to each other
            error = failure if isinstance(failure, OSError) else OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if error:
            self._paths.note_unreadable(path, error)
        else:
            self._paths.note_readable(path)

    def _find_copied(self, changes: "Changes") -> set[Path]:
        """Return paths whose files were not read at all, and may have been copied beside them and truncated."""
        rotated = self._paths.rotated
        new = {path for path in changes.paths if path not in rotated}
        untouched = {path for path, one in rotated.items() if one.is_untouched}
        for directory in changes.directories & {path.parent for path in untouched}:
            with contextlib.suppress(OSError):
                new.update(map(directory.joinpath, os.listdir(directory)))  # noqa: PTH208  # names are all it takes
        return {origin for path in new for origin in find_origins(path, untouched)}

    def _watch_target(self, path: Path) -> None:
        """Watch what a symbolic link leads to: it is written to in its own directory."""
        if path.is_symlink():
            target = path.resolve()
            self._links[target] = path
            self._watch(target.parent)

    def _watch(self, directory: Path) -> None:
        if self._watcher:
            self._watcher.add(directory)
