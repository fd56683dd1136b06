"""What was opened at a path that matched is checked again: a link may have taken its place."""

import os
from pathlib import Path

import pytest

from shuttle.input.files.discovery import Discovery
from tests.helpers.virtual import Journal

OTHER = 12345  # a user without rights


def make(pattern: Path) -> Discovery:
    return Discovery([str(pattern)], Journal(), rotated=True, follow_links=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_link_that_takes_a_place_later_is_refused(tmp_path: Path) -> None:
    secret, path = tmp_path / "secret", tmp_path / "app.log"
    secret.touch()
    path.symlink_to(secret)
    os.lchown(path, OTHER, OTHER)
    with pytest.raises(PermissionError, match="a link of another user"):
        make(tmp_path / "*.log").check(path, secret.stat())
    make(path).check(path, secret.stat())


def test_what_was_opened_is_what_was_checked(tmp_path: Path) -> None:
    path, other = tmp_path / "app.log", tmp_path / "other"
    path.touch()
    other.touch()
    discovery = make(tmp_path / "*.log")
    discovery.check(path, path.stat())
    with pytest.raises(PermissionError, match="elsewhere"):
        discovery.check(path, other.stat())
