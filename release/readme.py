"""Makes the README's links absolute, as PyPI needs them: `python -m release.readme DIRECTORY` writes the README there.

The address is `Repository` in the `[project.urls]` of pyproject.toml. Without it nothing is changed.
"""

import re
import sys
import tomllib
from pathlib import Path

from shuttle import __version__

_LINK = re.compile(r"(!?)(\[[^\]]*\]\()(?!\w+:|#)([^)\s]+\))")


def make_absolute(text: str, repository: str, version: str) -> str:
    """Return `text` with its relative links leading to the files of this version in `repository`."""

    def lead(match: re.Match[str]) -> str:
        image, before, target = match.groups()
        return f"{image}{before}{repository.rstrip('/')}/{'raw' if image else 'blob'}/v{version}/{target}"

    return _LINK.sub(lead, text)


def main(directory: Path) -> None:
    """Rewrite README.md in `directory`, or say on stderr why its links stay relative."""
    project = tomllib.loads((directory / "pyproject.toml").read_text("utf-8"))["project"]
    repository = project["urls"].get("Repository", "")
    if not repository:
        sys.stderr.write("pyproject.toml has no Repository in [project.urls]: the README's links stay relative\n")
        return
    page = directory / "README.md"
    page.write_text(make_absolute(page.read_text("utf-8"), repository, __version__), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
