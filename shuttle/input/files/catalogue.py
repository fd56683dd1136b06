"""The catalogue: the files that are or were read, by the numbers that the checkpoints have for them."""

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from shuttle.clock import Clock
from shuttle.core.fingerprint import HEAD, Fingerprint, Read, Trail, is_same_content
from shuttle.core.position import Position
from shuttle.delivery.source import Source
from shuttle.input.files.content import Content
from shuttle.input.files.descriptors import Descriptors
from shuttle.input.files.file import File
from shuttle.input.files.history import History, ends_alike
from shuttle.input.files.labels import Labels
from shuttle.input.files.open_file import Key, OpenFile
from shuttle.input.files.unpacked import END
from shuttle.store.checkpoint_table import Checkpoint
from shuttle.store.checkpoints import Checkpoints


class ChangedError(Exception):
    """A file that was recognized is another one by now: it was truncated just then."""


class Catalogue:
    """Gives each file its number and the source of its lines, and finds it by its number.

    A file has one number, and may be found by others too: lines in flight have the number under which they were read.
    """

    def __init__(self, checkpoints: Checkpoints, labels: Labels, clock: Clock, descriptors: Descriptors) -> None:
        self.history = History(checkpoints)
        self.descriptors = descriptors
        self._checkpoints = checkpoints
        self._labels = labels
        self._clock = clock
        self._files: dict[int, File] = {}
        self._by_key: dict[Key, File] = {}

    def __len__(self) -> int:
        return len(self._files)

    def together(self) -> AbstractContextManager[None]:
        """Record what becomes of files in the block together: a kill leaves all of it, or nothing."""
        return self._checkpoints.together()

    def get(self, number: int) -> File | None:
        """Return the file with this number; None if nothing of it can be read any more."""
        return self._files.get(number)

    def find(self, key: Key, read: Read) -> File | None:
        """Return the file with this device and inode that is read, or was and is not settled.

        One that was let go may have been deleted since, and its inode be another file's: `read` tells by the content.

        Raises:
            OSError: The file cannot be read.
        """
        file = self._by_key.get(key)
        if file is None or not file.closed:
            return file
        return file if file.offset and is_same_content(file.fingerprint(file.offset), read) else None

    def is_open(self, key: Key) -> bool:
        """Say whether the file with this device and inode is open."""
        return key in self._by_key and not self._by_key[key].closed

    def list_open(self) -> list[File]:
        """Return the files that are open."""
        return [file for file in list(self._by_key.values()) if not file.closed]

    def find_closed(self, path: Path, opened: OpenFile) -> Path | None:
        """Return the path of a file that was let go and is not settled, if what `path` leads to is a copy of it.

        A path does not lead to copies of its own files, unless they are compressed.

        Raises:
            OSError: It cannot be read.
        """
        for file in list(self._by_key.values()):
            if not file.closed or not file.offset or (file.path == path and not opened.packed):
                continue
            if ends_alike(file.fingerprint(file.offset), opened.read_at):
                return file.path
        return None

    def is_known(self, key: Key, content: Content, path: Path) -> bool:
        """Say whether a file, which may be beside `path`, was read, or is history, or holds all of such a one.

        Raises:
            OSError: It, or one of those, cannot be read.
        """
        if self.find(key, content.read) or self.history.find_content(key, content.read, path):
            return True
        own = {file for file in list(self._files.values()) if file.path == path}
        return any(_holds_all(content, file) for file in own)

    def resume(
        self, path: Path, opened: OpenFile, one: Checkpoint, *, place: Path | None = None, anew: bool = False
    ) -> File:
        """Return the file that `one` tells of, which is read on from there; by a new number if `anew`.

        It stands at `place`, links resolved.

        Raises:
            OSError: It cannot be read.
            ChangedError: It is not what the checkpoint tells of any more.
        """
        known, trail = one.fingerprint, opened.read_trail(one.fingerprint.offset)
        found = replace(trail, head=trail.head[: known.head_length]).fingerprint()  # more of it may stand there by now
        if (found.head, found.tail) != (known.head, known.tail):
            raise ChangedError
        return self._begin(path, opened, trail, None if anew else one.number, place)

    def begin(self, path: Path, opened: OpenFile, *, offset: int = 0, place: Path | None = None) -> File:
        """Return a new file that is read from `offset` on. It stands at `place`, links resolved.

        Raises:
            OSError: It cannot be read.
        """
        trail = opened.read_trail(offset)
        if offset < END and len(trail.head) < min(HEAD, offset):  # it was truncated just now
            trail = opened.read_trail(0)
        return self._begin(path, opened, trail, None, place)

    def _begin(self, path: Path, opened: OpenFile, trail: Trail, number: int | None, place: Path | None) -> File:
        source = self._make_source(path, trail.fingerprint(), number, place)
        file = File(path, opened, source, self._clock(), place=place)
        file.begin(source, trail)
        self.add(file.number, file)
        return file

    def begin_again(self, file: File) -> None:
        """Read `file` from its top, as a new one."""
        if file.opened.packed:
            file.opened.read_at(0, 1)  # what is in it now may not be compressed
        trail = file.opened.read_trail(0)
        file.begin(self._make_source(file.path, trail.fingerprint(), None, file.place), trail)
        self.add(file.number, file)

    def move(self, file: File, copy: OpenFile) -> None:
        """Read `file` on in `copy`. Whoever calls this has what was open until now."""
        self._by_key.pop(file.opened.key, None)
        file.move_to(copy, self._clock())
        self._by_key[copy.key] = file
        self.descriptors.add(file)

    def add(self, number: int, file: File) -> None:
        """Find `file` by `number` too, which is that of another one or was."""
        self._files[number] = file
        self._by_key[file.opened.key] = file
        self.descriptors.add(file)

    def remove(self, number: int) -> None:
        """Find nothing by `number` any more."""
        file = self._files.pop(number, None)
        if file and file.number == number:
            self.descriptors.discard(file)
        if file and file.number == number and self._by_key.get(file.opened.key) is file:
            del self._by_key[file.opened.key]

    def retire(self, number: int) -> bool:
        """Make the file history, if there is one that has this number; say whether there is.

        So does a file that was not found again: it may turn up, or a copy of it, and was read.
        """
        file = self._files.get(number)
        if file is None and (one := self._checkpoints.find(number)) and one.fingerprint.offset:
            self.history.retire(number, Path(one.path), one.fingerprint)
            return True
        self.remove(number)
        if file is None or file.number != number or not file.offset:
            return False
        self.history.retire(number, file.path, file.fingerprint(file.offset))
        return True

    def discard(self, file: File) -> None:
        """Find `file` by no number any more."""
        for number in [number for number, one in list(self._files.items()) if one is file]:
            self.remove(number)

    def measure(self) -> dict[int, int]:
        """Return how far the data of the files went when they were looked at last, by number: not zeros at an end."""
        return {
            number: max(file.size if file.has_uncounted else 0, file.counted, file.offset)
            for number, file in list(self._files.items())
        }

    def take_up(self, one: Checkpoint, path: Path) -> Checkpoint:
        """Return the checkpoint of a file that was let go, as one that is read on by `path`."""
        number = self._checkpoints.enroll(path, one.fingerprint)
        self.history.remove(one)  # not before: a kill in between must leave one of them
        return Checkpoint(number, str(path), one.fingerprint)

    def note_unread(self, path: Path, key: Key) -> Checkpoint:
        """Return the checkpoint of a file at `path` that could not be read yet: nothing but its inode is known."""
        fingerprint = Trail(*key, 0, b"", b"").fingerprint()
        return Checkpoint(self._checkpoints.enroll(path, fingerprint), str(path), fingerprint)

    def _make_source(self, path: Path, fingerprint: Fingerprint, number: int | None, place: Path | None) -> Source:
        if number is None:
            number = self._checkpoints.enroll(path, fingerprint, place=str(place or ""))
        return self._labels.make(path, Position(number, fingerprint.offset))


def _holds_all(content: Content, file: File) -> bool:
    """Say whether a copy holds all that a file does, or may do so when all of it is there.

    Raises:
        OSError: One of them cannot be read.
    """
    if file.closed:
        return bool(file.offset) and ends_alike(file.fingerprint(file.offset), content.read)
    if file.opened.packed or not (size := file.opened.stat().st_size):
        return False
    if not is_same_content(file.opened.read_trail(size).fingerprint(), content.read):
        return content.packed and content.unfinished and file.opened.read_at(0, HEAD).startswith(content.read(0, HEAD))
    return not content.read(size, 1)
