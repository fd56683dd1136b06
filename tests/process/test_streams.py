"""stdin, stdout and stderr that are closed, full, a terminal, a file: each has its answer."""

import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shuttle.command.options import format_usage
from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.process import LONGEST, Agent, Ended, clean_environ, make_lines, run, start

pytestmark = pytest.mark.process

LINES = make_lines(1000)
STATISTICS = ("-stats-interval", "20ms")
RATES = ("1min", "5min", "15min", "mean")
TIMERS = ("batch.fill", "outlet.post.success", "outlet.post.failure")
FIGURES = ("count", "min", "max", "mean", "stddev", "p75", "p95", "p99", *(f"rate.{over}" for over in RATES))
COUNTS = ("lines.read.count", "lines.batched.count", "lines.dropped.count", "msg.lost.count", "outlet.inbox.length")
GO_NAMES = {*COUNTS, *(f"{timer}.{figure}" for timer in TIMERS for figure in FIGURES)}


@pytest.fixture
def drain() -> Iterator[LocalDrain]:
    with LocalDrain() as drain:
        yield drain


def run_in_shell(redirections: str, *flags: str) -> Ended:
    """Run the command with 1000 lines on stdin, unless `redirections` say otherwise."""
    script = f'exec "$0" -m shuttle "$@" {redirections}'
    ended = subprocess.run(
        ["sh", "-c", script, sys.executable, *flags],
        input=b"".join(LINES),
        capture_output=True,
        env=clean_environ(),
        timeout=LONGEST,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


@pytest.mark.parametrize("data", [b"", b"\n", b"no newline at the end", b"one\ntwo", b"\0\xff\n"])
def test_each_line_of_a_pipe_arrives_and_nothing_else(drain: LocalDrain, data: bytes) -> None:
    assert run("-logs-url", drain.url, data=data).code == 0
    assert drain.messages == [line if line.endswith(b"\n") else line + b"\n" for line in data.splitlines(keepends=True)]
    assert len(drain.requests) == bool(data)


def test_dev_null_makes_no_request(drain: LocalDrain) -> None:
    ended = run("-logs-url", drain.url, stdin=subprocess.DEVNULL)
    assert (ended.code, ended.out, ended.err, drain.requests) == (0, "", "", [])


def test_a_regular_file_is_delivered_whole_however_small_the_buffer(drain: LocalDrain, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(b"".join(make_lines(20_000)))
    with path.open("rb") as file:
        ended = run("-logs-url", drain.url, "-back-buff", "1", "-patience", "0", stdin=file)
    assert ended.code == 0
    assert len(drain.messages) == 20_000


def test_a_terminal_on_stdin_is_refused_in_one_line(drain: LocalDrain) -> None:
    master, slave = pty.openpty()
    try:
        ended = run("-logs-url", drain.url, stdin=slave)
    finally:
        os.close(master)
        os.close(slave)
    assert ended.code == 1
    assert ended.err.startswith("log-shuttle: No stdin detected")
    assert ended.err.count("\n") == 1


def test_a_closed_stdin_is_refused_in_one_line(drain: LocalDrain) -> None:
    ended = run_in_shell("0<&-", "-logs-url", drain.url)
    assert ended.code == 1
    assert ended.err.startswith("log-shuttle: stdin is closed")
    assert ended.err.count("\n") == 1
    assert drain.requests == []


def check_unreadable(ended: Ended, reason: str) -> None:
    assert ended.code == 1
    (said,) = ended.err.splitlines()
    assert f' level=error at=input.failed error="{reason}" ' in said
    assert "stdin was not read to its end" in said


@pytest.mark.parametrize("redirections", ["0>/dev/full", "0>/dev/stdout", "0>&1"])
def test_a_stdin_that_is_open_for_writing_is_no_success(drain: LocalDrain, redirections: str) -> None:
    check_unreadable(run_in_shell(redirections, "-logs-url", drain.url), "Bad file descriptor")
    assert drain.requests == []


def test_a_stdin_on_a_bad_medium_is_no_success(drain: LocalDrain) -> None:
    """The first page of a process's memory stands for it: reading it is an error."""
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        check_unreadable(run("-logs-url", drain.url, stdin=memory), "Input/output error")
    assert drain.requests == []


def break_off(*flags: str, lines: int) -> Ended:
    """Run the command with a socket on stdin that is reset after some lines."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with near, far, start("-wait", "1ms", "-verbose", *flags, stdin=far.fileno()) as agent:
        near.sendall(b"".join(make_lines(lines)))
        agent.hear(f"msgcount={lines} ")
        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        near.close()
        return agent.finish()


def test_what_was_read_before_stdin_broke_off_is_delivered(drain: LocalDrain) -> None:
    ended = break_off("-logs-url", drain.url, lines=10)
    assert ended.code == 1
    assert ended.named("input.failed")[0].count('error="Connection reset by peer"') == 1
    assert (ended.ledger.read, ended.ledger.delivered) == (10, 10)


def test_a_loss_is_told_before_an_input_that_broke_off() -> None:
    with LocalDrain(Behaviour(status=404)) as drain:
        ended = break_off("-logs-url", drain.url, lines=10)
    assert ended.code == 3
    assert ended.named("input.failed")
    assert ended.ledger.lost == 10


def open_pipe(_directory: Path) -> tuple[int, int]:
    return os.pipe()


def open_fifo(directory: Path) -> tuple[int, int]:
    path = directory / "fifo"
    os.mkfifo(path)
    both = os.open(path, os.O_RDWR)
    return both, os.dup(both)


def open_socket(_directory: Path) -> tuple[int, int]:
    near, far = socket.socketpair()
    return near.detach(), far.detach()


def deliver_one_by_one(agent: Agent, drain: LocalDrain, writer: int) -> None:
    """Have the agent wait for its stdin between two lines."""
    for number in range(1, 4):
        os.write(writer, b"line\n")
        assert drain.wait_for(messages=number)


@pytest.mark.parametrize("opener", [open_pipe, open_fifo, open_socket])
def test_the_flags_of_stdin_stay_as_they_are(
    drain: LocalDrain, tmp_path: Path, opener: Callable[[Path], tuple[int, int]]
) -> None:
    reader, writer = opener(tmp_path)
    before = fcntl.fcntl(reader, fcntl.F_GETFL)
    try:
        with start("-logs-url", drain.url, "-wait", "1ms", "-land-timeout", "1s", stdin=reader) as agent:
            deliver_one_by_one(agent, drain, writer)
            assert fcntl.fcntl(reader, fcntl.F_GETFL) == before
            agent.signal(signal.SIGTERM)
            assert agent.finish().code == 0
        assert fcntl.fcntl(reader, fcntl.F_GETFL) == before
    finally:
        os.close(reader)
        os.close(writer)


def test_whoever_writes_to_the_socket_on_stdin_can_go_on(drain: LocalDrain) -> None:
    """As under inetd, where one socket is everybody's stdin and stdout."""
    near, far = socket.socketpair()
    with near, far, start("-logs-url", drain.url, "-wait", "1ms", stdin=far) as agent:
        deliver_one_by_one(agent, drain, near.fileno())
        seq = subprocess.Popen(["seq", "1", "300000"], stdout=far.fileno(), stderr=subprocess.PIPE)
        far.close()
        out = b""
        while not out.endswith(b"\n300000\n") and (more := near.recv(1 << 16)):
            out += more
            if seq.poll():  # it failed: nothing more comes
                break
        assert seq.communicate(timeout=LONGEST)[1] == b""
        assert out.count(b"\n") == 300_000
        near.shutdown(socket.SHUT_WR)
        assert agent.finish().code == 0


def test_a_program_can_read_the_pipe_afterwards(drain: LocalDrain) -> None:
    reader, writer = os.pipe()
    with start("-logs-url", drain.url, "-wait", "1ms", "-land-timeout", "100ms", stdin=reader) as agent:
        deliver_one_by_one(agent, drain, writer)
        agent.signal(signal.SIGTERM)
        assert agent.finish().code == 0
    waiting = subprocess.run(["timeout", "0.3", "cat"], stdin=reader, capture_output=True, timeout=LONGEST, check=False)
    assert (waiting.returncode, waiting.stderr) == (124, b"")  # it waited, until it was ended
    os.write(writer, b"rest\n")
    os.close(writer)
    assert subprocess.run(["cat"], stdin=reader, capture_output=True, check=True, timeout=LONGEST).stdout == b"rest\n"
    os.close(reader)


def test_a_stdin_that_somebody_made_non_blocking_is_read_to_its_end(drain: LocalDrain) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with start("-logs-url", drain.url, "-wait", "1ms", stdin=reader) as agent:
        os.close(reader)
        deliver_one_by_one(agent, drain, writer)
        os.close(writer)
        assert agent.finish().code == 0


def test_the_usage_comes_whole_through_a_full_pipe_that_does_not_block() -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    with subprocess.Popen([sys.executable, "-m", "shuttle", "-h"], stdout=writer) as command:
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as pipe:
            assert pipe.read() == format_usage()
        assert command.wait(LONGEST) == 0


def test_two_that_share_a_pipe_end_with_it(drain: LocalDrain) -> None:
    """Each line wakes both, and one of them finds nothing."""
    reader, writer = os.pipe()
    flags = ("-logs-url", drain.url, "-wait", "1ms", "-verbose")
    with start(*flags, stdin=reader) as first, start(*flags, stdin=reader) as second:
        os.close(reader)
        for number in range(1, 50):
            os.write(writer, b"line\n")
            assert drain.wait_for(messages=number)
        os.close(writer)
        ended = first.finish(), second.finish()
    assert [(each.code, each.named("input.failed")) for each in ended] == [(0, [])] * 2
    assert sum(each.ledger.delivered for each in ended) == 49


@pytest.mark.parametrize("redirections", ["1>&-", "2>&-", "1>&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1"])
def test_a_closed_or_full_stdout_or_stderr_costs_no_line(drain: LocalDrain, redirections: str) -> None:
    ended = run_in_shell(redirections, "-logs-url", drain.url, "-verbose", *STATISTICS)
    assert ended.code == 0
    assert sorted(drain.messages) == LINES
    assert drain.counts.duplicates == 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_pipe_whose_reader_went_away_costs_no_line(drain: LocalDrain, stream: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = run("-logs-url", drain.url, "-verbose", *STATISTICS, data=b"".join(LINES), **{stream: writing})
    finally:
        os.close(writing)
    assert ended.code == 0
    assert sorted(drain.messages) == LINES


@pytest.mark.parametrize("flags", [("-verbose",), ("-front-buff", "3")], ids=["a log", "a warning"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_pipe_that_nobody_reads_holds_nothing_up(drain: LocalDrain, stream: str, flags: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        while fill(writing):
            pass
        os.set_blocking(writing, True)
        ended = run("-logs-url", drain.url, *flags, *STATISTICS, data=b"".join(LINES), **{stream: writing})
    finally:
        os.close(writing)
        os.close(reading)
    assert ended.code == 0
    assert sorted(drain.messages) == LINES


def fill(pipe: int) -> bool:
    """Write what fits, and return whether anything did."""
    try:
        return os.write(pipe, b"x" * 4096) > 0
    except BlockingIOError:
        return False


def test_statistics_come_at_the_interval_and_each_counts_since_the_one_before(drain: LocalDrain) -> None:
    with start("-logs-url", drain.url, *STATISTICS) as agent:
        for number in range(1, 4):  # each is with the drain after 250 ms of -wait: many intervals
            agent.stdin.write(b"line\n")
            agent.stdin.flush()
            assert drain.wait_for(messages=number)
        out = agent.finish().out.splitlines()
    read = [int(value) for line in out for value in re.findall(r"lines\.read\.count=(\d+) ", line)]
    assert len(read) == len(out) > 3
    assert sorted(read, reverse=True)[:4] == [1, 1, 1, 0]


def test_statistics_come_a_last_time_at_exit_in_the_names_of_go(drain: LocalDrain) -> None:
    out = run("-logs-url", drain.url, "-stats-interval", "1h", "-stats-source", "web.1", data=b"".join(LINES)).out
    assert out.count("\n") == 1
    values = dict(pair.split("=") for pair in out.split())
    assert list(values) == sorted(values)
    assert set(values) >= GO_NAMES
    assert values["log_shuttle_stats_source"] == "web.1"
    assert (values["lines.read.count"], values["lines.batched.count"]) == ("1000", "1000")
    assert (values["lines.dropped.count"], values["msg.lost.count"]) == ("0", "0")
    assert values["outlet.post.success.count"] == str(len(drain.requests))


SYSLOG = Path("/dev/log")


@pytest.mark.skipif(not SYSLOG.exists(), reason="there is no syslog daemon on this machine")
def test_its_own_log_goes_to_syslog_and_not_to_stderr(drain: LocalDrain) -> None:
    ended = run("-logs-url", drain.url, "-log-to-syslog", "-verbose", data=b"".join(LINES))
    assert (ended.code, ended.err) == (0, "")
    assert sorted(drain.messages) == LINES


@pytest.mark.skipif(SYSLOG.exists(), reason="there is a syslog daemon on this machine")
def test_without_a_syslog_daemon_losses_are_told_on_stderr() -> None:
    with LocalDrain(Behaviour(status=404)) as drain:
        ended = run("-logs-url", drain.url, "-log-to-syslog", data=b"".join(LINES))
    assert ended.code == 3
    assert len(ended.named("syslog.unreachable")) == 1
    assert ended.err.index("at=syslog.unreachable") < ended.err.index("at=lines.lost")
    assert ended.ledger.lost == 1000


@pytest.mark.parametrize("verbose", [True, False])
def test_without_a_loss_the_ledger_is_told_only_to_who_asks(drain: LocalDrain, verbose: bool) -> None:
    ended = run("-logs-url", drain.url, f"-verbose={str(verbose).lower()}", data=b"".join(LINES))
    assert ended.err.count("at=ledger read=1000 delivered=1000 dropped=0 lost=0 held=0\n") == verbose
    assert bool(ended.err) is verbose
