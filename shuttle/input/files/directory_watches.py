"""Inotify's watches: which one tells of a directory, and which directories have to be polled.

One watch on a directory serves all files in it. A directory that is not there is watched for from the nearest parent
that is. A directory is polled if it stands on something that inotify does not see (mounts.py says what), if it may not
be listed, only entered, or if inotify is missing or refuses.
"""

import contextlib
import errno
import itertools
import os
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from inotify_simple import INotify, flags

from shuttle.input.files.changes import Changes
from shuttle.input.files.mounts import find_blindness
from shuttle.observe.log import Logger

_SELF = flags.ATTRIB | flags.DELETE_SELF | flags.MOVE_SELF | flags.ONLYDIR | flags.MASK_ADD
_OWN = _SELF | flags.MODIFY | flags.CREATE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO
_PARENT = _SELF | flags.CREATE | flags.MOVED_TO  # of a directory that is not there: not every line next to it wakes us

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG}
_REASONS = {
    errno.ENOSPC: "fs.inotify.max_user_watches is reached",
    errno.EMFILE: "fs.inotify.max_user_instances or the limit of open files is reached",
}


class _Lookout(NamedTuple):
    """Where a directory is watched from."""

    path: Path
    """Its own, or while it is not there that of the nearest parent that is."""
    watch: int


class DirectoryWatches:
    """Directories, each watched by inotify or polled every `interval` seconds. Why one is polled is logged once."""

    def __init__(self, log: Logger, interval: float, *, blind: str = "") -> None:
        self._log = log
        self._interval = interval
        self._reasons: set[str] = set()  # for polling, as far as they were logged
        self._lookouts: dict[Path, _Lookout | None] = {}  # of each directory; None: it is polled
        self._served: defaultdict[int, set[Path]] = defaultdict(set)  # by a watch: one may serve several names
        self.polled: set[Path] = set()
        self.inotify: INotify | None = None
        """Readable when there is something to gather; None where it is missing or refused."""
        self._refusal = blind or "there is no inotify"
        with contextlib.suppress(AttributeError):  # not Linux
            try:
                self.inotify = None if blind else INotify(nonblocking=True)
            except OSError as error:
                self._refusal = _explain(error)

    def __len__(self) -> int:
        return len(self._lookouts)

    def __contains__(self, directory: Path) -> bool:
        return directory in self._lookouts

    def arm(self, directory: Path) -> bool:
        """Watch `directory` from where that can be done now, and say whether it counts as changed.

        It does if the watch on it is a new one, or if it is gone.
        """
        before = self._lookouts.get(directory)
        after = self._lookouts[directory] = self._find_lookout(directory)
        (self.polled.discard if after else self.polled.add)(directory)
        if after == before:
            return False
        if after:
            self._served[after.watch].add(directory)
        if before and not (after and after.watch == before.watch):
            self._leave(before, directory)
        return any(lookout and lookout.path == directory for lookout in (before, after))

    def arm_all(self) -> set[Path]:
        """Watch each directory under the name it has now, and return those that count as changed."""
        return {directory for directory in self._lookouts if self.arm(directory)}

    def remove(self, directory: Path) -> None:
        """Watch `directory` no longer."""
        lookout = self._lookouts.pop(directory, None)
        self.polled.discard(directory)
        if lookout:
            self._leave(lookout, directory)

    def gather(self) -> Changes | None:
        """Return, without a wait, what inotify has told since the last time; None if it told nothing."""
        events = set(self.inotify.read(timeout=0)) if self.inotify else set()
        if not events:
            return None
        everything = False
        paths: set[Path] = set()
        directories: set[Path] = set()
        stale: set[Path] = set()
        for watch, mask, _, name in events:
            if mask & flags.Q_OVERFLOW:
                stale.update(self._lookouts)
                everything = True
            for directory in self._served.get(watch, ()):
                lookout = self._lookouts[directory]
                assert lookout
                if lookout.path != directory:
                    if name in ("", directory.parts[len(lookout.path.parts)]):  # the next step on the way to it
                        stale.add(directory)
                elif name:
                    paths.add(directory / name)
                else:
                    directories.add(directory)
                    stale.add(directory)
        directories.update([directory for directory in stale if self.arm(directory)])
        return Changes(frozenset(paths), frozenset(directories), everything)

    def close(self) -> None:
        """Let inotify go; nobody may wait for it any more."""
        if self.inotify:
            self.inotify.close()

    def _find_lookout(self, directory: Path) -> _Lookout | None:
        """Return from where `directory` is watched, or None: it has to be polled."""
        reason = self._refusal
        if self.inotify:
            try:
                lookout = _climb(self.inotify, directory)
                while lookout.path != directory and (again := _climb(self.inotify, directory)) != lookout:
                    self._drop_unused(lookout.watch)  # the next step was made before anybody watched for it
                    lookout = again
            except OSError as error:
                reason = _explain(error)
            else:
                blindness = None if lookout.watch in self._served else find_blindness(lookout.path)
                if not blindness:
                    return lookout
                reason = blindness
                self._drop_unused(lookout.watch)
        if reason not in self._reasons:
            self._reasons.add(reason)
            self._log.info("watch.polling", directory=directory, interval=self._interval, reason=reason)
        return None

    def _leave(self, lookout: _Lookout, directory: Path) -> None:
        self._served[lookout.watch].discard(directory)
        self._drop_unused(lookout.watch)

    def _drop_unused(self, watch: int) -> None:
        if self.inotify and not self._served.get(watch):
            self._served.pop(watch, None)
            with contextlib.suppress(OSError):  # it has ended with its directory
                self.inotify.rm_watch(watch)


def _climb(inotify: INotify, directory: Path) -> _Lookout:
    """Watch `directory` or the nearest parent that is there.

    Raises:
        OSError: Inotify refuses, or what can be entered may not be read.
    """
    missing = OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    for path in itertools.chain((directory,), directory.parents):
        try:
            return _Lookout(path, inotify.add_watch(path, _OWN if path == directory else _PARENT))
        except OSError as error:
            if error.errno not in _ABSENT or (path == directory and os.access(path, os.X_OK) and path.is_dir()):
                raise
            missing = error
    raise missing


def _explain(error: OSError) -> str:
    return _REASONS.get(error.errno or 0) or error.strerror or type(error).__name__
