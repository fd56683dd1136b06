"""The documents link to what is there, and name flags, files and modules that exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from shuttle.command.flags import parse_command_line
from shuttle.command.options import FLAGS
from shuttle.command.reference import insert_reference
from shuttle.local_drain.program import FLAGS as DRAIN_FLAGS
from tests.helpers.documents import PAGES, ROOT, list_anchors, list_blocks, list_links, read_page
from tests.helpers.process import LONGEST
from tests.helpers.rooms import insert_rooms

PACKAGE = {path.relative_to(ROOT / "shuttle").as_posix() for path in (ROOT / "shuttle").rglob("*.py")}
HISTORY = "CHANGELOG.md"  # it names what was, too
LONGEST_README = 160  # lines: what a visitor reads in five minutes
PROGRAMS = ("log-shuttle", "dist/log-shuttle.pyz")
COMMAND = re.compile(r"(?:^|\| )(?:log-shuttle|dist/log-shuttle\.pyz) -")
PLACEHOLDERS = re.compile(r"\[(?:flags|-- app args)\]|-- app args")

every_page = pytest.mark.parametrize("page", PAGES)


def test_the_flags_are_as_they_are_declared() -> None:
    page = read_page("docs/flags.md")
    assert insert_reference(page) == page, "make reference writes them"


def test_the_code_map_shows_every_module() -> None:
    page = read_page("docs/rooms.md")
    assert insert_rooms(page) == page, "make reference writes it"


def test_the_architecture_shows_every_folder_and_module_of_the_top() -> None:
    top = {name.partition("/")[0] + "/" * ("/" in name) for name in PACKAGE} - {"__init__.py", "__main__.py"}
    tree = read_page("docs/architecture.md").partition("    shuttle/\n")[2].partition("\n    tests/")[0]
    assert set(re.findall(r"[\w]+(?:\.py|/)(?=[ \n])", tree)) >= top


def test_the_readme_is_short() -> None:
    assert len(read_page("README.md").splitlines()) <= LONGEST_README


@every_page
def test_a_link_leads_to_a_file_and_a_heading(page: str) -> None:
    broken = [
        f"{target}#{anchor}"
        for target, anchor in list_links(page)
        if not (ROOT / target).is_file() or (anchor and anchor not in list_anchors(target))
    ]
    assert broken == []


@every_page
def test_a_page_names_flags_that_exist(page: str) -> None:
    named = set(re.findall(r"`-([a-z][a-z0-9-]+)", read_page(page)))  # not -x, which stands for any, nor docker's -i
    assert page == HISTORY or named <= {flag.name for flag in (*FLAGS, *DRAIN_FLAGS)}


@every_page
def test_a_page_names_tests_and_sources_that_exist(page: str) -> None:
    text = read_page(page)
    tests = {f"tests/{name.removeprefix('tests/')}" for name in re.findall(r"(?:\w+/)*\btest_\w+\.py", text)}
    sources = set(re.findall(r"`((?:shuttle|release|bench|demo)/(?!test_)[\w/]+\.py)`", text))
    missing = [name for name in sorted(tests | sources) if not (ROOT / name).is_file()]
    assert page == HISTORY or missing == []


@every_page
def test_a_command_that_is_only_shown_has_flags_that_exist(page: str) -> None:
    """Those behind a `$ ` run in test_commands.py."""
    lines = [line for block in list_blocks(page) for line in block.text.splitlines() if not line.startswith("$ ")]
    for line in filter(COMMAND.search, lines):
        lexer = shlex.shlex(PLACEHOLDERS.sub("", line), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
        first = next(place for place, word in enumerate(words) if word in PROGRAMS)
        assert parse_command_line(words[first + 1 :], FLAGS)


def test_the_site_has_every_page() -> None:
    navigation = yaml.safe_load(read_page("mkdocs.yml"))["nav"]
    entries = [value for entry in navigation for value in entry.values()]
    named = {page for value in entries for page in ([value] if isinstance(value, str) else find_pages(value))}
    assert named == {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}


def find_pages(section: list[dict[str, str]]) -> list[str]:
    return [page for entry in section for page in entry.values()]


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST)
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr
    assert (tmp_path / "flags/index.html").is_file()
    assert (tmp_path / "repository/SECURITY/index.html").is_file()
    assert (tmp_path / "repository/bench/chart.svg").is_file()
