"""Credentials from files: no list of processes shows them, and a changed file is read again after a 401."""

import os
import subprocess
from pathlib import Path

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from shuttle.secret_file import MOST
from tests.helpers.process import COMMAND, LONGEST, clean_environ, run, start

pytestmark = pytest.mark.process

OLD, NEW = "zq9oldpassword", "zq9newpassword"


def put(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def with_password(url: str, password: str) -> str:
    return url.replace("http://", f"http://user:{password}@")


@pytest.mark.parametrize("behind", ["", "\n", " \r\n\n"])
def test_the_url_comes_from_a_file(behind: str, tmp_path: Path) -> None:
    with LocalDrain(Behaviour(auth=f"user:{OLD}")) as drain:
        file = put(tmp_path / "url", with_password(drain.url, OLD) + behind)
        with start("-logs-url-file", file) as agent:
            shown = Path(f"/proc/{agent.process.pid}/cmdline").read_text()
            ended = agent.finish(b"line\n")
    assert (ended.code, ended.err) == (0, "")
    assert drain.messages == [b"line\n"]
    assert OLD not in shown


def test_a_bearer_token_comes_from_a_file_that_a_variable_names(tmp_path: Path) -> None:
    file = put(tmp_path / "token", f"{OLD}\n")
    with LocalDrain(Behaviour(bearer=OLD)) as drain:
        ended = run("-logs-url", drain.url, data=b"line\n", environ={"LOG_SHUTTLE_BEARER_TOKEN_FILE": file})
    assert (ended.code, ended.err) == (0, "")
    assert drain.messages == [b"line\n"]


def test_a_changed_file_is_read_again_after_a_401(tmp_path: Path) -> None:
    with LocalDrain(Behaviour(auth=f"user:{NEW}")) as drain:
        file = put(tmp_path / "url", with_password(drain.url, OLD))
        with start("-logs-url-file", file) as agent:
            agent.stdin.write(b"line\n")
            agent.stdin.flush()
            agent.hear("drain.down")
            put(tmp_path / "url", with_password(drain.url, NEW))
            agent.hear("credentials.renewed")
            assert drain.wait_for(messages=1)
            ended = agent.finish(b"another\n")
    assert ended.code == 0
    assert drain.messages == [b"line\n", b"another\n"]
    assert "zq9" not in ended.err


def test_what_a_changed_file_holds_is_masked(tmp_path: Path) -> None:
    """The drain quotes the new password, and refuses it."""
    with LocalDrain(Behaviour(auth="user:other")) as drain:
        file = put(tmp_path / "url", with_password(drain.url, OLD))
        with start("-logs-url-file", file, "-verbose", "-land-timeout", "1s") as agent:
            agent.stdin.write(b"line\n")
            agent.stdin.flush()
            agent.hear("drain.down")
            put(tmp_path / "url", f"http://user:{NEW}@{NEW}.example/")
            agent.hear("credentials.unusable")
            ended = agent.finish()
    assert len(ended.named("credentials.unusable")) == 1
    assert "***.example" in ended.named("credentials.unusable")[0]
    assert NEW not in ended.err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "must not be empty"),
        (" \n", "must not be empty"),
        ("x" * (MOST + 1), f"must have {MOST} bytes at most"),
        ("http://x/\nhttp://y/", "must be one line without control characters"),
        ("ftp://zq9/", "-logs-url has no http or https scheme"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error(content: str | None, reason: str, tmp_path: Path) -> None:
    if content is not None:
        put(tmp_path / "url", content)
    ended = run("-logs-url-file", str(tmp_path / "url"))
    assert ended.code == 1
    assert reason in ended.err
    assert len(ended.err.splitlines()) == 1
    assert "zq9" not in ended.err


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    ended = run("-logs-url-file", str(tmp_path))
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert str(tmp_path) in ended.err


def test_a_fifo_is_an_error_and_no_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "url")
    ended = run("-logs-url-file", str(tmp_path / "url"))
    assert (ended.code, ended.err) == (1, f"log-shuttle: -logs-url-file '{tmp_path / 'url'}': must be a file\n")


def test_what_a_shell_puts_in_its_place_is_read() -> None:
    with LocalDrain() as drain:
        command = f"echo line | {' '.join(COMMAND)} -logs-url-file <(echo {drain.url})"
        subprocess.run(["bash", "-c", command], env=clean_environ(), timeout=LONGEST, check=True)
    assert drain.messages == [b"line\n"]


def test_a_flag_wins_over_a_variable_and_two_flags_are_an_error(tmp_path: Path) -> None:
    with LocalDrain() as drain:
        file = put(tmp_path / "url", drain.url)
        dead = put(tmp_path / "dead", "http://127.0.0.1:9/")
        both = run("-logs-url", drain.url, "-logs-url-file", file)
        assert (both.code, "cannot be combined with -logs-url" in both.err) == (1, True)
        wins = run("-logs-url-file", file, data=b"1\n", environ={"LOGS_URL": "http://127.0.0.1:9/"})
        assert wins.code == 0
        assert wins.err == "log-shuttle: warning: LOGS_URL is not used: -logs-url-file wins over it\n"
        environ = {"LOG_SHUTTLE_LOGS_URL_FILE": dead}
        assert run("-logs-url", drain.url, data=b"2\n", environ=environ).code == 0
    assert drain.messages == [b"1\n", b"2\n"]
