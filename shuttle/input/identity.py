"""Which file it is that was read, and up to where: told by its content, not by its path.

A path is a place that rotation fills anew, and the number of an inode is given to the next file as soon as it is free.
So what is kept of a file is, beside those, what its content was: hashes of its head and of the bytes just before the
offset up to which it was read. A file that holds both is the same file, wherever it stands; no other is skipped into.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2s

HEAD = 1024  # bytes: some lines, whose time stamps tell apart what begins with the same banner
TAIL = 256  # bytes: a line or two, at a place that another file has other lines at
_DIGEST = 16  # bytes: no two contents share one by accident

Read = Callable[[int, int], bytes]
"""Takes an offset and a length in bytes and returns what is there; it is less only where the content ends."""


@dataclass(frozen=True, slots=True)
class Identity:
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
    """What is kept of a file while it is read forward, so that its identity is known without reading it again.

    A trail is a value: one that is kept, by a batch or for a checkpoint, stands for the place where it was made. It
    costs two short copies a chunk; hashes are made when an identity is asked for.
    """

    device: int
    inode: int
    offset: int = 0
    """Bytes that were read."""
    head: bytes = field(default=b"", repr=False)  # lines of the application have no place in a log of ours
    tail: bytes = field(default=b"", repr=False)

    def advance(self, chunk: bytes | memoryview) -> "Trail":
        """Return the trail behind `chunk`, which was read at the offset. Nothing of the chunk is kept alive."""
        length = len(chunk)
        head = self.head
        if len(head) < HEAD:
            head += bytes(chunk[: HEAD - len(head)])
        tail = bytes(chunk[-TAIL:])
        if length < TAIL:
            tail = (self.tail + tail)[-TAIL:]
        return Trail(self.device, self.inode, self.offset + length, head, tail)

    def identify(self) -> Identity:
        """Return the identity of the file as read up to here."""
        return Identity(
            self.device, self.inode, self.offset, len(self.head), _make_hash(self.head), _make_hash(self.tail)
        )


def trace(fd: int, offset: int) -> Trail:
    """Return the trail of the open file `fd` as if it had been read up to `offset`.

    Raises:
        OSError: It cannot be read.
        EOFError: It is shorter than that.
    """
    status = os.fstat(fd)
    head = read_at(fd, 0, min(HEAD, offset))
    length = min(TAIL, offset)
    tail = read_at(fd, offset - length, length)
    if len(head) < min(HEAD, offset) or len(tail) < length:
        raise EOFError
    return Trail(status.st_dev, status.st_ino, offset, head, tail)


def identify(fd: int, offset: int) -> Identity:
    """Return the identity of the open file `fd` as read up to `offset`.

    Raises:
        OSError: It cannot be read.
        EOFError: It is shorter than that.
    """
    return trace(fd, offset).identify()


def is_same_content(identity: Identity, read: Read) -> bool:
    """Say whether what `read` gives is what was read of the file, up to the offset at least.

    Nothing is known of a file of which nothing was read: any content agrees. What lies between the head and the last
    bytes is not looked at. The reads go forward.
    """
    if not identity.offset:
        return True
    length = min(TAIL, identity.offset)
    # A content that ends before the offset gives less, and the hash of less is another.
    return (
        _make_hash(read(0, identity.head_length)) == identity.head
        and _make_hash(read(identity.offset - length, length)) == identity.tail
    )


def still_holds(trail: Trail, fd: int) -> bool:
    """Say whether the bytes just before the offset are still what was read of the open file `fd`: one short read.

    A file that was truncated and has grown past the offset between two looks has others there.

    Raises:
        OSError: It cannot be read.
    """
    length = len(trail.tail)
    return read_at(fd, trail.offset - length, length) == trail.tail


def read_at(fd: int, offset: int, length: int) -> bytes:
    """Return `length` bytes of the open file `fd` from `offset` on, or as many as there are up to its end.

    Raises:
        OSError: It cannot be read.
    """
    data = os.pread(fd, length, offset) if length else b""
    while 0 < len(data) < length:  # a file system in user space may give less than there is
        more = os.pread(fd, length - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def _make_hash(data: bytes) -> bytes:
    return blake2s(data, digest_size=_DIGEST, usedforsecurity=False).digest()
