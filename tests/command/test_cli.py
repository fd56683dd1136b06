"""The command line: usage, version, errors and exit codes, whatever became of the descriptors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shuttle import __version__
from shuttle.command.cli import main
from shuttle.command.options import FLAGS

URL = "https://drain.example/logs"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for variable in list(os.environ):
        if variable.startswith("LOG_SHUTTLE_") or variable in {"LOGS_URL", "LOGPLEX_URL"}:
            monkeypatch.delenv(variable)
    return monkeypatch


@pytest.mark.parametrize("argv", [["-h"], ["-help"], ["--help"], ["--h=true"], ["-gzip", "-h", "-unknown"]])
def test_the_usage_goes_to_stdout(argv: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """It names every flag and explains the exit codes."""
    assert main(argv) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert all(f"\n  -{flag.name}" in out for flag in FLAGS)
    assert max(map(len, out.splitlines())) <= 108
    for fact in (
        "(default 250ms)",
        "(default 1MiB)",
        "(default 64MiB)",
        "retry a batch until it is this old (default 5m; no limit",
        '(default "- -")',
        "64KiB, 64KB and 64K",
        "Exit codes",
    ):
        assert fact in out
    assert "MISSING" not in out


@pytest.mark.parametrize("flag", ["-version", "--version", "-V"])
def test_the_version_goes_to_stdout(flag: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    assert capfd.readouterr() == (f"log-shuttle {__version__}\n", "")


@pytest.mark.parametrize(
    ("argv", "code", "err"),
    [
        (["-wiat", "1s"], 2, "log-shuttle: unknown flag -wiat: did you mean -wait? (log-shuttle -h lists the flags)\n"),
        (["-batch-size=0"], 1, "log-shuttle: -batch-size 0: must be 1 or more\n"),
        (
            ["-front-buff=1", "-wait=-1s"],
            1,
            (
                "log-shuttle: warning: -front-buff has no effect: remove it\n"
                "log-shuttle: -wait -1.0: must be 0 or more\n"
            ),
        ),
    ],
)
def test_an_error_is_one_line_on_stderr(
    clean: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], argv: list[str], code: int, err: str
) -> None:
    clean.setenv("LOGS_URL", URL)
    assert main(argv) == code
    assert capfd.readouterr() == ("", err)


def test_a_variables_name_is_shown_on_one_line(clean: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    clean.setenv("LOG_SHUTTLE_A\nB\udc80", "x")
    assert main([]) == 1
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == r"log-shuttle: warning: LOG_SHUTTLE_A\nB\udc80 sets nothing"
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["-bearer-token", "zq9secret", "-prival", "zq9secret"], "-prival '***'"),
        (["-logs-url=https://u:zq9%73ecret@h/", "-ca-file", "/etc/zq9secret"], "-ca-file '/etc/***'"),
        (["-wait", "x-zq9token"], "-wait 'x-***'"),
    ],
)
def test_a_credential_in_the_wrong_place_is_not_told(
    clean: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    clean.setenv("LOG_SHUTTLE_DRAIN_TOKEN", "zq9token")
    clean.setenv("LOGS_URL", URL)
    assert main(argv)
    err = capfd.readouterr().err
    assert told in err
    assert "zq9" not in err


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "code", "err"),
    [
        ("-h >&-", 0, ""),
        ("-h >/dev/full", 1, "log-shuttle: stdout: No space left on device\n"),
        ("-version >/dev/full", 1, "log-shuttle: stdout: No space left on device\n"),
        ("-version >/dev/full 2>&1", 1, ""),
        ("-version >&- 2>&-", 0, ""),
        ("-unknown 2>&-", 2, ""),
        ("-unknown 2>/dev/full", 2, ""),
        ("-logs-url http://127.0.0.1:9 <&-", 1, "log-shuttle: stdin is closed: "),
        ("-h <&- >&- 2>&-", 0, ""),
        ("-unknown <&- >&-", 2, "log-shuttle: unknown flag -unknown"),
        ("", 1, "log-shuttle: no drain: give -logs-url"),
    ],
)
def test_closed_and_full_descriptors_give_no_traceback(arguments: str, code: int, err: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LOG")}
    done = subprocess.run(
        f"exec {sys.executable} -m shuttle {arguments}",
        shell=True,
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(err)
    assert done.stderr.count("\n") == bool(err)
