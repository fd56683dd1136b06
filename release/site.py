"""A hook of mkdocs: adds files outside docs/ to the site if a page links to them.

On the site, `../SECURITY.md` is a page below `repository/`, and so is everything that such a page links to. The same
links work in the repository.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
OUTSIDE = "repository"  # the folder of the site for what lies outside docs/
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")


def place_in_site(path: str) -> str:
    """Return the place in the site of the repository's file `path`."""
    return path.removeprefix("docs/") if path.startswith("docs/") else f"{OUTSIDE}/{path}"


def place_in_repository(uri: str) -> str:
    """Return the repository's file for `uri` in the site."""
    return uri.removeprefix(f"{OUTSIDE}/") if uri.startswith(f"{OUTSIDE}/") else f"docs/{uri}"


def find_linked(path: str) -> list[str]:
    """Return the files of the repository that the page `path` links to."""
    links = [target for _, target, _ in LINK.findall((ROOT / path).read_text("utf-8")) if "://" not in target]
    return [_resolve(path, target) for target in links]


def _resolve(path: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def on_files(files: Files, *, config: Any) -> Files:
    """Add the files outside docs/ that the pages link to, and those that these link to."""
    waiting = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    known = set(waiting)
    while waiting:
        for path in find_linked(waiting.pop()):
            if path in known or not (ROOT / path).is_file():
                continue
            known.add(path)
            if not path.startswith("docs/"):
                files.append(File.generated(config, place_in_site(path), abs_src_path=str(ROOT / path)))
                waiting += [path] if path.endswith(".md") else []
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Rewrite the links of a page to the places of their targets in the site."""
    path = place_in_repository(page.file.src_uri)
    here = posixpath.dirname(page.file.src_uri)

    def rewrite(match: re.Match[str]) -> str:
        before, target, after = match.groups()
        if "://" in target:
            return match[0]
        return before + posixpath.relpath(place_in_site(_resolve(path, target)), here or ".") + after

    return LINK.sub(rewrite, markdown)
