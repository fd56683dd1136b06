"""Which file systems and mounts inotify does not see all of, from tables of mounts and from this machine's own."""

import os
from pathlib import Path

import pytest

from shuttle.input.files.mounts import LOCAL, Mount, find_blindness, judge_mounts, parse_mounts

PROC = Path("/proc/self")

MOUNTS = rb"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 27 0:50 / /mnt/a\040b\134\011\012c rw master:1 propagate_from:2 unbindable - nfs4 server:/logs rw
31 27 0:51 / /mnt/ssh rw - fuse.sshfs me@host: rw
32 27 0:52 /x\040-\040y /mnt/WILD rw - xfs /dev/sdb rw
""".replace(b"WILD", b"\xff\r")


def test_mounts_with_any_name_are_read() -> None:
    assert parse_mounts(MOUNTS) == [
        Mount(22, Path("/proc"), "proc"),
        Mount(27, Path("/"), "ext4"),
        Mount(30, Path("/mnt/a b\\\t\nc"), "nfs4"),
        Mount(31, Path("/mnt/ssh"), "fuse.sshfs"),
        Mount(32, Path(os.fsdecode(b"/mnt/\xff\r")), "xfs"),
    ]
    assert parse_mounts(b"") == []


@pytest.mark.parametrize(
    ("kind", "polled"),
    [
        *((kind, False) for kind in sorted(LOCAL)),
        *((kind, True) for kind in ("nfs", "nfs4", "cifs", "smb3", "fuse", "fuse.sshfs", "fuseblk", "9p", "virtiofs")),
        *((kind, True) for kind in ("ceph", "lustre", "gfs2", "ocfs2", "afs", "vboxsf", "autofs", "proc", "sysfs")),
        ("of-the-future", True),
    ],
)
def test_a_remote_or_unknown_file_system_is_polled(kind: str, polled: bool) -> None:
    mounts = [Mount(1, Path("/"), "ext4" if polled else "nfs"), Mount(7, Path("/mnt"), kind)]
    reason = judge_mounts(Path("/mnt/logs"), 7, mounts)
    assert (reason is not None) is polled
    assert reason is None or kind in reason


def test_a_directory_on_an_unlisted_mount_is_polled() -> None:
    assert judge_mounts(Path("/"), -1, [Mount(1, Path("/"), "ext4")])


def test_a_directory_with_a_mounted_file_is_polled(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    (real / "directory").mkdir(parents=True)
    (real / "file").touch()
    link.symlink_to("real")
    table = [Mount(1, Path("/"), "ext4")]
    assert judge_mounts(link, 1, [*table, Mount(2, real / "directory", "nfs")]) is None
    assert judge_mounts(link, 1, [*table, Mount(2, real / "file", "ext4")]) is not None
    assert judge_mounts(tmp_path, 1, [*table, Mount(2, real / "file", "ext4")]) is None


@pytest.mark.skipif(not (PROC / "mountinfo").exists(), reason="the table of mounts is Linux's")
def test_a_directory_is_found_in_the_table_of_mounts(tmp_path: Path) -> None:
    assert find_blindness(tmp_path) is None
    assert "proc" in (find_blindness(PROC) or "")
    assert "not known" in (find_blindness(tmp_path / "missing") or "")
