"""The image holds what pyproject.toml admits, and nothing without a hash."""

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.helpers.requirements import ROOT, list_extra, list_locked, list_lowest, read_project

PROJECT = read_project()
LOCKED = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE))
DEPENDENCIES = [Requirement(text) for text in PROJECT["dependencies"]]


@pytest.mark.parametrize("requirement", DEPENDENCIES, ids=[requirement.name for requirement in DEPENDENCIES])
def test_each_dependency_is_locked_within_its_bounds(requirement: Requirement) -> None:
    assert LOCKED[canonicalize_name(requirement.name)] in requirement.specifier


def test_each_locked_version_has_a_hash() -> None:
    entries = re.split(r"\n(?=\w)", (ROOT / "requirements.lock").read_text("utf-8").partition("\n")[2].rstrip())
    assert len(entries) == len(LOCKED)
    assert [entry for entry in entries if not re.search(r"\\\n    --hash=sha256:[0-9a-f]{64}\b", entry)] == []


def test_the_image_installs_only_what_has_a_hash() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    installs = re.findall(r"pip install --no-cache-dir --no-deps (.*)", text)
    assert len(installs) == text.count("pip install") == 2
    assert [line for line in installs if "--require-hashes" not in line and not line.startswith(". ")] == []


def test_each_dependency_has_a_lower_bound() -> None:
    extras = [text for extra in PROJECT["optional-dependencies"] for text in list_extra(PROJECT, extra)]
    texts = PROJECT["dependencies"] + extras
    assert [text for text in texts if ">=" not in text] == []


def test_lint_and_most_tests_do_without_moto_and_mkdocs() -> None:
    assert [text for text in list_extra(PROJECT, "dev") if text.startswith(("moto", "mkdocs"))] == []
    more = {*list_extra(PROJECT, "test")} - {*list_extra(PROJECT, "dev")}
    assert more == {"moto[server]>=5.1", *list_extra(PROJECT, "docs")}


def test_each_python_of_the_makefile_is_a_classifier() -> None:
    named = set(re.findall(r"python(3\.\d+)", (ROOT / "Makefile").read_text("utf-8").partition("\nPYTHON ?= ")[2]))
    assert named == {text.rpartition(" ")[2] for text in PROJECT["classifiers"] if ":: Python :: 3." in text}


@pytest.mark.parametrize(
    ("name", "faulty"),
    [
        ("structlog", "24.1"),
        ("tqdm", "4.66.2"),
        ("certifi", "2024.6.2"),
        ("httptools", "0.7.1"),
        ("h11", "0.14"),
        ("idna", "3.14"),
        ("httpx", "0.27"),
        ("isal", "1.8"),
        ("uvloop", "0.22.1"),
    ],
)
def test_versions_with_known_faults_are_refused(name: str, faulty: str) -> None:
    bounds = {requirement.name: requirement.specifier for requirement in DEPENDENCIES}
    assert faulty not in bounds[name]


def test_the_lowest_versions_are_the_lower_bounds() -> None:
    project = {
        "dependencies": ["one>=1.2", "two>=3; sys_platform == 'linux'"],
        "optional-dependencies": {"test": ["log-shuttle[dev]", "one>=1.2"], "dev": ["three[server]>=4"]},
    }
    assert list(list_lowest(project)) == ["one==1.2", "two==3; sys_platform == 'linux'", "three==4"]


def test_a_lock_has_the_hashes_of_all_machines() -> None:
    def report(name: str, digest: str) -> dict[str, object]:
        archive = {"archive_info": {"hashes": {"sha256": digest}}}
        return {"install": [{"metadata": {"name": name, "version": "1.0"}, "download_info": archive}]}

    lines = list(list_locked([report("B_b", "2"), report("a", "9"), report("b-b", "1")]))
    assert lines == ["a==1.0 \\\n    --hash=sha256:9", "b-b==1.0 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2"]
