"""Each shell completes what the flags' declarations say. The shells are real ones."""

import shutil
import subprocess
from pathlib import Path

import pytest

from shuttle.command.completions import format_bash, format_fish, format_zsh
from shuttle.command.options import FLAGS
from tests.helpers.process import LONGEST

OFFERED = {f"-{name}" for flag in FLAGS if not flag.deprecated for name in (flag.name, *flag.aliases)}
CASES = [
    (["-spo"], {"-spool", "-spool-bytes"}),
    (["--spo"], {"--spool", "--spool-bytes"}),
    (["-nothing"], set()),
    (["-input-format", ""], {"raw", "rfc5424", "lprfc5424"}),
    (["--input-format", "rf"], {"rfc5424"}),
    (["-from", "b"], {"beginning"}),
    (["-drop", "-gz"], {"-gzip"}),
    (["-logs-url", ""], set()),
    (["-ca-file", "a"], {"a.pem", "apps"}),
    (["-spool", "a"], {"apps"}),
]
BASH_CASES = [
    (["-drop", "=", "f"], {"false"}),
    (["-drop", "="], {"true", "false"}),
    (["-check", "=", "o"], {"online", "offline"}),
    (["-input-format", "=", "l"], {"lprfc5424"}),
    (["-gzip", "--", "unali"], {"unalias"}),
    (["--", "ls", "-gzip", "a"], {"a.pem", "apps"}),
]


def find_shell(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "place"
    (place / "apps").mkdir(parents=True)
    (place / "a.pem").touch()
    return place


def ask(command: list[str], place: Path) -> set[str]:
    shown = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=LONGEST, check=True)
    assert shown.stderr == ""
    return set(shown.stdout.splitlines())


def ask_bash(words: list[str], place: Path) -> set[str]:
    (place.parent / "completion").write_text(format_bash())
    script = 'source ../completion; COMP_WORDS=(log-shuttle "$@"); COMP_CWORD=$#; _log_shuttle'
    script += '; printf "%s\\n" "${COMPREPLY[@]}"'
    return ask([find_shell("bash"), "--norc", "-uc", script, "bash", *words], place) - {""}


@pytest.mark.parametrize(("words", "offered"), CASES + BASH_CASES)
def test_bash_completes(words: list[str], offered: set[str], place: Path) -> None:
    assert ask_bash(words, place) == offered


def test_bash_offers_every_flag_that_is_not_deprecated(place: Path) -> None:
    assert ask_bash(["-"], place) == ask_bash([""], place) == OFFERED


@pytest.mark.parametrize(("words", "offered"), [case for case in CASES if not case[0][0].startswith("--")])
def test_fish_completes(words: list[str], offered: set[str], place: Path) -> None:
    (place.parent / "completion.fish").write_text(format_fish())
    fish = find_shell("fish")
    lines = ask([fish, "-N", "-c", f"source ../completion.fish; complete -C 'log-shuttle {' '.join(words)}'"], place)
    found = {line.partition("\t")[0].removesuffix("/") for line in lines}
    assert found == offered


def test_fish_completes_the_application(place: Path) -> None:
    (place.parent / "completion.fish").write_text(format_fish())
    command = "source ../completion.fish; complete -C 'log-shuttle -gzip -- set_col'"
    lines = ask([find_shell("fish"), "-N", "-c", command], place)
    assert {line.partition("\t")[0] for line in lines} == {"set_color"}


def test_zsh_finds_the_function_and_can_read_it(place: Path) -> None:
    functions = place.parent / "functions"
    functions.mkdir()
    (functions / "_log-shuttle").write_text(format_zsh())
    zsh = find_shell("zsh")
    assert ask([zsh, "-fn", str(functions / "_log-shuttle")], place) == set()
    script = "fpath=(../functions $fpath); autoload -U compinit; compinit -uD; print $_comps[log-shuttle]"
    assert ask([zsh, "-fc", script], place) == {"_log-shuttle"}


ZSH_TERMINAL = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'fpath=('"$1"' $fpath); autoload -U compinit; compinit -uD; PS1=; LISTMAX=0; echo re""ady'
zpty -r -m shell out '*ready*'
zpty -w -n shell "log-shuttle $2"$'\t'
zpty -r -m shell out "*$3*" && print -r -- found
zpty -d shell
"""


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("-input-format lp", "lprfc5424"),
        ("-drop=f", "-drop=false"),
        ("-spool-b", "-spool-bytes"),
        ("-spool ap", "apps"),
    ],
)
@pytest.mark.process
def test_zsh_completes(typed: str, completed: str, place: Path) -> None:
    functions = place.parent / "functions"
    functions.mkdir()
    (functions / "_log-shuttle").write_text(format_zsh())
    shown = ask(
        ["timeout", "20", find_shell("zsh"), "-fc", ZSH_TERMINAL, "zsh", str(functions), typed, completed], place
    )
    assert shown == {"found"}
