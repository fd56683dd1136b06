"""A user's first five minutes: what goes wrong is told in one line that says what to do, and shows no credential."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from shuttle import __version__
from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.process import LONGEST, Ended, clean_environ, find_closed_port, run, start

pytestmark = pytest.mark.process

PASSWORD = "hunter2"  # as it stands in a URL
SOON = ("-land-timeout", "300ms")


class Certificate(NamedTuple):
    own: Path
    authority: Path


def run_with_url(url: str, *flags: str) -> Ended:
    """Run the command with `url`, a user and a password put in, and check that they are shown nowhere."""
    ended = run("-logs-url", url.replace("://", f"://bob:{PASSWORD}@"), *flags, data=b"hi\n")
    assert_no_secret_in(ended)
    return ended


def assert_no_secret_in(ended: Ended) -> None:
    assert PASSWORD not in ended.out + ended.err
    assert "Ym9iOmh1bnRlcjI" not in ended.out + ended.err  # bob:hunter2 in base64


def read_advice(ended: Ended) -> str:
    """Return the one line of the log that says what to do; beside it are at most that the line is lost, and the sum."""
    assert ended.code == 3
    assert (ended.ledger.read, ended.ledger.lost) == (1, 1)
    assert len(ended.named("drain.down")) + len(ended.named("lines.lost")) + 1 == ended.err.count("\n") <= 3
    (line,) = (line for line in ended.err.splitlines() if " advice=" in line)
    return line


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        ((), 1, "no drain: give -logs-url https://"),
        (("-logs-url", "drain.example/logs"), 1, "-logs-url has no http or https scheme"),
        (("-logs-url", f"https://bob:{PASSWORD}/x@drain.example"), 1, "/ is %2F, @ is %40"),
        (("-logs-url", f"https://bob:{PASSWORD}@drain.example:99999/"), 1, "-logs-url has a port"),
        (("-logs-url", "http://h/", "-batch-size", "0"), 1, "-batch-size 0: must be 1 or more"),
        (("-logs-url", "http://h/", "-num-outlets", "0"), 1, "-num-outlets 0: must be from 1 to 1000"),
        (("-logs-url", "https://h/", "-ca-file", "missing.pem"), 1, "-ca-file 'missing.pem': must be a file"),
        (("-logs-url", "http://h/", "-hostname", "a b"), 1, "-hostname 'a b': must be 1 to 255"),
        (("-wait", "250"), 2, "-wait '250': must be a duration with its unit, such as 250ms"),
        (("-batch-size", "many"), 2, "-batch-size 'many': must be"),
        (("-drop", "false"), 2, "-drop=false"),
        (("-drop=maybe",), 2, "-drop 'maybe': must be true or false"),
        (("-logs-ulr", f"https://bob:{PASSWORD}@h/"), 2, "unknown flag -logs-ulr: did you mean -logs-url?"),
        ((f"https://bob:{PASSWORD}@h/",), 2, "unexpected argument: a URL is given as -logs-url URL"),
        (("-logs-url", "http://h/", "--no-drop"), 2, "unknown flag -no-drop: did you mean -drop=false?"),
        (("-batch-size",), 2, "-batch-size"),
    ],
)
def test_a_wrong_command_line_is_one_line(flags: tuple[str, ...], code: int, said: str) -> None:
    ended = run(*flags, data=b"hi\n")
    assert (ended.code, ended.out, ended.err.count("\n")) == (code, "", 1)
    assert ended.err.startswith("log-shuttle: ")
    assert said in ended.err
    assert_no_secret_in(ended)


def test_a_wrong_variable_is_named() -> None:
    ended = run(data=b"hi\n", environ={"LOGS_URL": "http://h/", "LOG_SHUTTLE_BATCH_SIZE": "-1"})
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "LOG_SHUTTLE_BATCH_SIZE -1: must be 1 or more" in ended.err


def test_an_unreadable_file_ends_the_start(tmp_path: Path) -> None:
    """Nothing is read from stdin before."""
    lines = tmp_path / "lines"
    lines.write_bytes(b"hi\n")
    environ = {"LOGS_URL": "https://h/", "LOG_SHUTTLE_CLIENT_CERT": "missing.pem"}
    with lines.open("rb") as source, start(stdin=source, environ=environ) as agent:
        ended = agent.finish()
        assert os.lseek(source.fileno(), 0, os.SEEK_CUR) == 0
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "log-shuttle: LOG_SHUTTLE_CLIENT_CERT 'missing.pem': must be a file that can be read\n"


def test_a_setting_without_effect_is_told_before_start() -> None:
    ended = run("-logs-url", "https://h/", "-state-dir", "d", "-ca-file", "missing.pem", data=b"hi\n")
    assert ended.err.splitlines() == [
        "log-shuttle: warning: -state-dir has no effect without -file",
        "log-shuttle: -ca-file 'missing.pem': must be a file that can be read",
    ]


def test_a_wrong_port_gets_advice() -> None:
    advice = read_advice(run_with_url(f"http://127.0.0.1:{find_closed_port()}/", *SOON))
    assert 'error="connection refused" advice="check host and port of -logs-url' in advice


def test_an_unknown_host_gets_advice() -> None:
    assert 'advice="check the host of -logs-url"' in read_advice(run_with_url("http://drain.invalid/", *SOON))


def test_a_wrong_password_gets_advice() -> None:
    with LocalDrain(Behaviour(auth="bob:another")) as drain:
        advice = read_advice(run_with_url(drain.url))
    assert "status=401" in advice
    assert "check the user and password in -logs-url, or -bearer-token" in advice


def test_a_wrong_token_gets_advice() -> None:
    with LocalDrain(Behaviour(bearer="another")) as drain:
        ended = run("-logs-url", drain.url, "-bearer-token", PASSWORD, "-verbose", data=b"hi\n")
    assert_no_secret_in(ended)
    assert any("status=401" in line and "-bearer-token" in line for line in ended.named("drain.down"))


def test_a_wrong_path_gets_advice() -> None:
    with LocalDrain(Behaviour(status=404)) as drain:
        assert "check the path of -logs-url" in read_advice(run_with_url(drain.url))


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    authority = trustme.CA()
    certificate = Certificate(tmp_path / "drain.pem", tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate.own)
    authority.cert_pem.write_to_path(certificate.authority)
    return certificate


def test_an_unknown_certificate_gets_advice(certificate: Certificate) -> None:
    with LocalDrain(Behaviour(cert=certificate.own)) as drain:
        advice = read_advice(run_with_url(drain.url, *SOON))
        assert "the drain's certificate is not trusted" in advice
        assert "name the authority to trust with -ca-file; -skip-verify trusts anyone" in advice
        assert drain.messages == []
        assert run_with_url(drain.url, "-ca-file", str(certificate.authority)).code == 0
        assert run_with_url(drain.url, "-skip-verify").code == 0
        assert drain.messages == [b"hi\n", b"hi\n"]


def test_a_certificate_of_another_host_gets_advice(certificate: Certificate) -> None:
    with LocalDrain(Behaviour(cert=certificate.own)) as drain:
        url = drain.url.replace("127.0.0.1", "localhost")
        advice = read_advice(run_with_url(url, *SOON, "-ca-file", str(certificate.authority)))
        assert "the drain's certificate is not trusted: Hostname mismatch" in advice


def test_http_to_an_https_port_gets_advice(certificate: Certificate) -> None:
    with LocalDrain(Behaviour(cert=certificate.own)) as drain:
        advice = read_advice(run_with_url(drain.url.replace("https:", "http:"), *SOON))
    assert "check whether -logs-url is http: or https:" in advice


def test_https_to_an_http_port_gets_advice() -> None:
    with LocalDrain() as drain:
        advice = read_advice(run_with_url(drain.url.replace("http:", "https:"), *SOON))
    assert "check whether -logs-url is http: or https:" in advice


def test_verbose_shows_no_credentials() -> None:
    with LocalDrain(Behaviour(auth=f"bob:{PASSWORD}")) as drain:
        ended = run_with_url(drain.url, "-verbose", "-drain-token", "d.secret")
    assert ended.code == 0
    assert "status=204" in ended.err
    assert "d.secret" not in ended.err


def test_version_and_help_go_to_stdout() -> None:
    assert run("-version") == Ended(0, f"log-shuttle {__version__}\n", "")
    ended = run("-h")
    assert (ended.code, ended.err) == (0, "")
    assert "app | log-shuttle -logs-url URL" in ended.out


def test_the_installed_command_is_the_module() -> None:
    command = shutil.which("log-shuttle", path=str(Path(sys.executable).parent))
    assert command
    with LocalDrain() as drain:
        subprocess.run(
            [command, "-logs-url", drain.url], input=b"hi\n", env=clean_environ(), timeout=LONGEST, check=True
        )
        assert drain.messages == [b"hi\n"]


def test_the_first_line_arrives_soon_after_the_imports() -> None:
    """The best of several runs side by side: a busy machine only makes runs longer.

    The aim is that it takes 1.5 times as long as the imports alone; with 2 it fails.
    """
    imports = [sys.executable, "-c", "import httpx, anyio, structlog"]
    imported: list[float] = []
    ended: list[float] = []
    with LocalDrain() as drain:
        shuttle = [sys.executable, "-m", "shuttle", "-logs-url", drain.url]
        for times, command in [(imported, imports), (ended, shuttle)] * 7:
            begun = time.perf_counter()
            subprocess.run(command, input=b"hi\n", env=clean_environ(), timeout=LONGEST, check=True)
            times.append(time.perf_counter() - begun)
        assert drain.messages == [b"hi\n"] * 7
    assert min(ended) < 2 * min(imported)
