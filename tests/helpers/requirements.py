"""The versions of the dependencies: the lowest that pyproject.toml admits, and those that the image holds.

python -m tests.helpers.requirements lowest > lowest.txt
python -m tests.helpers.requirements lock > requirements.lock
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
IMAGE_PYTHON = "3.13"
# The machines that the image is built for, and what their wheels may be called.
_MACHINES = {
    machine: [f"manylinux_2_{minor}_{machine}" for minor in range(36, 16, -1)] + [f"manylinux2014_{machine}"]
    for machine in ("x86_64", "aarch64")
}
_HEADER = "# What the image holds, with the hash of each archive. Made by `make lock`, not by hand."


def read_project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project


def list_extra(project: dict[str, Any], extra: str) -> Iterator[str]:
    """Yield what an extra needs, and what the extras need that it names."""
    for text in project["optional-dependencies"][extra]:
        if found := re.fullmatch(r"log-shuttle\[(.+)\]", text):
            yield from list_extra(project, found[1])
        else:
            yield text


def list_lowest(project: dict[str, Any]) -> Iterator[str]:
    """Yield a constraint for each dependency: exactly its lower bound."""
    for text in dict.fromkeys([*project["dependencies"], *list_extra(project, "test")]):
        yield re.sub(r"\[.*?\]", "", text).replace(">=", "==")


def list_locked(reports: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a lock file from what pip would install on each machine."""
    hashes: dict[str, set[str]] = defaultdict(set)
    for report in reports:
        for item in report["install"]:
            name = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
            requirement = f"{name}=={item['metadata']['version']}"
            hashes[requirement].add(item["download_info"]["archive_info"]["hashes"]["sha256"])
    for requirement, known in sorted(hashes.items()):
        yield " \\\n    ".join([requirement, *(f"--hash=sha256:{digest}" for digest in sorted(known))])


def read_report(tags: list[str], dependencies: list[str]) -> dict[str, Any]:
    """Return pip's report of what it would install for the image's Python where wheels with `tags` run."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    command += ["--only-binary", ":all:", "--target", "unused", "--python-version", IMAGE_PYTHON]
    command += [word for tag in tags for word in ("--platform", tag)]
    done = subprocess.run([*command, *dependencies], check=True, stdout=subprocess.PIPE)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def main() -> None:
    project = read_project()
    if sys.argv[1] == "lowest":
        lines = list(list_lowest(project))
    else:
        # Markers would be asked of this machine: the image's are Linux and CPython, so each dependency is wanted.
        wanted = [text.partition(";")[0].strip() for text in project["dependencies"]]
        lines = [_HEADER, *list_locked(read_report(tags, wanted) for tags in _MACHINES.values())]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
