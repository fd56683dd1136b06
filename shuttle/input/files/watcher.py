"""Says which of the followed files may have changed: by inotify, and by polling where inotify is blind.

Strategy: an idle file costs nothing with inotify; polling costs a system call a file and turn. 5,000 idle files took
1 ms of CPU a second and a line was seen after 0.2 ms, 56 ms and 140 ms by os.stat every 200 ms, 77 ms and 110 ms by
os.scandir (`python -m bench.watch`). So a directory is polled only where inotify cannot watch it.

Inotify does not tell of writes by mmap, by another hard link, or to a file that was moved out of the directory or
deleted from it, nor of a link or a mount that now leads elsewhere. For these, and for what nobody thought of, there is
a slow look at everything.
"""

import math
from pathlib import Path

import anyio
import anyio.lowlevel

from shuttle.core.rest import LONGEST
from shuttle.input.files.changes import Changes
from shuttle.input.files.directory_watches import DirectoryWatches
from shuttle.observe.log import Logger

POLL = 0.2  # seconds between two turns of the polled directories: a line is to be seen within 0.25
LOOK = 10.0  # seconds between two looks at everything: 5,000 files cost 0.1 % of a CPU, and what was missed seconds
REST = LONGEST  # seconds from what inotify told to the next reading: a busy file is told 40 times a second, not 1,000


class Watcher:
    """Directories, and what may have changed in them. One task waits; others may add and remove directories meanwhile.

    The directory to add is the one in which a file itself stands: a symbolic link's target has its own.
    """

    def __init__(self, log: Logger, *, blind: str = "") -> None:
        """Poll all directories if inotify is `blind` for a reason; nothing is asked of any of them then."""
        self._watches = DirectoryWatches(log, POLL, blind=blind)
        self._paths: set[Path] = set()  # these three: changed, and not told yet
        self._directories: set[Path] = set()
        self._everything = False
        self._rest_until = self._poll_due = -math.inf
        self._look_due = math.inf
        self._nap: anyio.CancelScope | None = None

    def add(self, directory: Path) -> None:
        """Watch `directory`; if it is not there or cannot be entered, as soon as that changes.

        It then counts as changed, so that nothing is missed that happened just before. A second time does nothing.
        """
        if directory not in self._watches:
            if self._watches.arm(directory):
                self._directories.add(directory)
            if self._nap:
                self._nap.cancel()

    def remove(self, directory: Path) -> None:
        """Watch `directory` no longer. What happened there before may still be told."""
        self._watches.remove(directory)

    async def wait(self, *, until: float = math.inf) -> Changes:
        """Return as soon as something may have changed; at `until`, by `anyio.current_time()`, with nothing.

        What comes within REST of what was told before is told together. A cancellation loses nothing.
        """
        now = anyio.current_time()
        if now >= self._rest_until:
            await anyio.lowlevel.checkpoint()
        while True:
            now = anyio.current_time()
            if now >= self._rest_until:
                if (changes := self._watches.gather()) is not None:
                    self._note(changes)
                    self._rest_until = now + REST
                self._take_turns(now)
                if self._paths or self._directories or self._everything:
                    return self._tell()
            if now >= until:
                return Changes()
            await self._sleep(now, until)

    def close(self) -> None:
        """Let inotify go; nobody may wait any more."""
        self._watches.close()

    def _note(self, changes: Changes) -> None:
        self._paths |= changes.paths
        self._directories |= changes.directories
        self._everything |= changes.everything

    def _tell(self) -> Changes:
        changes = Changes(frozenset(self._paths), frozenset(self._directories), self._everything)
        self._paths, self._directories, self._everything = set(), set(), False
        return changes

    async def _sleep(self, now: float, until: float) -> None:
        """Return at `until`, or when it is time to gather or to look, or when a directory was added."""
        if now < self._rest_until:  # what is added meanwhile is told behind that
            await anyio.sleep(min(self._rest_until, until) - now)
            return
        due = min(self._look_due, self._poll_due if self._watches.polled else math.inf)
        with anyio.CancelScope(deadline=min(due, until)) as self._nap:
            if self._watches.inotify:
                await anyio.wait_readable(self._watches.inotify)
            else:
                await anyio.sleep_forever()

    def _take_turns(self, now: float) -> None:
        """Have everything looked at, or what is polled, if it is time for that."""
        self._look_due = min(self._look_due, now + LOOK)
        if now >= self._look_due:
            self._look_due = now + LOOK
            if len(self._watches):
                self._directories |= self._watches.arm_all()
                self._everything = True
        if self._watches.polled and now >= self._poll_due:
            self._poll_due = now + POLL
            self._directories |= self._watches.polled
