"""Fingerprints: recognize a file that was read by its content, not by its path.

Rotation puts another file at the same path, and the system gives a free inode number to the next file. So a
fingerprint also holds hashes of the content: one of the file's head, and one of the bytes just before the offset up to
which it was read. A file whose content matches both is the same file, whatever its path. In any other file no byte is
skipped.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2s

HEAD = 1024  # bytes: some lines, whose time stamps tell apart what begins with the same banner
TAIL = 256  # bytes: a line or two, at a place that another file has other lines at
DIGEST = 16  # bytes: no two contents share one by accident

Read = Callable[[int, int], bytes]
"""Takes an offset and a length in bytes and returns what is there; it is less only where the content ends."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A file and how far it was read, as a checkpoint keeps it. A change of HEAD or TAIL changes its meaning."""

    device: int
    inode: int
    offset: int
    """Bytes that were read."""
    head_length: int
    """Bytes at the beginning that `head` is of: HEAD, or all that were read."""
    head: bytes
    tail: bytes
    """The hash of up to TAIL bytes before the offset."""


@dataclass(frozen=True, slots=True)
class Trail:
    """The bytes of a file that its fingerprint needs, kept while it is read, so that it is not read again."""

    device: int
    inode: int
    offset: int
    """Bytes that were read."""
    head: bytes = field(repr=False)  # lines of the application have no place in a log of ours
    """The first HEAD of them, or all."""
    tail: bytes = field(repr=False)
    """The last TAIL of them, or all."""

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of the file as read up to here."""
        return Fingerprint(
            self.device, self.inode, self.offset, len(self.head), _make_hash(self.head), _make_hash(self.tail)
        )


def is_same_content(fingerprint: Fingerprint, read: Read) -> bool:
    """Return whether the content from `read` matches `fingerprint`.

    If nothing of the file was read before, any content matches. The bytes between the head and the tail are not
    compared. The head is read first, then the tail.
    """
    if not fingerprint.offset:
        return True
    length = min(TAIL, fingerprint.offset)
    # A content that ends before the offset gives less, and the hash of less is another.
    return (
        _make_hash(read(0, fingerprint.head_length)) == fingerprint.head
        and _make_hash(read(fingerprint.offset - length, length)) == fingerprint.tail
    )


def _make_hash(data: bytes) -> bytes:
    return blake2s(data, digest_size=DIGEST, usedforsecurity=False).digest()
