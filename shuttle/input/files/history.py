"""History: files of which nothing is to be read, and which nobody may take for new ones.

They were there before their path was followed, belong to somebody else, or were read to their end. Each is known by
device and inode, and by content, so that it is recognized when it gets another name or is compressed.
"""

from collections import defaultdict
from pathlib import Path

from shuttle.core.fingerprint import HEAD, TAIL, Fingerprint, Read, Trail, is_same_content
from shuttle.input.files.open_file import Key, OpenFile
from shuttle.input.files.unpacked import END
from shuttle.store.checkpoint_table import Checkpoint
from shuttle.store.checkpoints import Checkpoints

MOST = 1024  # files of a path; what is older than these is told by its time


class History:
    """The files of which nothing is to be read, by path."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._known: defaultdict[str, dict[int, Checkpoint]] = defaultdict(dict)
        self._by_key: dict[Key, Checkpoint] = {}
        for one in checkpoints.history():
            self._put(one)

    def add(self, path: Path, opened: OpenFile) -> None:
        """Note a file beside `path`, as it is now.

        Raises:
            OSError: It cannot be read.
        """
        fingerprint = _read_fingerprint(opened)
        number = self._checkpoints.enroll(path, fingerprint, history=True)
        self._put(Checkpoint(number, str(path), fingerprint, history=True))

    def retire(self, number: int, path: Path, fingerprint: Fingerprint) -> None:
        """Note a file that was read to its end, up to where `fingerprint` says."""
        self._checkpoints.retire(number, fingerprint)
        self._put(Checkpoint(number, str(path), fingerprint, history=True))

    def find_content(self, key: Key, read: Read, path: Path) -> Checkpoint | None:
        """Return what is known of the file that `read` reads."""
        if (same := self._by_key.get(key)) and _is_same(same.fingerprint, read):
            return same
        for known in list(self._known[str(path)].values()):
            if known.fingerprint.offset and ends_alike(known.fingerprint, read):
                return known
        return None

    def find_read(self, key: Key, read: Read) -> Checkpoint | None:
        """Return what is known of a file, beside any path: it is the same one, or has the same content."""
        if (same := self._by_key.get(key)) and _is_same(same.fingerprint, read):
            return same
        known = [
            one for beside in list(self._known.values()) for one in list(beside.values()) if one.fingerprint.offset
        ]
        return next((one for one in known if ends_alike(one.fingerprint, read)), None)

    def knows(self, key: Key) -> bool:
        """Say whether there was a file with this device and inode."""
        return key in self._by_key

    def remove(self, one: Checkpoint) -> None:
        """Forget a file."""
        self._known[one.path].pop(one.number, None)
        key = (one.fingerprint.device, one.fingerprint.inode)
        if self._by_key.get(key) is one:
            del self._by_key[key]
        self._checkpoints.forget(one.number)

    def _put(self, one: Checkpoint) -> None:
        beside = self._known[one.path]
        beside[one.number] = one
        self._by_key[one.fingerprint.device, one.fingerprint.inode] = one
        if len(beside) > MOST:
            self.remove(next(iter(beside.values())))


def ends_alike(fingerprint: Fingerprint, read: Read) -> bool:
    """Say whether the content that `read` gives is what was read of a file, and no more."""
    return fingerprint.offset < END and is_same_content(fingerprint, read) and not read(fingerprint.offset, 1)


def _is_same(fingerprint: Fingerprint, read: Read) -> bool:
    """Say whether a file is the one that had its inode; one that was empty is it as long as it is empty."""
    return is_same_content(fingerprint, read) if fingerprint.offset else not read(0, 1)


def _read_fingerprint(opened: OpenFile) -> Fingerprint:
    """Return the fingerprint of a whole file; of a compressed one that of its head, as its end takes time to find."""
    head = opened.read_at(0, HEAD)
    if opened.packed and len(head) == HEAD:
        return Trail(*opened.key, END, head, b"").fingerprint()
    size = len(head) if opened.packed else opened.stat().st_size
    start = max(0, size - TAIL)
    return Trail(*opened.key, size, head[:size], opened.read_at(start, size - start)).fingerprint()
