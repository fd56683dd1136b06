"""Fingerprints as a checkpoint has them, of contents that are there: what a test compares with or begins with."""

from pathlib import Path

from shuttle.core.fingerprint import HEAD, TAIL, Fingerprint, Trail


def fingerprint_file(path: Path, offset: int) -> Fingerprint:
    """Return the fingerprint of the file as read up to `offset`."""
    status = path.stat()
    return fingerprint_content(path.read_bytes(), offset, device=status.st_dev, inode=status.st_ino)


def fingerprint_content(content: bytes, offset: int, *, device: int = 1, inode: int = 2) -> Fingerprint:
    """Return the fingerprint of a file of this content as read up to `offset`."""
    read = content[:offset]
    assert len(read) == offset
    return Trail(device, inode, offset, read[:HEAD], read[-TAIL:]).fingerprint()
