"""The paths that have something to read, and whose turn it is."""

from collections.abc import Iterable

import anyio

from shuttle.input.files.disks import Disk
from shuttle.input.files.rotation.rotated_path import RotatedPath


class ReadyQueue:
    """The paths of a disk that have something to read, each once; the first is the one that has waited longest."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.ready: dict[RotatedPath, None] = {}
        self.leaving = False
        """Nothing more is read but what no later start finds."""
        self._stopped = False
        self._changed = anyio.Event()

    def put(self, path: RotatedPath) -> None:
        """Put `path` at the end unless it waits already, and wake the reader.

        After `leave` only if something of it would be gone for the next start.
        """
        if not self._stopped and (not self.leaving or _is_vanishing(path)):
            self.ready[path] = None
        self.wake()

    def stop(self) -> None:
        """Keep nothing: the files are on a disk that may hang, and nobody can ask what would be gone."""
        self.leaving = True
        self._stopped = True
        self.ready.clear()
        self.wake()

    def leave(self, paths: Iterable[RotatedPath]) -> bool:
        """Keep only those of `paths` of which something would be gone for the next start; say whether there are any."""
        self.leaving = True
        self.ready.clear()
        self.ready.update((path, None) for path in paths if _is_vanishing(path))
        self.wake()
        return bool(self.ready)

    def wake(self) -> None:
        """Wake the reader: something has changed."""
        self._changed.set()

    def expect_change(self) -> anyio.Event:
        """Return the event that `wake` sets from now on."""
        self._changed = anyio.Event()
        return self._changed


def _is_vanishing(path: RotatedPath) -> bool:
    try:
        return bool(path.vanishing)
    except OSError:  # nothing of it can be read
        return False
