"""Begins to follow a path: with its files, or as a FIFO."""

import resource
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from shuttle.clock import Clock
from shuttle.input.files.catalogue import Catalogue
from shuttle.input.files.fifos import Fifos
from shuttle.input.files.followed_paths import FollowedPaths
from shuttle.input.files.missed_lines import MissedLines
from shuttle.input.files.rotation.rotated_path import RotatedPath
from shuttle.store.checkpoint_table import Checkpoint

SPARE = 32  # file descriptors that files leave to the drain's connections, the store and whoever hosts all this


class PathOpener:
    """Begins to follow paths, from the checkpoints of an earlier process where there are any.

    Attributes:
        known: The checkpoints of paths that are not followed yet, the oldest first.
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
        at_end: bool,
    ) -> None:
        self.known: dict[Path, list[Checkpoint]] = defaultdict(list)
        for checkpoint in checkpoints:
            self.known[Path(checkpoint.path)].append(checkpoint)
        self._paths = paths
        self._fifos = fifos
        self._catalogue = catalogue
        self._missed = missed
        self._clock = clock
        self._at_end = at_end
        self._most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE

    def open(self, path: Path, *, first: bool) -> RotatedPath | None:
        """Begin to follow `path`; `first` says that it was there when the process started.

        Returns:
            None if its files cannot be read now, or if it is read as a FIFO.
        """
        if len(self._catalogue) >= self._most:
            self._paths.note_waiting(len(self._catalogue))
            return None
        try:
            if self._fifos.open(path):
                return None
            rotated = RotatedPath.open(
                path,
                self.known.get(path, ()),
                catalogue=self._catalogue,
                missed=self._missed,
                clock=self._clock,
                at_end=first and self._at_end,
                check=self._paths.check,
            )
        except OSError as error:
            self._paths.note_unreadable(path, error)
            return None
        self._paths.note_readable(path)
        self.known.pop(path, None)
        self._paths.rotated[path] = rotated
        return rotated
