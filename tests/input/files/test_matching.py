"""A path that matches a pattern is trusted less than one that was named."""

import os
import socket
from pathlib import Path

import pytest

from shuttle.input.files.discovery import Discovery
from shuttle.input.files.matching import find_distrust, find_matches
from tests.helpers.virtual import Journal

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


def distrusts(path: Path, pattern: Path | str, *, follow_links: bool = False) -> str:
    return find_distrust(path, str(pattern), follow_links=follow_links)


def test_a_file_and_a_fifo_are_trusted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "b.log")
    assert not distrusts(make(tmp_path / "a.log"), tmp_path / "*.log")
    assert not distrusts(tmp_path / "b.log", tmp_path / "*.log")


@pytest.mark.parametrize("follow_links", [False, True])
def test_devices_and_sockets_are_never_read(tmp_path: Path, follow_links: bool) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "a.log"))
        for path in (tmp_path / "a.log", link(tmp_path / "b.log", "/dev/zero"), link(tmp_path / "c.log", "/dev/null")):
            assert "device" in distrusts(path, tmp_path / "*.log", follow_links=follow_links)


@AS_ROOT
def test_a_link_of_another_user_is_refused(tmp_path: Path) -> None:
    path = link(tmp_path / "logs" / "a.log", make(tmp_path / "secret"), OTHER)
    assert "link of another user" in distrusts(path, tmp_path / "logs" / "*.log")
    assert not distrusts(path, tmp_path / "logs" / "*.log", follow_links=True)


@AS_ROOT
def test_a_link_to_ones_own_file_is_followed(tmp_path: Path) -> None:
    path = link(tmp_path / "logs" / "a.log", make(tmp_path / "app.log", OTHER), OTHER)
    assert not distrusts(path, tmp_path / "logs" / "*.log")


@AS_ROOT
def test_a_link_of_root_is_followed(tmp_path: Path) -> None:
    path = link(tmp_path / "logs" / "a.log", make(tmp_path / "app.log", OTHER), 0)
    assert not distrusts(path, tmp_path / "logs" / "*.log")


@AS_ROOT
@pytest.mark.parametrize("place", range(3))
def test_every_link_of_a_chain_counts(tmp_path: Path, place: int) -> None:
    owners = [OTHER if each == place else 0 for each in range(3)]
    file = make(tmp_path / "real" / "0.log", THIRD)
    link(tmp_path / "docker", tmp_path / "real", owners[2])
    link(tmp_path / "pods" / "0.log", "../docker/0.log", owners[1])
    path = link(tmp_path / "containers" / "x.log", tmp_path / "pods" / "0.log", owners[0])
    assert "link of another user" in distrusts(path, tmp_path / "containers" / "*.log")
    for each in (tmp_path / "docker", tmp_path / "pods" / "0.log", path):
        os.lchown(each, 0, 0)
    assert not distrusts(path, tmp_path / "containers" / "*.log")
    assert path.resolve() == file


@AS_ROOT
def test_links_in_what_was_named_do_not_count(tmp_path: Path) -> None:
    make(tmp_path / "real" / "a.log")
    link(tmp_path / "logs", tmp_path / "real", OTHER)
    assert not distrusts(tmp_path / "logs" / "a.log", tmp_path / "logs" / "*.log")
    assert "another user" in distrusts(tmp_path / "logs" / "a.log", tmp_path / "*" / "a.log")


def test_links_that_lead_to_each_other_are_no_files(tmp_path: Path) -> None:
    link(tmp_path / "a.log", tmp_path / "b.log")
    link(tmp_path / "b.log", tmp_path / "a.log")
    assert "link" in distrusts(tmp_path / "a.log", tmp_path / "*.log")


def test_two_stars_match_at_any_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {make(tmp_path / name) for name in ("a.log", "x/a.log", "x/y/a.log")}
    make(tmp_path / ".hidden" / "a.log")
    assert set(map(Path, find_matches(f"{tmp_path}/**/a.log"))) == paths
    assert set(map(Path, find_matches(f"{tmp_path}/**/y/*.log"))) == {tmp_path / "x/y/a.log"}
    monkeypatch.chdir(tmp_path)
    assert set(map(Path, find_matches("**/*.log"))) == {path.relative_to(tmp_path) for path in paths}
    assert set(map(Path, find_matches("x/**/*.log"))) == {Path("x/a.log"), Path("x/y/a.log")}


def test_two_stars_do_not_descend_into_links(tmp_path: Path) -> None:
    make(tmp_path / "logs" / "a.log")
    link(tmp_path / "logs" / "again", tmp_path / "logs")
    link(tmp_path / "logs" / "all", "/")
    assert list(find_matches(f"{tmp_path}/logs/**/*.log")) == [str(tmp_path / "logs" / "a.log")]


def test_what_is_refused_is_told_of_once(tmp_path: Path) -> None:
    journal = Journal()
    make(tmp_path / "a.log")
    link(tmp_path / "b.log", "/dev/zero")
    discovery = Discovery([f"{tmp_path}/*.log"], journal, rotated=False, follow_links=False)
    for _ in range(3):
        assert discovery.find(()) == [tmp_path / "a.log"]
    [told] = journal.named("file.distrusted")
    assert told["path"] == tmp_path / "b.log"


def test_a_named_path_leads_wherever_it_leads(tmp_path: Path) -> None:
    path = link(tmp_path / "a.log", "/dev/null")
    assert Discovery([str(path)], Journal(), rotated=False, follow_links=False).find(()) == [path]
