"""The documents of the repository: their links, their anchors and their indented examples."""

import posixpath
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob(".github/**/*.md"))
)
"""Every page, by its path in the repository."""


class Example(NamedTuple):
    """An indented block of a page that holds commands and what they print."""

    page: str
    line: int
    """Where it begins, counted from 1."""
    text: str

    @property
    def commands(self) -> list[str]:
        """What stands behind each `$ `."""
        return [line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ ")]

    @property
    def output(self) -> list[str]:
        """The lines that are shown as printed."""
        return [line for line in self.text.splitlines() if line and not line.startswith("$ ")]


def read_page(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text("utf-8")


def list_blocks(page: str) -> list[Example]:
    """Return the indented blocks of a page."""
    blocks: list[Example] = []
    block: list[str] = []
    before = ""  # the last line that is not indented: a block stands behind an empty one
    for number, line in enumerate([*read_page(page).splitlines(), "end"], 1):
        if line.startswith("    ") and (block or not before):
            block.append(line[4:])
        elif block:
            blocks.append(Example(page, number - len(block), "\n".join(block)))
            block = []
        before = line
    return blocks


def list_examples() -> list[Example]:
    """Return the blocks of all pages that show commands behind `$ `."""
    return [block for page in PAGES for block in list_blocks(page) if block.commands]


def list_links(page: str) -> list[tuple[str, str]]:
    """Return the relative links of a page: each one's file in the repository, and its anchor or nothing."""
    links = []
    for target in re.findall(r"\]\(([^)\s]+)\)", read_page(page)):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        links.append((posixpath.normpath(posixpath.join(posixpath.dirname(page), name)) if name else page, anchor))
    return links


def list_anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and mkdocs make them."""
    headings = re.findall(r"^#+ (.+)$", read_page(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
