"""Where inotify is blind, told by the table of mounts.

Inotify tells only what goes through this kernel and by the watched directory. So it may be blind

- on a file system that others may write to: NFS, CIFS, 9p, virtiofs, FUSE, clusters, and all that is not known. What is
  polled there is as fresh as the client's cache: NFS without `noac` may show a line seconds late, whoever asks;
- if a file in the directory is a mount of its own, as `docker run -v /var/log/app.log:/app.log` makes it: its events go
  to the directory that it has on the host.

overlayfs is watched, which GNU tail does not do: since Linux 4.9 what is written through the overlay is told to its own
inode, which stays the same when the file is copied up; since 4.16 a watched directory is not forgotten with the caches
(both tried on 6.18). What is changed in its layers behind its back is undefined by the kernel's own documents.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

# Local ones: inotify sees every write. A file system that is not named here is polled, which is never wrong.
LOCAL = {
    *("bcachefs", "btrfs", "devtmpfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "ntfs3", "overlay"),
    *("ramfs", "reiserfs", "rootfs", "tmpfs", "ubifs", "vfat", "xfs", "zfs"),
}

_TABLE = Path("/proc/self/mountinfo")


class Mount(NamedTuple):
    """A line of the table of mounts."""

    number: int
    point: Path
    kind: str
    """Of file system."""


def find_blindness(directory: Path) -> str | None:
    """Return why inotify may not see what is written in `directory`; None: it sees it."""
    try:
        number = _find_mount(directory)
        return judge_mounts(directory, number, parse_mounts(_TABLE.read_bytes()))
    except OSError as error:
        return f"the file system is not known: {error.strerror}"


def judge_mounts(directory: Path, number: int, mounts: Sequence[Mount]) -> str | None:
    """Return why inotify may not see what is written in `directory`, which stands on mount `number`.

    Raises:
        OSError: What a mount in it is cannot be told: it may be listed and not entered.
    """
    kind = next((mount.kind for mount in mounts if mount.number == number), "an unknown file system")
    if kind not in LOCAL:
        return f"{kind} may be written to where inotify does not see it"
    real = Path(os.path.realpath(directory))
    if any(mount.point.parent == real and not mount.point.is_dir() for mount in mounts):
        return "a file in it is a mount of its own"
    return None


def parse_mounts(table: bytes) -> list[Mount]:
    """Return what /proc/self/mountinfo says; a name in it may be any bytes."""
    mounts = []
    for line in table.split(b"\n"):
        mount, _, system = line.partition(b" - ")
        match mount.split(b" "):
            case [number, _, _, _, point, *_]:
                point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), point)
                kind = system.partition(b" ")[0]
                mounts.append(Mount(int(number), Path(os.fsdecode(point)), os.fsdecode(kind)))
    return mounts


def _find_mount(directory: Path) -> int:
    """Return the number of the mount on which `directory` stands; -1 if the kernel does not say.

    Raises:
        OSError: It cannot be entered, or there is no /proc.
    """
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        number = re.search(rb"^mnt_id:\s*(\d+)", Path(f"/proc/self/fdinfo/{fd}").read_bytes(), re.MULTILINE)
    finally:
        os.close(fd)
    return int(number[1]) if number else -1
