"""The catalogue: the files that are or were read, by the numbers that the checkpoints have for them."""

from pathlib import Path

from shuttle.clock import Clock
from shuttle.core.fingerprint import HEAD, Fingerprint
from shuttle.core.position import Position
from shuttle.delivery.source import Source
from shuttle.input.files.file import File
from shuttle.input.files.labels import Labels
from shuttle.input.files.open_file import OpenFile
from shuttle.store.checkpoints import Checkpoints


class Catalogue:
    """Gives each file its number and the source of its lines, and finds it by its number.

    A file has one number, and may be found by others too: lines in flight have the number under which they were read.
    """

    def __init__(self, checkpoints: Checkpoints, labels: Labels, clock: Clock) -> None:
        self._checkpoints = checkpoints
        self._labels = labels
        self._clock = clock
        self._files: dict[int, File] = {}

    def __len__(self) -> int:
        return len(self._files)

    def get(self, number: int) -> File | None:
        """Return the file with this number; None if nothing of it can be read any more."""
        return self._files.get(number)

    def begin(self, path: Path, opened: OpenFile, *, number: int | None = None, offset: int = 0) -> File:
        """Return the file that is read from `offset` on: the one that the checkpoints have as `number`, or a new one.

        Raises:
            OSError: It cannot be read.
        """
        trail = opened.read_trail(offset)
        if len(trail.head) < min(HEAD, offset):  # it was truncated just now, and is not what the checkpoint tells of
            number, trail = None, opened.read_trail(0)
        source = self._make_source(path, trail.fingerprint(), number)
        file = File(path, opened, source, self._clock())
        file.begin(source, trail)
        self.add(file.number, file)
        return file

    def begin_again(self, file: File) -> None:
        """Read `file` from its top, as a new one."""
        trail = file.opened.read_trail(0)
        file.begin(self._make_source(file.path, trail.fingerprint(), None), trail)
        self.add(file.number, file)

    def move(self, file: File, copy: OpenFile) -> File:
        """Return the file that reads on in `copy`, in place of `file` and by its number."""
        moved = file.move_to(copy, self._clock())
        self.add(moved.number, moved)
        return moved

    def add(self, number: int, file: File) -> None:
        """Find `file` by `number` too, which is that of another one or was."""
        self._files[number] = file

    def remove(self, number: int) -> None:
        """Find nothing by `number` any more."""
        self._files.pop(number, None)

    def discard(self, file: File) -> None:
        """Find `file` by no number any more."""
        for number in [number for number, one in self._files.items() if one is file]:
            del self._files[number]

    def _make_source(self, path: Path, fingerprint: Fingerprint, number: int | None) -> Source:
        if number is None:
            number = self._checkpoints.enroll(path, fingerprint)
        return self._labels.make(path, Position(number, fingerprint.offset))
