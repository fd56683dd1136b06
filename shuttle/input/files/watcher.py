"""Tells a follower of files which of them may have changed: by inotify, and by polling where inotify is blind.

One inotify watch on a directory serves all files in it, and an idle file costs nothing at all; polling costs a system
call a file and turn. 5,000 idle files took 1 ms of CPU a second and a line was seen after 0.2 ms, 56 ms and 140 ms by
os.stat every 200 ms, 77 ms and 110 ms by os.scandir (`python -m bench.watch`). So a directory is polled only where it
stands on something that inotify does not see (mounts.py says what), if it may not be listed, only entered, or where
inotify is missing or refused.

Nobody tells of writes by mmap, by another hard link, or to a file that was moved out of the directory or has lost it,
nor of a link or a mount that now leads elsewhere. For these, and for what nobody thought of, there is a slow look at
everything.
"""

import contextlib
import errno
import itertools
import math
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.lowlevel
from inotify_simple import INotify, flags

from shuttle.input.files.mounts import find_blindness
from shuttle.observe.log import Logger

POLL = 0.2  # seconds between two turns of the polled directories: a line is to be seen within 0.25
LOOK = 10.0  # seconds between two looks at everything: 5,000 files cost 0.1 % of a CPU, and what was missed seconds
REST = 0.02  # seconds from what inotify told to the next reading: a busy file is told 50 times a second, not 1,000

_SELF = flags.ATTRIB | flags.DELETE_SELF | flags.MOVE_SELF | flags.ONLYDIR | flags.MASK_ADD
_OWN = _SELF | flags.MODIFY | flags.CREATE | flags.DELETE | flags.MOVED_FROM | flags.MOVED_TO
_PARENT = _SELF | flags.CREATE | flags.MOVED_TO  # of a directory that is not there: not every line next to it wakes us

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG}
_REASONS = {
    errno.ENOSPC: "fs.inotify.max_user_watches is reached",
    errno.EMFILE: "fs.inotify.max_user_instances or the limit of open files is reached",
}


@dataclass(frozen=True, slots=True)
class Changes:
    """What may have changed. Nothing of it need have, and a path may have appeared, grown, shrunk or gone."""

    paths: frozenset[Path] = frozenset()
    """Directory and name, as the directory was added."""
    directories: frozenset[Path] = frozenset()
    """Any path in these."""
    everything: bool = False
    """Any path at all: files that were moved out of their directory too."""

    def __contains__(self, path: Path) -> bool:
        return self.everything or path in self.paths or path.parent in self.directories


class _Lookout(NamedTuple):
    """Where a directory is watched from."""

    path: Path
    """Its own, or while it is not there that of the nearest parent that is."""
    watch: int


class Watcher:
    """Directories, and what may have changed in them. One task waits; directories come and go meanwhile or not.

    It is the directory in which a file itself stands that has to be added: a symbolic link's target has its own.
    """

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._reasons: set[str] = set()  # for polling, as far as they were told
        self._lookouts: dict[Path, _Lookout | None] = {}  # of each directory that was added; None: it is polled
        self._polled: set[Path] = set()
        self._served: defaultdict[int, set[Path]] = defaultdict(set)  # by a watch: one may serve several names
        self._paths: set[Path] = set()  # these three: changed, and not told yet
        self._directories: set[Path] = set()
        self._everything = False
        self._rest_until = self._poll_due = -math.inf
        self._look_due = math.inf
        self._nap: anyio.CancelScope | None = None
        self._inotify: INotify | None = None
        self._refusal = "there is no inotify"
        with contextlib.suppress(AttributeError):  # not Linux
            try:
                self._inotify = INotify(nonblocking=True)
            except OSError as error:
                self._refusal = _explain(error)

    def add(self, directory: Path) -> None:
        """Watch `directory`; if it is not there or cannot be entered, as soon as that changes.

        It then counts as changed, so that nothing is missed that happened just before. A second time does nothing.
        """
        if directory not in self._lookouts:
            self._arm(directory)
            if self._nap:
                self._nap.cancel()

    def remove(self, directory: Path) -> None:
        """Watch `directory` no longer; what it has to tell may still be told."""
        lookout = self._lookouts.pop(directory, None)
        self._polled.discard(directory)
        if lookout:
            self._leave(lookout, directory)

    async def wait(self, *, until: float = math.inf) -> Changes:
        """Return as soon as something may have changed; at `until`, by `anyio.current_time()`, with nothing.

        What comes within REST of what was told before is told together. A cancellation loses nothing.
        """
        await anyio.lowlevel.checkpoint()
        while True:
            now = anyio.current_time()
            if now >= self._rest_until:
                if self._gather():
                    self._rest_until = now + REST
                self._take_turns(now)
                if self._paths or self._directories or self._everything:
                    return self._tell()
            if now >= until:
                return Changes()
            await self._sleep(now, until)

    def close(self) -> None:
        """Let inotify go; nobody may wait any more."""
        if self._inotify:
            self._inotify.close()

    def _tell(self) -> Changes:
        changes = Changes(frozenset(self._paths), frozenset(self._directories), self._everything)
        self._paths, self._directories, self._everything = set(), set(), False
        return changes

    async def _sleep(self, now: float, until: float) -> None:
        """Return at `until`, or when it is time to gather or to look, or when a directory was added."""
        resting = now < self._rest_until
        due = self._rest_until if resting else min(self._look_due, self._poll_due if self._polled else math.inf)
        with anyio.CancelScope(deadline=min(due, until)) as self._nap:
            if self._inotify and not resting:
                await anyio.wait_readable(self._inotify)
            else:
                await anyio.sleep_forever()

    def _take_turns(self, now: float) -> None:
        """Have everything looked at, or what is polled, if it is time for that."""
        self._look_due = min(self._look_due, now + LOOK)
        if now >= self._look_due:
            self._look_due = now + LOOK
            if self._lookouts:
                self._look()
        if self._polled and now >= self._poll_due:
            self._poll_due = now + POLL
            self._directories |= self._polled

    def _look(self) -> None:
        """See that each directory is watched that can be, under the name it has now, and have everything looked at."""
        for directory in self._lookouts:
            self._arm(directory)
        self._everything = True

    def _gather(self) -> bool:
        """Take what inotify has to tell, without a wait, and say whether it had anything."""
        events = set(self._inotify.read(timeout=0)) if self._inotify else set()
        stale: set[Path] = set()
        for watch, mask, _, name in events:
            if mask & flags.Q_OVERFLOW:
                stale.update(self._lookouts)
                self._everything = True
            for directory in self._served.get(watch, ()):
                lookout = self._lookouts[directory]
                assert lookout
                if lookout.path != directory:
                    if name in ("", directory.parts[len(lookout.path.parts)]):  # the next step on the way to it
                        stale.add(directory)
                elif name:
                    self._paths.add(directory / name)
                else:
                    self._directories.add(directory)
                    stale.add(directory)
        for directory in stale:
            self._arm(directory)
        return bool(events)

    def _arm(self, directory: Path) -> None:
        """Watch `directory` from where that can be done now; if that is new, or it is gone, it counts as changed."""
        before = self._lookouts.get(directory)
        after = self._lookouts[directory] = self._find_lookout(directory)
        (self._polled.discard if after else self._polled.add)(directory)
        if after == before:
            return
        if after:
            self._served[after.watch].add(directory)
        if before and not (after and after.watch == before.watch):
            self._leave(before, directory)
        if any(lookout and lookout.path == directory for lookout in (before, after)):
            self._directories.add(directory)

    def _find_lookout(self, directory: Path) -> _Lookout | None:
        """Return from where `directory` is watched, or None: it has to be polled."""
        reason = self._refusal
        if self._inotify:
            try:
                lookout = _climb(self._inotify, directory)
                while lookout.path != directory and (again := _climb(self._inotify, directory)) != lookout:
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
            self._log.info("watch.polling", directory=directory, interval=POLL, reason=reason)
        return None

    def _leave(self, lookout: _Lookout, directory: Path) -> None:
        self._served[lookout.watch].discard(directory)
        self._drop_unused(lookout.watch)

    def _drop_unused(self, watch: int) -> None:
        if self._inotify and not self._served.get(watch):
            self._served.pop(watch, None)
            with contextlib.suppress(OSError):  # it has ended with its directory
                self._inotify.rm_watch(watch)


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
