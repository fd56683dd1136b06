"""Files and links of other users, as whoever may write to a directory leaves them there."""

import os
from pathlib import Path

import pytest

OTHER, THIRD = 54_321, 54_322  # users of nobody
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")


def make(path: Path, owner: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("line\n")
    if owner is not None:
        os.chown(path, owner, owner)
    return path


def link(path: Path, target: Path | str, owner: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    if owner is not None:
        os.lchown(path, owner, owner)
    return path
