"""Fixtures of the cases, and what of them fails today.

`today.txt` has a line for each test that fails, with what happens in place of what the test states. It is marked as one
that must fail, strictly: as soon as it passes its line has to be taken out. `--runxfail` shows how each of them fails.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
SEPARATOR = " => "


def read_today() -> dict[str, str]:
    """Return why a test fails today, by its name and that of its file."""
    lines = HERE.joinpath("today.txt").read_text("utf-8").splitlines()
    return {name: reason for name, _, reason in (line.partition(SEPARATOR) for line in lines)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    today = read_today()
    for item in items:
        if item.path.parent == HERE and (reason := today.get(f"{item.path.name}::{item.name}")):
            item.add_marker(pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The directory of the application's logs."""
    directory = tmp_path / "logs"
    directory.mkdir()
    return directory


@pytest.fixture
def log(logs: Path) -> Path:
    return logs / "app.log"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"
