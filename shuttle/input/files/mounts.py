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
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# Local ones: inotify sees every write. A file system that is not named here is polled, which is never wrong.
LOCAL = {
    *("bcachefs", "btrfs", "devtmpfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "ntfs3", "overlay"),
    *("ramfs", "reiserfs", "rootfs", "tmpfs", "ubifs", "vfat", "xfs", "zfs"),
}

# Made by the kernel or read from a local device, and no log is written there: nothing that they are asked can hang.
_STEADY = LOCAL | {
    *("bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs", "erofs", "hugetlbfs", "iso9660"),
    *("mqueue", "proc", "pstore", "securityfs", "squashfs", "sysfs", "tracefs"),
}
_MOST_LINKS = 40  # that lead to each other, as for the kernel

TABLE = Path("/proc/self/mountinfo")


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
        return judge_mounts(directory, number, parse_mounts(TABLE.read_bytes()))
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
    names = {mount.point.name for mount in mounts if mount.point.parent == real}
    if names and names & _list_files(real):
        return "a file in it is a mount of its own"
    return None


def _list_files(directory: Path) -> set[str]:
    """Return the names of what is no directory. The list tells it; to ask what is mounted there might take for ever."""
    with os.scandir(directory) as entries:
        return {entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)}


def read_hanging() -> dict[Path, bool]:
    """Return the points of all mounts, and of each whether what is mounted there may hang: NFS, FUSE, all unknown ones.

    Nothing if there is no table: nobody can tell then, and all is taken for local.
    """
    try:
        mounts = parse_mounts(TABLE.read_bytes())
    except OSError:
        return {}
    return {mount.point: mount.kind not in _STEADY for mount in mounts}  # the last one hides the others


def find_hanging(path: Path, hanging: Mapping[Path, bool]) -> Path | None:
    """Return the point of the mount that may hang and on which `path` leads to a file; None if there is none.

    Links are followed, and nothing is asked of a file system that may hang.
    """
    left = deque(path.absolute().parts[1:])
    place = Path("/")
    links = 0
    while not hanging.get(place):
        if not left:
            return None
        step = left.popleft()
        if step == os.pardir:
            place = place.parent
            continue
        below = place / step
        target = None if hanging.get(below) or links == _MOST_LINKS else _read_link(below)
        if target is None:
            place = below
            continue
        links += 1
        left.extendleft(reversed([part for part in target.parts if part != "/"]))
        place = Path("/") if target.is_absolute() else place
    return place


def _read_link(path: Path) -> Path | None:
    """Return where a link leads; None if it is none."""
    try:
        return path.readlink()
    except OSError:
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
