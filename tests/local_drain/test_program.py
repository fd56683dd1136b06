"""`log-shuttle-drain` as a process: what it prints, when it ends and how."""

import http.client
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shuttle import __version__
from shuttle.local_drain import main
from tests.helpers.process import LONGEST

pytestmark = pytest.mark.process

FRAME = b"<190>1 2024-01-02T03:04:05.123456+00:00 shuttle token shuttle - - Hello \x1b[31m\n"
REPORT = (
    b"<172>1 2024-01-02T03:04:05.123456+00:00 heroku token log-shuttle - - Error L12: 2 messages dropped since then\n"
)
LINES = [
    r"03:04:05.123 shuttle token[shuttle]: Hello \x1b[31m",
    "!! 03:04:05.123 heroku token[log-shuttle]: Error L12: 2 messages dropped since then",
]
HEADERS = {
    "Content-Type": "application/logplex-1",
    "Logplex-Msg-Count": "2",
    "Logplex-Drop-Count": "2",
    "Logplex-Frame-Id": "a",
}


@contextmanager
def start(*flags: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the drain and give it with the port that it listens on."""
    command = [sys.executable, "-m", "shuttle.local_drain", "-port=0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            listening = re.fullmatch(
                r"log-shuttle-drain: listening on https?://127\.0\.0\.1:(\d+)/\n", process.stderr.readline()
            )
            assert listening
            assert process.stderr.readline() == listening[0].replace("listening on", "open")
            yield process, int(listening[1])
        finally:
            process.kill()


def post(port: int, times: int = 1) -> list[int]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    statuses = []
    for _ in range(times):
        connection.request("POST", "/", b"".join(b"%d %b" % (len(frame), frame) for frame in (FRAME, REPORT)), HEADERS)
        with connection.getresponse() as answer:
            answer.read()
            statuses.append(answer.status)
    connection.close()
    return statuses


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_messages_go_to_stdout_and_the_rest_to_stderr(ending: signal.Signals) -> None:
    with start("-status", "503", "-times", "1") as (process, port):
        assert post(port, times=3) == [503, 204, 204]
        process.send_signal(ending)
        stdout, stderr = process.communicate()
    assert stdout.splitlines() == LINES
    assert stderr.splitlines() == [
        "log-shuttle-drain: answered 503: as -status says",
        "log-shuttle-drain: requests=3 refused=1 messages=2 duplicates=2 dropped=2 lost=0",
    ]
    assert process.returncode == 0


def test_quiet_counts_and_prints_no_message() -> None:
    with start("-quiet") as (process, port):
        post(port)
        process.terminate()
        stdout, stderr = process.communicate()
    assert stdout == ""
    assert "messages=2 " in stderr


def test_it_has_a_page_at_its_own_address() -> None:
    with start("-quiet") as (process, port):
        post(port)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/")
        with connection.getresponse() as answer:
            assert b"<title>log-shuttle-drain</title>" in answer.read()
        connection.close()
        process.terminate()
        _, stderr = process.communicate()
    assert stderr == "log-shuttle-drain: requests=1 refused=0 messages=2 duplicates=0 dropped=2 lost=0\n"


def test_an_open_connection_does_not_delay_the_end() -> None:
    with start() as (process, port), socket.create_connection(("127.0.0.1", port)):
        process.terminate()
        assert process.wait(30) == 0


def test_a_closed_stdout_ends_it_quietly() -> None:
    with start() as (process, port):
        assert process.stdout
        process.stdout.close()
        assert post(port) == [204]
        assert process.wait(30) == 0
        assert process.stderr
        assert process.stderr.read() == (
            "log-shuttle-drain: requests=1 refused=0 messages=2 duplicates=0 dropped=2 lost=0\n"
        )


def be_refused(port: int, times: int) -> None:
    """Send requests that are refused, one right behind the other, and read the answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"PUT / HTTP/1.1\r\n\r\n" * (times - 1) + b"PUT / HTTP/1.1\r\nConnection: close\r\n\r\n")
        while client.recv(65536):
            pass


def test_an_unread_stderr_stops_nothing() -> None:
    with start() as (process, port):
        for _ in range(20):  # more lines than a pipe takes
            be_refused(port, 100)
        assert post(port) == [204]
        process.terminate()
        assert process.wait(30) == 0


def test_a_connection_fills_stderr_with_some_lines_only() -> None:
    with start() as (process, port):
        be_refused(port, 5000)
        process.terminate()
        _, stderr = process.communicate()
    *lines, counts = stderr.splitlines()
    assert set(lines[:100]) == {"log-shuttle-drain: answered 405: log-shuttle sends POST and not PUT"}
    assert len(lines) < 1000
    assert "requests=5000 refused=5000 " in counts


def test_an_unread_stdout_stops_nothing() -> None:
    """As that of `log-shuttle-drain | less`: what has been received is shown as it is read."""
    headers = HEADERS | {"Logplex-Msg-Count": "1"}
    with start() as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for number in range(1000):  # twice as much as a pipe takes
            frame = FRAME.replace(b"Hello", b"Hello %0100d" % number)
            body = b"%d %b" % (len(frame), frame)
            connection.request("POST", "/", body, headers | {"Logplex-Frame-Id": str(number)})
            with connection.getresponse() as answer:
                assert answer.status == 204
        connection.close()
        assert process.stdout
        read = [process.stdout.readline() for _ in range(1000)]
        assert all(f"{number:0100d}" in line for number, line in enumerate(read))


def test_an_unread_stdout_does_not_hold_up_the_end() -> None:
    with start() as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for number in range(20):
            frame = FRAME.replace(b"Hello", b"x" * 9000)
            body = b"%d %b" % (len(frame), frame)
            connection.request("POST", "/", body, HEADERS | {"Logplex-Msg-Count": "1", "Logplex-Frame-Id": str(number)})
            with connection.getresponse() as answer:
                assert answer.status == 204
        connection.close()
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["-sttaus", "503"], "unknown flag -sttaus: did you mean -status?"),
        (["-delay", "2"], "-delay '2': must be a duration"),
        (["-status", "204"], "-status 204: must be from 300 to 599"),
        (["-auth", "hunter2"], "-auth (not shown): must be user:password"),
    ],
)
def test_a_wrong_flag_is_one_line_and_exit_2(argv: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    stderr = capsys.readouterr().err
    assert stderr.startswith(f"log-shuttle-drain: {line}")
    assert stderr.count("\n") == 1


def test_a_port_in_use_is_one_line_and_exit_1(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["-port", str(port)]) == 1
    assert capfd.readouterr().err == (
        f"log-shuttle-drain: -port {port}: cannot listen on 127.0.0.1 (Address already in use); "
        "must be a free port, or 0 for any\n"
    )


@pytest.mark.parametrize("flag", ["-h", "-help", "--help"])
def test_help_names_every_flag(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    stdout = capsys.readouterr().out
    flags = "port cert key auth bearer max-body status retry-after delay close reset times quiet h version"
    assert re.findall(r"^  -([a-z-]+)", stdout, re.MULTILINE) == flags.split()
    assert max(map(len, stdout.splitlines())) <= 108


@pytest.mark.parametrize("flag", ["-version", "--version", "-V"])
def test_the_version_is_that_of_the_package(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    assert capsys.readouterr() == (f"log-shuttle-drain {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("-h >/dev/full", 1, "log-shuttle-drain: stdout: No space left on device\n"),
        ("-version >/dev/full 2>&1", 1, ""),
        ("-unknown 2>/dev/full", 2, ""),
        ("-h >&-", 0, ""),
    ],
)
def test_a_full_disk_is_told_of(arguments: str, code: int, said: str) -> None:
    command = f"exec {sys.executable} -m shuttle.local_drain {arguments}"
    done = subprocess.run(command, check=False, shell=True, capture_output=True, text=True, timeout=LONGEST)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)
