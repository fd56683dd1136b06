"""All files of a configuration, whatever disk they are on: found by the numbers that the checkpoints have for them."""

from collections.abc import Sequence
from pathlib import Path

from shuttle.input.files.disk_files import DiskFiles
from shuttle.input.files.disks import Disk
from shuttle.input.files.file import File
from shuttle.store.checkpoint_table import Checkpoint
from shuttle.store.checkpoints import Checkpoints


class AllFiles:
    """The files of all disks, the local ones first."""

    def __init__(self, disks: Sequence[DiskFiles], checkpoints: Checkpoints) -> None:
        self.local, *self.others = disks
        self._checkpoints = checkpoints

    @property
    def disks(self) -> list[DiskFiles]:
        """The files by disk."""
        return [self.local, *self.others]

    def choose(self, path: Path) -> DiskFiles:
        """Return those to which `path` belongs."""
        return next((one for one in self.others if one.concerns(path)), self.local)

    def list_known(self, one: DiskFiles) -> list[Checkpoint]:
        """Return the checkpoints of the paths of these files."""
        return [known for known in self._checkpoints.files() if self.choose(Path(known.path)) is one]

    def get(self, number: int) -> File | None:
        """Return the file with this number; None if nothing of it can be read any more."""
        return next((file for one in self.disks if (file := one.catalogue.get(number))), None)

    def find_disk(self, number: int) -> Disk:
        """Return the disk of the file with this number."""
        return self._find(number).disk

    def awaits(self, number: int) -> bool:
        """Say whether the file with this number may be opened yet: its path could not be, and will be tried again."""
        one = self._find(number)
        return not one.tracker or one.tracker.awaits(number)

    def look_at(self, path: Path) -> None:
        """Have a followed path looked at."""
        if tracker := self.choose(path).tracker:
            tracker.look_at(path)

    def note_error(self, path: Path, error: OSError) -> None:
        """Note that a file of `path` could not be read; it is looked at again."""
        if tracker := self.choose(path).tracker:
            tracker.note_error(path, error)

    def retire(self, number: int) -> bool:
        """Make the file history, if there is one that has this number; say whether there is."""
        return self._find(number).catalogue.retire(number)

    def measure(self) -> dict[int, int]:
        """Return how far the data of the files went when they were looked at last, by number."""
        return {number: size for one in self.disks for number, size in one.catalogue.measure().items()}

    def _find(self, number: int) -> DiskFiles:
        if one := next((one for one in self.others if one.catalogue.get(number)), None):
            return one
        known = self._checkpoints.find(number)
        return self.choose(Path(known.path)) if known else self.local
