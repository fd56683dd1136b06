"""What directories hold, by name and by inode. A listing serves until its directory changes.

Thousands of files may stand in one directory and be rotated together. To list it for each of them would take seconds.
"""

import os
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_SETTLED = 50_000_000  # nanoseconds; a change within the clock tick of the one before does not show in a time


class Listing(NamedTuple):
    """The names in a directory, in order."""

    names: list[str]
    inodes: dict[int, list[str]]
    links: set[str]
    """Those that are symbolic links."""

    def list_prefixed(self, prefix: str) -> Iterator[str]:
        """Yield the names that begin with `prefix`."""
        for place in range(bisect_left(self.names, prefix), len(self.names)):
            if not self.names[place].startswith(prefix):
                return
            yield self.names[place]


_COARSE = 2_000_000_000  # nanoseconds; FAT counts time in such steps, and a server may be late

_EMPTY = Listing([], {}, set())


class Directories:
    """Lists directories, and keeps what they hold."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, Listing]] = {}  # with the time of the directory's last change
        self._asked: dict[Path, int] = {}  # that time, when somebody asked whether it has changed

    def list(self, directory: Path) -> Listing:
        """Return what the directory holds; nothing if it cannot be listed."""
        try:
            changed = directory.stat().st_mtime_ns
            known = self._known.get(directory)
            if known and known[0] == changed:
                return known[1]
            listing = _read(directory)
        except OSError:
            self._known.pop(directory, None)
            return _EMPTY
        if time.time_ns() > changed + _SETTLED:
            self._known[directory] = (changed, listing)
        return listing

    def has_changed(self, directory: Path, *, closely: bool) -> bool:
        """Say whether it may hold other files than when this was asked last.

        Looked at `closely`, it may as long as another change would not show in its time.
        """
        try:
            changed = directory.stat().st_mtime_ns
        except OSError:
            self._asked.pop(directory, None)
            return True
        before = self._asked.get(directory)
        self._asked[directory] = changed
        return changed != before or (closely and time.time_ns() < changed + _COARSE)


def _read(directory: Path) -> Listing:
    inodes: defaultdict[int, list[str]] = defaultdict(list)
    names: list[str] = []
    links: set[str] = set()
    with os.scandir(directory) as entries:
        for entry in entries:
            names.append(entry.name)
            inodes[entry.inode()].append(entry.name)
            if entry.is_symlink():
                links.add(entry.name)
    return Listing(sorted(names), dict(inodes), links)
