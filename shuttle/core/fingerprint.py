"""Which file it is that was read, and up to where: told by its content, not by its path.

A path is a place that rotation fills anew, and the number of an inode is given to the next file as soon as it is free.
So what is kept of a file is, beside those, what its content was: hashes of its head and of the bytes just before the
offset up to which it was read. A file that holds both is the same file, wherever it stands; no other is skipped into.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2s

HEAD = 1024  # bytes: some lines, whose time stamps tell apart what begins with the same banner
TAIL = 256  # bytes: a line or two, at a place that another file has other lines at
_DIGEST = 16  # bytes: no two contents share one by accident

Read = Callable[[int, int], bytes]
"""Takes an offset and a length in bytes and returns what is there; it is less only where the content ends."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A file and how far it was read, as a checkpoint keeps it. HEAD and TAIL are part of what it means."""

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
    """What is known of a file that was read up to the offset: enough for its fingerprint without reading it again."""

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
    """Say whether what `read` gives is what was read of the file, up to the offset at least.

    Nothing is known of a file of which nothing was read: any content agrees. What lies between the head and the last
    bytes is not looked at. The reads go forward.
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
    return blake2s(data, digest_size=_DIGEST, usedforsecurity=False).digest()
