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
    """But for long lines, and the date, which would make each build another one."""
    shown = typeset("mandoc", "-Tlint")
    faults = [line for line in shown.stdout.splitlines() if not re.search(r"longer than 80 bytes|missing date", line)]
    assert faults == []
