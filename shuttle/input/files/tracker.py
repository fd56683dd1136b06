"""Keeps track of the paths: finds new ones, and looks at those that may have changed.

It never waits for the drain, so that a rotation is noticed while the drain holds up the reading.
"""

import contextlib
import errno
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from shuttle.input.files.descriptors import Descriptors
from shuttle.input.files.discovery import Discovery
from shuttle.input.files.followed_paths import FollowedPaths
from shuttle.input.files.path_opener import PathOpener
from shuttle.input.files.progress import Progress
from shuttle.input.files.ready_queue import ReadyQueue
from shuttle.input.files.rotation.ages import list_origins

if TYPE_CHECKING:
    from shuttle.input.files.changes import Changes
    from shuttle.input.files.rotation.rotated_path import RotatedPath
    from shuttle.input.files.watcher import Watcher


class Tracker:
    """Finds the paths that are to be followed, and notices what becomes of them. Without a watcher it looks once."""

    def __init__(
        self,
        discovery: Discovery,
        opener: PathOpener,
        *,
        paths: FollowedPaths,
        queue: ReadyQueue,
        progress: Progress,
        descriptors: Descriptors,
        watcher: "Watcher | None",
    ) -> None:
        self._discovery = discovery
        self._opener = opener
        self._paths = paths
        self._queue = queue
        self._progress = progress
        self._descriptors = descriptors
        self._disk = queue.disk
        self._watcher = watcher
        self._links: dict[Path, Path] = {}  # by what they lead to
        self._closed: set[Path] = set()  # directories
        self._watched: set[Path] = set()
        self._unnoted: set[Path] = set()  # paths beside which something stands that may become history

    async def run(self) -> None:
        """Look, whenever something may have changed, at what may have changed."""
        assert self._watcher
        errors = self._paths.errors
        while True:
            changes = await self._watcher.wait(until=errors.next_try)
            errors.hurry(changes.paths)
            again = errors.take_due()
            await self._disk.run(partial(self._look_at_changes, changes, again))

    def _look_at_changes(self, changes: "Changes", again: set[Path]) -> None:
        """Look at what may have changed, and `again` at paths that have failed."""
        rotated = self._paths.rotated
        if self._are_only_lines(changes, again):
            for path in filter(self._paths.errors.may_try, changes.paths):
                self.look_at(path, around=False)
            return
        paths = self._list_changed(changes)
        others = {path.parent for path in changes.paths - paths} | changes.directories
        paths |= again & rotated.keys()
        if changes.everything or again - rotated.keys():
            self._note_closed()
        appeared = changes.directories or any(map(self._discovery.concerns, changes.paths - paths))
        if changes.everything or appeared or again - rotated.keys():
            self.find()
        told, around = changes.paths | again, set(again)
        if changes.everything or others:
            moved = {path for path, one in rotated.items() if len(one.files) != 1}
            around |= {path for path in moved if changes.everything or path.parent in others}
        beside = self._find_beside(changes)
        for path in beside:
            rotated[path].see_siblings()
        around |= beside
        seen: set[Path] = set()
        for path in (paths | around) & rotated.keys():
            sure = not changes.everything or path in told or path.parent in changes.directories
            if self._paths.errors.may_try(path) and self.look_at(path, told=sure, around=path in around):
                seen.add(path)
        for path in beside:
            noted = path in seen and rotated[path].note_siblings()
            (self._unnoted.discard if noted else self._unnoted.add)(path)

    def _list_changed(self, changes: "Changes") -> set[Path]:
        """Return the followed paths that may have changed, by whatever name."""
        rotated = self._paths.rotated
        if changes.everything or changes.directories:
            paths = {path for path in rotated if path in changes}
        else:
            paths = set(changes.paths & rotated.keys())
        paths |= {self._links[path] for path in changes.paths if path in self._links}
        return paths | {self._opener.aliases[path] for path in changes.paths if path in self._opener.aliases}

    def _are_only_lines(self, changes: "Changes", again: set[Path]) -> bool:
        """Say whether nothing has happened but to followed paths themselves, as when lines are written."""
        others = again or changes.everything or changes.directories or self._links or self._opener.aliases
        return not others and changes.paths <= self._paths.rotated.keys()

    async def start(self) -> None:
        """Begin to follow what is there when the process starts, and tell of what is named or meant and is not."""
        await self._disk.run(self._begin)

    def _begin(self) -> None:
        self._note_closed()
        self.find(first=True)
        for pattern in self._discovery.list_unmatched():
            self._note_absent(Path(pattern), "nothing matches it")

    def find(self, *, first: bool = False) -> None:
        """Begin to follow what is to be followed and is not yet; `first` says that the process starts."""
        directories = self._discovery.list_directories()
        for directory in directories:
            self._watch(directory)
        self._forget_gone(directories)
        with self._opener.together():
            self._open_found(first=first)

    def _open_found(self, *, first: bool) -> None:
        opened: list[RotatedPath] = []
        followed = self._paths.rotated.keys() | self._paths.fifos
        found = self._discovery.find(followed, self._opener.known, room=self._descriptors.room)
        self._opener.drop(self._opener.waiting.difference(found))
        for path in found:
            rotated = self._opener.open(path, first=first)
            if rotated is None:
                continue
            self._watch(path.parent)
            with contextlib.suppress(OSError, RuntimeError):  # it is looked at again, and told of then
                self._watch_target(path)
            if not rotated.files and (not self._watcher or (first and self._discovery.is_named(path))):
                self._note_absent(path, os.strerror(errno.ENOENT))
            opened.append(rotated)
            self._disk.home.call(self._queue.put, rotated)
        for rotated in opened:
            rotated.note_siblings(first=True)
        self._relieve()

    def awaits(self, number: int) -> bool:
        """Say whether the file with this number may be opened yet: its path could not be, and will be tried again."""
        return self._opener.awaits(number)

    def note_error(self, path: Path, error: OSError) -> None:
        """Note that a file of `path` could not be read; it is looked at again."""
        self._paths.errors.note(path, error)

    def look_at(self, path: Path, *, told: bool = True, around: bool = True) -> bool:
        """Notice what has become of a followed path, and have it read if there is something to read.

        Nobody may have `told` of a change, and there may be none `around` the path, as `RotatedPath.look` has it.

        Returns:
            Whether all of it could be seen.
        """
        rotated = self._paths.rotated[path]
        try:
            more = rotated.look(told=told, around=around, closely=self._progress.blocked.is_set())
            if more or not rotated.is_tidy:
                self._disk.home.call(self._queue.put, rotated)
            error = rotated.error
            if rotated.is_link:
                self._watch_target(path)
        except (OSError, RuntimeError) as failure:  # RuntimeError: links that lead to each other
            more = False
            error = failure if isinstance(failure, OSError) else OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if error:
            self._paths.errors.note(path, error)
        elif not more:  # else it is seen when it is read
            self._paths.errors.clear(path)
        self._relieve()
        return error is None

    def _relieve(self) -> None:
        """Give up deleted files, the oldest first, as long as more descriptors are taken than there are for files."""
        rotated = self._paths.rotated.values()
        while self._descriptors.are_short():
            deleted = [file for path in rotated for file in path.files if not file.parked]
            oldest = min(deleted, key=lambda file: file.number, default=None)
            if oldest is None or not self._paths.rotated[oldest.path].give_up(oldest):
                break

    def _note_closed(self) -> None:
        """Tell of directories that may not be listed or entered: what is in there is not seen."""
        closed = dict(self._discovery.list_closed())
        for directory in self._closed - closed.keys():
            self._paths.errors.clear(directory)
        for directory, error in closed.items():
            self._paths.errors.note(directory, error)
        self._closed = set(closed)

    def _note_absent(self, path: Path, reason: str) -> None:
        if path.parent in self._closed:
            return  # that was told
        if self._watcher:
            self._paths.note_absent(path, reason)
        else:
            self._paths.errors.note(path, FileNotFoundError(errno.ENOENT, reason))

    def _find_beside(self, changes: "Changes") -> set[Path]:
        """Return the followed paths beside which something may have appeared that rotation may have made of them."""
        rotated = self._paths.rotated
        new = [path for path in changes.paths if path not in rotated]
        beside = {path.with_name(origin) for path in new for origin in list_origins(path.name)}
        if changes.directories or changes.everything:
            places = {path: path for path in rotated} | self._links
            told = [place for place in places if changes.everything or place.parent in changes.directories]
            stirred = {each for each in {place.parent for place in told} if self._has_changed(each, changes)}
            beside |= {place for place in told if place.parent in stirred or places[place] in self._unnoted}
        linked = {self._links[path] for path in beside if path in self._links}
        return (beside | linked) & rotated.keys()

    def _has_changed(self, directory: Path, changes: "Changes") -> bool:
        """Say whether other files may stand in a directory than when it was looked at last."""
        return self._opener.directories.has_changed(directory, closely=directory in changes.directories)

    def _watch_target(self, path: Path) -> None:
        """Watch what a symbolic link leads to: it is written to in its own directory."""
        if path.is_symlink():
            target = path.resolve()
            self._links[target] = path
            self._watch(target.parent)

    def _watch(self, directory: Path) -> None:
        if self._watcher:
            self._disk.home.call(self._watcher.add, directory)
            self._watched.add(directory)

    def _forget_gone(self, directories: set[Path]) -> None:
        """Watch no longer for directories that are gone, and in which no path stands that is followed."""
        if not self._watcher:
            return
        rotated = self._paths.rotated
        self._links = {target: path for target, path in self._links.items() if path in rotated}
        needed = directories.union((path.parent for path in rotated), (target.parent for target in self._links))
        for directory in self._watched - needed:
            if not directory.exists():
                self._disk.home.call(self._watcher.remove, directory)
                self._watched.discard(directory)
