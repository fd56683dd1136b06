"""Each shell completes what the flags' declarations say, and damages nothing. The shells are real ones."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.shared import AGENT, list_shared
from tests.helpers.process import LONGEST
from tests.helpers.shells import ALL, TAB, Prompt, ask_fish, find_shell, run_bash, run_zsh

pytestmark = pytest.mark.process


AGENT_NAMES = {f"-{name}" for name, _ in AGENT.list_offered()}
PACKAGE = Path("/usr/share/bash-completion/bash_completion")
BASH, ZSH, FISH = "bash-completion/completions", "zsh/site-functions", "fish/vendor_completions.d"

# What is typed behind the command, and what the last word may become. A directory has a / behind it.
CASES = [
    ("-spo", ["-spool", "-spool-bytes"]),
    ("--spo", ["--spool", "--spool-bytes"]),
    ("--bat", ["--batch-bytes", "--batch-size"]),
    ("-zzz", []),
    ("zzz", []),
    ("-input-format ", ["lprfc5424", "raw", "rfc5424"]),
    ("--input-format rf", ["rfc5424"]),
    ("-input-format=l", ["-input-format=lprfc5424"]),
    ("--input-format=l", ["--input-format=lprfc5424"]),
    ("-from b", ["beginning"]),
    ("-from=b", ["-from=beginning"]),
    ("-drop -gz", ["-gzip"]),
    ("-drop t", []),
    ("-drop=f", ["-drop=false"]),
    ("-follow=f", ["-follow=false"]),
    ("-check=on", ["-check=online"]),
    ("--check=of", ["--check=offline"]),
    ("-logs-url ", []),
    ("-logs-url https://token:p", []),
    ("-logs-url=https://token:p", []),
    ("-appname a=b", []),
    ("-appname -spo", []),
    ("-msgid x:s", []),
    ("-msgid=x:s", []),
    ("-aws-endpoint http://h:b", []),
    ("-ca-file c", ["cake"]),
    ("--ca-file c", ["cake"]),
    ("-ca-file=c", ["-ca-file=cake"]),
    ("--ca-file=c", ["--ca-file=cake"]),
    ("-file cake -ca-file su", ["sub/"]),
    ("-ca-file sub/inn", ["sub/inner/"]),
    ("-spool su", ["sub/"]),
    ("-spool=su", ["-spool=sub/"]),
    ("-spool ca", []),
    ("-spool=ca", []),
    ("-state-dir=su", ["-state-dir=sub/"]),
    ("-state-dir=sub/", ["-state-dir=sub/inner/"]),
    ("-file q:r", ["q:rs"]),
    ("-file=q:r", ["-file=q:rs"]),
    ("-file v=w", ["v=wx"]),
    ("-file=v=w", ["-file=v=wx"]),
    ("-spool d:e", ["d:ef/"]),
    ("-spool=d:e", ["-spool=d:ef/"]),
    ("-- cat ca", ["cake"]),
    ("-gzip -appname -x -- cat ca", ["cake"]),
    ("-- cat -gzip su", ["sub/"]),
    ("-- ls -input-format ca", ["cake"]),
]
VALUES_THAT_LOOK_ODD = [
    ("-appname -- -spool-b", ["-spool-bytes"]),
    ("-front-buff -- -spool-b", ["-spool-bytes"]),
]
DRAIN_CASES = [
    ("-bea", ["-bearer"]),
    ("--bea", ["--bearer"]),
    ("-cert c", ["cake"]),
    ("-cert=c", ["-cert=cake"]),
    ("-quiet=t", ["-quiet=true"]),
    ("-auth bob:s", []),
    ("-auth ", []),
]
ALL_CASES = [("log-shuttle", *case) for case in CASES] + [("log-shuttle-drain", *case) for case in DRAIN_CASES]
ODD_CASES = [("log-shuttle", *case) for case in VALUES_THAT_LOOK_ODD] + [("log-shuttle-drain", "-- cat ca", [])]
# What becomes of the line is the shell's way to write it.
QUOTED = [
    ("-file x", "-file x\\ y.log "),
    ("-file 'x", "-file 'x y.log' "),
    ('-file "x', '-file "x y.log" '),
    ("-file x\\ ", "-file x\\ y.log "),
    ("-file=x", "-file=x\\ y.log "),
    ("-- cat x", "-- cat x\\ y.log "),
    ("-- ./ex", "-- ./exec\\ me "),
    ("-- cat su", "-- cat sub/"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory to type in. Beside it stands what `make reference` writes."""
    beside = tmp_path_factory.mktemp("beside")
    for name, text in list_shared().items():
        path = beside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    place = beside / "place"
    (place / "sub" / "inner").mkdir(parents=True)
    (place / "d:ef").mkdir()
    for name in ("cake", "x y.log", "q:rs", "v=wx"):
        (place / name).touch()
    (place / "exec me").touch(mode=0o755)
    return place


@pytest.fixture(scope="module", params=["alone", "with bash-completion"])
def bash(place: Path, request: pytest.FixtureRequest) -> Iterator[Prompt]:
    if request.param != "alone" and not PACKAGE.exists():
        pytest.skip("the package bash-completion is not installed")
    package = [] if request.param == "alone" else [PACKAGE]
    with run_bash(place, *package, *list_bash_scripts(place)) as prompt:
        yield prompt


@pytest.fixture(scope="module")
def zsh(place: Path) -> Iterator[Prompt]:
    with run_zsh(place, place.parent / ZSH) as prompt:
        yield prompt


def list_bash_scripts(place: Path) -> list[Path]:
    return sorted((place.parent / BASH).iterdir())


def expect(name: str, typed: str, offered: list[str]) -> tuple[str, str]:
    """Return what is typed, and what the line becomes if all that is offered stands in the place of the last word."""
    if not offered:
        return f"{name} {typed}{TAB}", f"{name} {typed}"
    end = "" if len(offered) == 1 and offered[0].endswith("/") else " "
    before = f"{name} {typed}".rpartition(" ")[0]
    return f"{name} {typed}{TAB if len(offered) == 1 else ALL}", f"{before} {' '.join(offered)}{end}"


@pytest.mark.parametrize(("name", "typed", "offered"), ALL_CASES + ODD_CASES)
def test_bash_completes(name: str, typed: str, offered: list[str], bash: Prompt) -> None:
    keys, becomes = expect(name, typed, offered)
    assert bash.type(keys) == becomes


@pytest.mark.parametrize(("typed", "becomes"), QUOTED)
def test_bash_writes_what_it_completes_as_it_does_elsewhere(typed: str, becomes: str, bash: Prompt) -> None:
    assert bash.type(f"log-shuttle {typed}{TAB}") == f"log-shuttle {becomes}"


def test_bash_offers_each_value(bash: Prompt) -> None:
    assert bash.type(f"log-shuttle -drop={ALL}") == "log-shuttle -drop=false true "
    assert bash.type(f"log-shuttle --check={ALL}") == "log-shuttle --check=offline online "


def test_bash_offers_every_flag_that_is_not_deprecated(bash: Prompt) -> None:
    for typed in ("log-shuttle ", "X=1 log-shuttle -", "true; log-shuttle  -"):
        assert set(bash.type(typed + ALL).partition("log-shuttle")[2].split()) == AGENT_NAMES


@pytest.mark.parametrize("breaks", [" \t\n", " \t\n:", " \t\n="])
def test_bash_completes_whatever_cuts_its_words(breaks: str, place: Path) -> None:
    start = place.parent / "breaks"
    start.write_text(f"COMP_WORDBREAKS='{breaks}'\n")
    with run_bash(place, start, *list_bash_scripts(place)) as bash:
        assert bash.type(f"log-shuttle -drop=f{TAB}") == "log-shuttle -drop=false "
        assert bash.type(f"log-shuttle -file=q:r{TAB}") == "log-shuttle -file=q:rs "


@pytest.mark.parametrize(("name", "typed", "offered"), ALL_CASES)
def test_zsh_completes(name: str, typed: str, offered: list[str], zsh: Prompt) -> None:
    keys, becomes = expect(name, typed, offered)
    # Behind the name of a flag stands a = until a space is typed.
    assert re.sub("=$", " ", zsh.type(keys)) == becomes


@pytest.mark.parametrize(("typed", "becomes"), [*QUOTED, ("-spool-b", "-spool-bytes="), ("-gzi", "-gzip=")])
def test_zsh_writes_what_it_completes_as_it_does_elsewhere(typed: str, becomes: str, zsh: Prompt) -> None:
    assert zsh.type(f"log-shuttle {typed}{TAB}") == f"log-shuttle {becomes}"


def test_a_space_replaces_the_sign_that_zsh_writes_behind_a_flag(zsh: Prompt) -> None:
    assert zsh.type(f"log-shuttle -gzi{TAB} -spool-b{TAB} 9") == "log-shuttle -gzip -spool-bytes 9"


@pytest.mark.parametrize("name", ["log-shuttle", "log-shuttle-drain"])
def test_zsh_finds_the_function_and_can_read_it(name: str, place: Path) -> None:
    functions = place.parent / ZSH
    script = f"fpath=({functions} $fpath); autoload -U compinit; compinit -uD; print $_comps[{name}]"
    for command, said in ((["-fn", str(functions / f"_{name}")], ""), (["-fc", script], f"_{name}\n")):
        done = subprocess.run(
            [find_shell("zsh"), *command], capture_output=True, text=True, timeout=LONGEST, check=True
        )
        assert (done.stdout, done.stderr) == (said, "")


@pytest.mark.parametrize(("name", "typed", "offered"), ALL_CASES + ODD_CASES)
def test_fish_completes(name: str, typed: str, offered: list[str], place: Path) -> None:
    assert sorted(ask_fish(f"{name} {typed}", place, place.parent / FISH / f"{name}.fish")) == offered


@pytest.mark.parametrize(
    ("typed", "some"),
    [
        ("", "-gzip"),
        ("-", "-spool"),
        ("--", "--spool"),
        ("-drop=", "-drop=false"),
        ("-check=", "-check=offline"),
        ("-ca-file=", "-ca-file=cake"),
        ("-ca-file ", "x y.log"),
        ("-- ", "set_color"),
        ("-- set_c", "set_color"),
        ("-- cat ", "cake"),
        ("-- cat 'x y.log' ", "cake"),
    ],
)
def test_fish_offers_all_there_is(typed: str, some: str, place: Path) -> None:
    assert some in ask_fish(f"log-shuttle {typed}", place, place.parent / FISH / "log-shuttle.fish")
