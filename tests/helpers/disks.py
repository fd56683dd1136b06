"""File systems of a test's own: in memory, small, read-only, or without rights for whoever is not root."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

NOBODY = 65534
_MEMORY = Path("/dev/shm")
_ROOM = 256 << 20  # bytes; more than any of these tests takes. A container may have less


def make_scratch() -> TemporaryDirectory[str]:
    """Return a directory in memory, where there is one with room: each fsync() of a disk would be waited for.

    It is for tests that fill some hundred databases, and whose faults are not the file system's.
    """
    fits = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    return TemporaryDirectory(dir=_MEMORY if fits else None)


@contextmanager
def mounted(point: Path, options: str) -> Iterator[Path]:
    """Have a file system at `point`; the test is skipped if this user may mount none."""
    point.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(point)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a file system")
    try:
        yield point
    finally:
        subprocess.run(["umount", "--lazy", point], check=True)


def remount(point: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", point], check=True)


@contextmanager
def reachable() -> Iterator[Path]:
    """Have a directory that every user may look into; pytest's are for one user alone."""
    with TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        yield place


@contextmanager
def without_rights(*own: Path) -> Iterator[None]:
    """Be a user who may write only what is everybody's; root may write everything. `own` is that user's meanwhile."""
    user = os.geteuid()
    if not user:
        _give(own, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        if not user:
            _give(own, user)


def _give(directories: Sequence[Path], user: int) -> None:
    for directory in directories:
        for path in (directory, *directory.iterdir()):
            os.chown(path, user, -1, follow_symlinks=False)
