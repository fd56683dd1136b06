"""Which paths match a pattern, and what becomes of those that may not be read."""

from pathlib import Path

import pytest

from shuttle.input.files.discovery import Discovery
from shuttle.input.files.matching import find_closed, find_matches
from shuttle.input.files.trust import Trust
from tests.helpers.disks import reachable, without_rights
from tests.helpers.planted import AS_ROOT, link, make
from tests.helpers.virtual import Journal


def find_in(patterns: list[str], journal: Journal) -> Discovery:
    return Discovery(patterns, Trust(patterns), journal)


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
    discovery = find_in([f"{tmp_path}/*.log"], journal)
    for _ in range(3):
        assert discovery.find(()) == [tmp_path / "a.log"]
    [told] = journal.named("file.distrusted")
    assert told["path"] == tmp_path / "b.log"


def test_a_named_path_leads_wherever_it_leads(tmp_path: Path) -> None:
    path = link(tmp_path / "a.log", "/dev/null")
    assert find_in([str(path)], Journal()).find(()) == [path]


@AS_ROOT
@pytest.mark.parametrize(
    ("pattern", "closed"),
    [
        ("*/app.log", ["closed"]),
        ("closed/*.log", ["closed"]),
        ("closed/below/*.log", ["closed/below"]),
        ("*/*/app.log", ["closed"]),
        ("open/*.log", []),
        ("missing/*.log", []),
        ("open/app.log/*.log", []),
        ("*/missing.log", ["closed"]),
    ],
)
def test_directories_that_are_closed_to_this_user_are_found(pattern: str, closed: list[str]) -> None:
    with reachable() as place:
        for name in ("open/app.log", "closed/app.log", "closed/below/app.log"):
            make(place / name)
        place.joinpath("open").chmod(0o755)
        place.joinpath("closed").chmod(0)
        with without_rights():
            found = dict(find_closed(str(place / pattern)))
        assert sorted(found) == [place / name for name in closed]
        assert all(isinstance(error, PermissionError) for error in found.values())


def test_what_is_named_like_the_pattern_is_one_more_match(tmp_path: Path) -> None:
    for name in ("*.log", "[ab].log", "a.log", "c.log"):
        make(tmp_path / name)
    assert sorted(find_matches(f"{tmp_path}/*.log")) == sorted(map(str, tmp_path.iterdir()))
    assert list(find_matches(f"{tmp_path}/[ab].log")) == [f"{tmp_path}/a.log", f"{tmp_path}/[ab].log"]
    assert list(find_matches(f"{tmp_path}/[d].log")) == []


def test_no_linked_directory_that_is_named_like_the_pattern_is_entered(tmp_path: Path) -> None:
    make(tmp_path / "elsewhere" / "x.log")
    link(tmp_path / "logs" / "[ab]", tmp_path / "elsewhere")
    link(tmp_path / "logs" / "**", tmp_path / "elsewhere")
    make(tmp_path / "logs" / "a" / "x.log")
    for pattern in ("[ab]", "**"):
        assert list(find_matches(f"{tmp_path}/logs/{pattern}/x.log")) == [f"{tmp_path}/logs/a/x.log"]


def test_what_is_named_like_a_pattern_is_not_named(tmp_path: Path) -> None:
    link(tmp_path / "*.log", "/dev/zero")
    honest = make(tmp_path / "a.log")
    journal = Journal()
    discovery = find_in([f"{tmp_path}/*.log"], journal)
    assert discovery.find(()) == [honest]
    assert not discovery.is_named(tmp_path / "*.log")
    [told] = journal.named("file.distrusted")
    assert told["path"] == tmp_path / "*.log"


def test_the_namesake_of_a_pattern_that_is_known_is_found_again(tmp_path: Path) -> None:
    known = tmp_path / "[ab].log"
    assert find_in([str(known)], Journal()).find((), [known]) == [known]


def test_names_of_directories_are_no_patterns(tmp_path: Path) -> None:
    paths = {make(tmp_path / name) for name in ("**/a.log", "[x]/a.log", "x/a.log", "*/[y]/a.log")}
    assert set(map(Path, find_matches(f"{tmp_path}/**/a.log"))) == paths
    assert len(list(find_matches(f"{tmp_path}/**/a.log"))) == len(paths)


@pytest.mark.parametrize("pattern", ["**", "**/*.log", "lo**/**/*.log"])
def test_links_that_multiply_what_is_below_are_not_entered(tmp_path: Path, pattern: str) -> None:
    make(tmp_path / "logs" / "a.log")
    for name in "xyz":
        link(tmp_path / "logs" / name, ".")
    found = [path for path in find_matches(f"{tmp_path}/{pattern}") if path.endswith(".log")]
    assert found == [f"{tmp_path}/logs/a.log"]


def test_directories_of_any_depth_are_entered(tmp_path: Path) -> None:
    """Deeper than functions may call each other."""
    directories = [Path(f"{tmp_path}{'/d' * depth}") for depth in range(1, 1100)]
    for directory in directories:
        directory.mkdir()
    path = directories[-1] / "a.log"
    path.touch()
    try:
        assert list(find_matches(f"{tmp_path}/**/a.log")) == [str(path)]
    finally:
        path.unlink()
        for directory in reversed(directories):
            directory.rmdir()
