"""What surrounds the code says what is true of the code."""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.shared import list_shared
from shuttle import __version__

ROOT = Path(__file__).parents[2]

# Somebody's home, or where a tool had its files: it means nothing to whoever reads it elsewhere.
MACHINE_PATH = re.compile(r"/(?:root|work|Users|home)/\w|/tmp/\w|[A-Z]:\\Users\\")


def list_files() -> Iterator[Path]:
    """Yield every file that belongs to the repository: all but what .gitignore names."""
    ignored = {line.rstrip("/") for line in (ROOT / ".gitignore").read_text("utf-8").splitlines()} | {".git"}
    for directory, names, files in os.walk(ROOT):
        place = Path(directory).relative_to(ROOT)
        names[:] = [name for name in names if not {name, (place / name).as_posix(), f"*{Path(name).suffix}"} & ignored]
        yield from (Path(directory) / name for name in files if name not in ignored)  # .git may be a file


def test_the_completions_and_the_manual_are_as_the_flags_are_declared() -> None:
    shared = {
        path.relative_to(ROOT / "share").as_posix(): path for path in (ROOT / "share").rglob("*") if path.is_file()
    }
    assert {name: path.read_text("utf-8") for name, path in shared.items()} == list_shared(), (
        "make reference writes them"
    )


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "docs/operations.md", "docs/testing.md", "docs/performance.md", ".ci/run"]
)
def test_each_make_target_named_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|    |exec )make ([a-z]+)", (ROOT / name).read_text("utf-8")))
    assert named
    assert named <= targets


def test_the_sdist_holds_the_whole_repository() -> None:
    """So that its tests pass there, too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    tops = {path.relative_to(ROOT).parts[0] for path in list_files()} - {"PKG-INFO"}  # which an sdist has beside it
    assert {f"/{name}" for name in tops} <= set(included)


def test_changelog_begins_with_the_current_version() -> None:
    assert re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[0] == __version__


def test_procfile_pipes_the_application_into_the_command() -> None:
    lines = (ROOT / "Procfile").read_text("utf-8").splitlines()
    commands = dict(line.split(": ", 1) for line in lines if not line.startswith("#"))
    assert re.search(r"demo/app\.py 2>&1 \| log-shuttle ", commands["web"])
    assert "demo/drain.py" in commands["drain"]


def test_docker_image_needs_no_shell_and_no_rights() -> None:
    final = (ROOT / "Dockerfile").read_text("utf-8").rpartition("\nFROM ")[2]
    assert 'ENTRYPOINT ["log-shuttle"]' in final
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.MULTILINE)


def test_docker_context_holds_only_what_the_image_needs() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    context = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {line[1:] for line in context if line.startswith("!")} == set(" ".join(copied).split())
    assert "*" in context


def test_license_is_there() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert text.startswith("MIT License\n")
    assert "The log-shuttle for Python authors" in text


def test_no_file_names_a_path_of_a_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in list_files()
        for match in MACHINE_PATH.finditer(path.read_text("utf-8", "replace"))
    ]
    assert found == []
