"""The manual page has every flag, and typesets without a complaint."""

import re
import shutil
import subprocess

import pytest

from shuttle.command.flags import format_use
from shuttle.command.manual import format_manual
from shuttle.command.options import FLAGS
from tests.helpers.process import LONGEST


def typeset(*command: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(
        command, input=format_manual(), capture_output=True, text=True, encoding="utf-8", timeout=LONGEST, check=False
    )


def test_the_page_has_every_flag_as_it_is_typed() -> None:
    shown = typeset("groff", "-ww", "-man", "-Tutf8", "-P-cbou", "-rLL=150n")
    assert (shown.stderr, shown.returncode) == ("", 0)
    headings = {line.strip() for line in shown.stdout.splitlines()}
    for flag in FLAGS:
        assert any(line.startswith(format_use(flag)) for line in headings), flag.name
    assert "export LOGS_URL=https://token:password@drain.example/logs" in headings


@pytest.mark.parametrize("section", ["NAME", "SYNOPSIS", "OPTIONS", "ENVIRONMENT", "EXIT CODES", "SIGNALS", "EXAMPLES"])
def test_the_page_has_the_sections_of_one(section: str) -> None:
    assert f"\n.SH {section}\n" in format_manual()


def test_mandoc_finds_no_fault() -> None:
    shown = typeset("mandoc", "-Tlint")
    assert (shown.stdout, shown.returncode) == ("", 0)


@pytest.mark.parametrize(
    "command",
    [("mandoc", "-Tutf8", "-O", "width=80"), ("groff", "-ww", "-man", "-Tutf8", "-P-cbou", "-rLL=80n")],
    ids=lambda command: command[0],
)
def test_no_line_is_too_long_for_a_terminal(command: tuple[str, ...]) -> None:
    shown = typeset(*command)
    text = re.sub(".\b", "", shown.stdout)  # mandoc writes what is bold twice
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("heading", "begins"),
    [
        ("EXIT CODES", "0 every line was delivered"),
        ("EXIT CODES", "128 + n"),
        ("EXIT CODES", "With -check: 0 if everything works"),
        ("SIGNALS", "SIGTERM, SIGINT, SIGHUP, SIGQUIT"),
        ("SIGNALS", "land: read on until stdin ends"),
        ("SIGNALS", "a second one"),
        ("SIGNALS", "An application gets all of these, and SIGUSR2"),
        ("EXAMPLES", "-bearer-token-file token -gzip -drop=false"),
    ],
)
def test_what_is_explained_stands_in_front_of_its_explanation(heading: str, begins: str) -> None:
    shown = typeset("groff", "-man", "-Tutf8", "-P-cbou", "-rLL=80n").stdout
    section = shown.partition(f"\n{heading}\n")[2].partition("\n\n\n")[0]
    section = re.split(r"\n(?=[A-Z])", section)[0]
    assert any(" ".join(line.split()).startswith(begins) for line in section.splitlines()), section
