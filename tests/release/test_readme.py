"""The README of a release leads to the repository from wherever it is shown."""

import re
from pathlib import Path

import pytest

from release.readme import main, make_absolute
from shuttle import __version__
from tests.helpers.documents import ROOT

REPOSITORY = "https://git.example/someone/log-shuttle"


@pytest.mark.parametrize(
    ("link", "absolute"),
    [
        ("[a](docs/files.md)", f"[a]({REPOSITORY}/blob/v1.2.3/docs/files.md)"),
        ("[a](docs/files.md#rotation)", f"[a]({REPOSITORY}/blob/v1.2.3/docs/files.md#rotation)"),
        ("![a](bench/chart.svg)", f"![a]({REPOSITORY}/raw/v1.2.3/bench/chart.svg)"),
        ("[a](#speed)", "[a](#speed)"),
        ("[a](https://drain.example/)", "[a](https://drain.example/)"),
    ],
)
def test_a_relative_link_becomes_absolute(link: str, absolute: str) -> None:
    assert make_absolute(link, f"{REPOSITORY}/", "1.2.3") == absolute


def copy_project(place: Path, urls: str) -> str:
    text = (ROOT / "README.md").read_text("utf-8")
    (place / "README.md").write_text(text, "utf-8")
    (place / "pyproject.toml").write_text(f"[project.urls]\n{urls}\n")
    main(place)
    return (place / "README.md").read_text("utf-8")


def test_no_link_of_the_readme_stays_relative(tmp_path: Path) -> None:
    text = copy_project(tmp_path, f'Repository = "{REPOSITORY}"')
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert "![Lines per second" in text
    assert f"{REPOSITORY}/raw/v{__version__}/bench/chart.svg" in text


def test_without_an_address_nothing_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert copy_project(tmp_path, "") == (ROOT / "README.md").read_text("utf-8")
    assert "Repository" in capsys.readouterr().err
