"""The real command on files: signals, kill -9, restarts, users, limits, and what it says."""

import gzip
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers import process
from tests.helpers.compression import FORMATS
from tests.helpers.following import append
from tests.helpers.process import COMMAND, LONGEST, Agent, Ended, clean_environ, find_closed_port, make_lines, run

pytestmark = pytest.mark.process

HANGS = Behaviour(delay=LONGEST)
DOWN = Behaviour(status=503)
NOBODY = 65534


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state")


@contextmanager
def start(*flags: str) -> Iterator[Agent]:
    """Start the command, and kill it at the end, of a test that failed too: the end of stdin does not end it."""
    with process.start(*flags) as agent:
        try:
            yield agent
        finally:
            agent.process.kill()


def write(path: Path, lines: list[bytes]) -> None:
    with path.open("ab") as file:
        file.write(b"".join(lines))


def test_a_file_not_followed_is_delivered_once(log: Path) -> None:
    """The process then exits."""
    write(log, [*make_lines(5000), b"no newline"])
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-file", str(log), "-follow=false", "-verbose")
        assert ended.code == 0
        assert sorted(drain.messages) == sorted([*make_lines(5000), b"no newline\n"])
    assert ended.ledger.delivered == 5001
    assert ended.out == ""
    assert "\r" not in ended.err  # no progress bar in a pipe


def test_stdin_is_not_read_with_files(log: Path) -> None:
    append(log, b"of the file")
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-file", str(log), "-follow=false", data=b"of stdin\n")
        assert ended.code == 0
        assert drain.messages == [b"of the file\n"]


def test_an_empty_file_is_delivered_as_nothing(log: Path) -> None:
    log.touch()
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-file", str(log), "-follow=false")
        assert ended.code == 0
        assert drain.requests == []


def test_a_missing_file_is_named(log: Path) -> None:
    ended = run("-logs-url", "http://127.0.0.1:9/", "-file", str(log), "-follow=false")
    assert str(log) in ended.err


def test_a_run_without_a_store_says_so_once(log: Path) -> None:
    append(log, b"one")
    with LocalDrain() as drain, start("-logs-url", drain.url, "-file", str(log), "-from", "beginning") as agent:
        assert drain.wait_for(messages=1)
        agent.signal(signal.SIGTERM)
        assert len(agent.finish().named("state.none")) == 1


def test_length_prefixed_frames_are_refused_for_files(log: Path) -> None:
    """The error is one line."""
    ended = run("-logs-url", "http://127.0.0.1:9/", "-file", str(log), "-input-format", "lprfc5424")
    assert ended.code == 1
    assert ended.err == "log-shuttle: -input-format lprfc5424: must be raw or rfc5424 for files\n"


def test_the_environment_may_name_several_files(tmp_path: Path) -> None:
    append(tmp_path / "a.log", b"a")
    append(tmp_path / "b.log", b"b")
    append(tmp_path / "c.txt", b"c")
    files = os.pathsep.join([str(tmp_path / "a.log"), str(tmp_path / "[b].log"), str(tmp_path / "*.txt")])
    with LocalDrain() as drain:
        environ = {"LOG_SHUTTLE_FILE": files, "LOG_SHUTTLE_FOLLOW": "false", "LOG_SHUTTLE_PROCID": "{name}"}
        ended = run("-logs-url", drain.url, environ=environ)
        assert ended.code == 0
        assert sorted(drain.messages) == [b"a\n", b"b\n", b"c\n"]
        assert sorted(frame.split(b" ")[4] for frame in drain.frames) == [b"a.log", b"b.log", b"c.txt"]


def test_a_file_whose_name_is_not_utf8_is_read(tmp_path: Path) -> None:
    """What goes wrong with such a name is logged."""
    readable, directory = (tmp_path / os.fsdecode(name) for name in (b"app-\xff.log", b"dir-\xff.log"))
    append(readable, b"one")
    directory.mkdir()
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-file", str(tmp_path / "*.log"), "-follow=false")
        assert drain.messages == [b"one\n"]
    assert ended.code == 1  # as `cat *` does of a directory
    assert len(ended.named("file.unreadable")) == 1


def test_a_restart_after_sigterm_reads_the_rest_once(log: Path, state: str) -> None:
    """The signal ends the reading, and what was read is delivered."""
    lines = make_lines(200_000)
    write(log, lines)
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", state, "-verbose")
    with LocalDrain(Behaviour(delay=0.02)) as drain:
        with start("-logs-url", drain.url, "-back-buff", "4", *flags) as agent:
            assert drain.wait_for(messages=2000)
            agent.signal(signal.SIGTERM)
            first = agent.finish()
        assert first.code == 0
        assert 2000 <= first.ledger.read < 200_000
        assert first.ledger.read == first.ledger.delivered == len(drain.messages)
        drain.behaviour = Behaviour()
        with start("-logs-url", drain.url, *flags) as agent:
            assert drain.wait_for(messages=200_000)
            agent.signal(signal.SIGTERM)
            second = agent.finish()
        assert second.code == 0
        assert first.ledger.delivered + second.ledger.delivered == 200_000
        assert sorted(drain.messages) == lines
        assert drain.counts.duplicates == 0


def test_a_deleted_file_is_read_to_its_end_on_a_signal(log: Path, state: str) -> None:
    """The file that took its name is left for the next start."""
    lines, later = make_lines(20_000), [b"later\n"]
    write(log, [*lines, b"no newline"])
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", state, "-verbose")
    with LocalDrain(Behaviour(delay=0.02)) as drain:
        with start("-logs-url", drain.url, "-back-buff", "4", *flags) as agent:
            assert drain.wait_for(messages=2000)
            log.unlink()
            write(log, later)
            agent.signal(signal.SIGTERM)
            first = agent.finish()
        assert first.code == 0
        assert sorted(drain.messages) == [*lines, b"no newline\n"]
        with start("-logs-url", drain.url, *flags) as agent:
            assert drain.wait_for(messages=20_002)
            agent.signal(signal.SIGTERM)
            assert agent.finish().code == 0
        assert sorted(drain.messages) == sorted([*lines, b"no newline\n", *later])


def test_a_compressed_file_is_read_on_at_the_next_start(log: Path, state: str) -> None:
    """Its rest is not lost with its name."""
    lines = make_lines(50_000)
    write(log, lines)
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", state, "-verbose")
    with LocalDrain(Behaviour(delay=0.1)) as drain:
        with start("-logs-url", drain.url, "-back-buff", "2", "-num-outlets", "1", *flags) as agent:
            assert drain.wait_for(messages=1000)
            log.with_name("app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
            log.unlink()
            agent.signal(signal.SIGTERM)
            ended = agent.finish()
        assert ended.code == 0
        assert ended.ledger.read < 50_000
        drain.behaviour = Behaviour()
        with start("-logs-url", drain.url, *flags) as agent:
            assert drain.wait_for(messages=50_000)
            agent.signal(signal.SIGTERM)
            agent.finish()
        assert sorted(drain.messages) == lines


def test_compressed_files_are_replayed_and_what_cannot_be_decompressed_is_not_sent(log: Path) -> None:
    """That one is named, and the exit code says that something was not read."""
    lines = make_lines(4000)
    for number, ending in enumerate(FORMATS):
        log.with_name(f"app.log.{number}").write_bytes(FORMATS[ending](b"".join(lines[number * 1000 :][:1000])))
    with LocalDrain() as drain:
        flags = ("-logs-url", drain.url, "-file", str(log.with_name("app.log*")), "-follow=false")
        ended = run(*flags)
        assert (ended.code, sorted(drain.messages)) == (0, lines)
        log.with_name("app.log.zip").write_bytes(b"PK\3\4" + b"\n\xff" * 100)
        ended = run(*flags)
        assert (ended.code, sorted(drain.messages)) == (1, sorted(lines * 2))
    assert len(ended.named("file.unreadable")) == 1
    assert "app.log.zip" in ended.err
    assert "neither decompressed nor sent" in ended.err


def test_the_rest_of_a_deleted_file_is_counted_lost(log: Path, state: str) -> None:
    """The time to land is too short to deliver it."""
    lines = make_lines(50_000)
    write(log, lines)
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", state, "-land-timeout", "500ms", "-verbose")
    with LocalDrain(Behaviour(delay=0.1)) as drain:
        with start("-logs-url", drain.url, "-back-buff", "2", "-num-outlets", "1", *flags) as agent:
            assert drain.wait_for(messages=1000)
            log.unlink()
            agent.signal(signal.SIGTERM)
            ended = agent.finish()
        assert ended.code == 3
        assert ended.ledger.balanced
        assert ended.ledger.read == 50_000
        assert ended.ledger.lost > 1000
    assert len(ended.named("file.missed")) == 1


def test_held_lines_survive_with_a_store(log: Path, state: str) -> None:
    lines = make_lines(1000)
    write(log, lines)
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", state, "-verbose")
    with LocalDrain(DOWN) as drain:
        with start("-logs-url", drain.url, "-land-timeout", "200ms", *flags) as agent:
            assert drain.wait_for(requests=1)
            agent.signal(signal.SIGTERM)
            ended = agent.finish()
        assert ended.code == 0
        assert (ended.ledger.read, ended.ledger.lost, ended.ledger.held) == (1000, 0, 1000)
        whole = [headers for headers in drain.requests if headers["Logplex-Msg-Count"] == "500"]  # halves go with it
        before = {headers["Logplex-Frame-Id"] for headers in whole}
        assert before
        drain.behaviour = Behaviour()
        with start("-logs-url", drain.url, *flags) as agent:
            assert drain.wait_for(messages=1000)
            agent.signal(signal.SIGTERM)
            assert agent.finish().code == 0
        assert sorted(drain.messages) == lines
        assert before <= {ex.headers["Logplex-Frame-Id"] for ex in drain.exchanges if ex.frames}


def test_held_lines_are_lost_without_a_store(log: Path) -> None:
    write(log, make_lines(1000))
    url = f"http://127.0.0.1:{find_closed_port()}/"
    ended = run("-logs-url", url, "-file", str(log), "-follow=false", "-land-timeout", "200ms")
    assert ended.code == 3
    assert (ended.ledger.read, ended.ledger.lost, ended.ledger.held) == (1000, 1000, 0)


def test_a_kill_while_requests_hang_costs_nothing(log: Path, state: str) -> None:
    """The next start sends the same ids again, then the rest."""
    lines = make_lines(20_000)
    write(log, lines)
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", state)
    with LocalDrain(HANGS) as drain:
        with start("-logs-url", drain.url, *flags) as agent:
            assert drain.wait_for(requests=4)
            agent.signal(signal.SIGKILL)
            agent.process.wait(LONGEST)
        drain.behaviour = Behaviour()
        with start("-logs-url", drain.url, *flags) as agent:
            assert drain.wait_for(messages=20_000)
            agent.signal(signal.SIGTERM)
            assert agent.finish().code == 0
        assert sorted(drain.messages) == lines


def test_repeated_kills_cost_no_line(log: Path, state: str) -> None:
    """The drain passes over what it had by the Frame-Id, so what it has is every line once."""
    lines = make_lines(60_000)
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", state, "-batch-size", "100")
    with LocalDrain(Behaviour(delay=0.005)) as drain:
        for start_line in range(0, 60_000, 10_000):
            write(log, lines[start_line : start_line + 10_000])
            with start("-logs-url", drain.url, *flags) as agent:
                assert drain.wait_for(messages=start_line + 3000)
                agent.signal(signal.SIGKILL)
                agent.process.wait(LONGEST)
        with start("-logs-url", drain.url, *flags) as agent:
            assert drain.wait_for(messages=60_000)
            agent.signal(signal.SIGTERM)
            assert agent.finish().code == 0
        assert sorted(drain.messages) == lines


def test_a_second_agent_on_a_store_is_refused(log: Path, state: str) -> None:
    append(log, b"one")
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", state)
    with LocalDrain() as drain, start("-logs-url", drain.url, *flags) as agent:
        assert drain.wait_for(messages=1)
        ended = run("-logs-url", drain.url, *flags)
        assert ended.code == 1
        assert ended.err.startswith("log-shuttle: -state-dir ")
        assert ended.err.endswith(": is in use by another log-shuttle: give each its own directory\n")
        assert ended.err.count("\n") == 1
        append(log, b"two")
        assert drain.wait_for(messages=2)
        agent.signal(signal.SIGTERM)
        assert agent.finish().code == 0


def test_a_store_of_zeros_is_set_aside(log: Path, state: str) -> None:
    Path(state).mkdir()
    (Path(state) / "checkpoints.sqlite").write_bytes(bytes(8192))
    append(log, b"one")
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-file", str(log), "-follow=false", "-state-dir", state)
        assert ended.code == 0
        assert drain.messages == [b"one\n"]
    assert len(ended.named("state.broken")) == 1


def test_a_full_disk_costs_nothing_and_repeats_nothing(log: Path, state: str) -> None:
    """A limit of the process stands for the disk's: no file of it can grow."""
    lines = make_lines(3000)
    write(log, lines[:1000])
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", state)
    with LocalDrain() as drain:
        with start("-logs-url", drain.url, *flags) as agent:
            assert drain.wait_for(messages=1000)
            _, most = resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (1024, most))
            write(log, lines[1000:2000])
            agent.hear("at=state.failed ")
            assert drain.wait_for(messages=2000)
            resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (most, most))
            write(log, lines[2000:])
            agent.hear("at=state.restored ")
            assert drain.wait_for(messages=3000)
            agent.signal(signal.SIGTERM)
            assert agent.finish().code == 0
        append(log, b"last")
        ended = run("-logs-url", drain.url, "-follow=false", *flags)
        assert ended.code == 0
        assert sorted(drain.messages) == sorted([*lines, b"last\n"])


def test_a_rename_at_the_moment_of_a_signal_costs_nothing(log: Path, state: str) -> None:
    lines = make_lines(3000)
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", state)
    with LocalDrain() as drain:
        for number in range(3):
            before, unread, after = (
                lines[place : place + 300] for place in range(number * 900, number * 900 + 900, 300)
            )
            write(log, before)
            with start("-logs-url", drain.url, *flags) as agent:
                assert drain.wait_for(messages=number * 900 + 300)
                write(log, unread)
                agent.signal(signal.SIGTERM)
                log.rename(log.with_name(f"app.log.{9 - number}"))
                assert agent.finish().code == 0
            write(log, after)
            with start("-logs-url", drain.url, *flags) as agent:
                assert drain.wait_for(messages=number * 900 + 900)
                agent.signal(signal.SIGTERM)
                assert agent.finish().code == 0
        assert sorted(drain.messages) == lines[:2700]


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that every user may enter; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _may_run_as_nobody() -> bool:
    probe = [sys.executable, "-c", "import shuttle.command.agent"]
    try:
        return not subprocess.run(probe, user=NOBODY, capture_output=True, check=False).returncode
    except PermissionError:
        return False


def test_an_unreadable_file_is_logged_then_read(public: Path) -> None:
    """It is read as soon as its mode allows it."""
    log = public / "app.log"
    append(log, b"one")
    log.chmod(0)
    user = NOBODY if os.geteuid() == 0 else None
    if user and not _may_run_as_nobody():
        pytest.skip("root alone can read this Python")
    with LocalDrain() as drain:
        command = [*COMMAND, "-logs-url", drain.url, "-file", str(log)]
        with subprocess.Popen(command, env=clean_environ(), user=user, stderr=subprocess.PIPE) as agent:
            try:
                assert agent.stderr
                said = agent.stderr.readline() + agent.stderr.readline()
                assert b"at=file.unreadable" in said
                log.chmod(0o644)
                append(log, b"two")
                assert drain.wait_for(messages=2)
                assert drain.messages == [b"one\n", b"two\n"]
            finally:
                agent.terminate()
                agent.wait(LONGEST)


def run_limited(limit: str, *flags: str) -> Ended:
    """Run the command to its end after `ulimit -n`."""
    script = f'ulimit {limit}; exec "$0" "$@"'
    done = subprocess.run(
        ["bash", "-c", script, *COMMAND, *flags],
        env=clean_environ(),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=LONGEST,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_soft_limit_of_open_files_is_raised(tmp_path: Path) -> None:
    for number in range(200):
        append(tmp_path / f"{number}.log", b"%d" % number)
    with LocalDrain() as drain:
        ended = run_limited("-Sn 100", "-logs-url", drain.url, "-file", str(tmp_path / "*.log"), "-follow=false")
        assert len(drain.messages) == 200
    assert ended.code == 0


def test_more_files_than_may_be_open_are_all_delivered(tmp_path: Path, state: str) -> None:
    for number in range(200):
        append(tmp_path / f"{number}.log", b"%d" % number)
    flags = ("-file", str(tmp_path / "*.log"), "-follow=false", "-state-dir", state)
    with LocalDrain() as drain:
        ended = run_limited("-n 100", "-logs-url", drain.url, *flags)
        assert sorted(map(int, drain.messages)) == list(range(200))
    assert (ended.code, ended.err) == (0, "")


def test_followed_files_leave_descriptors_for_the_drain(tmp_path: Path, state: str) -> None:
    for number in range(200):
        append(tmp_path / f"{number}.log", b"%d" % number)
    command = [*COMMAND, "-file", str(tmp_path / "*.log"), "-from", "beginning", "-state-dir", state]
    limited = ["bash", "-c", 'ulimit -n 100; exec "$0" "$@"', *command]
    with (
        LocalDrain() as drain,
        subprocess.Popen([*limited, "-logs-url", drain.url], env=clean_environ(), stderr=subprocess.DEVNULL) as agent,
    ):
        try:
            assert drain.wait_for(messages=50, timeout=10)
        finally:
            agent.kill()


def test_an_inherited_descriptor_is_read() -> None:
    with LocalDrain() as drain:
        script = f'"{sys.executable}" -m shuttle -logs-url {drain.url} -file /dev/fd/7 -follow=false 7< <(echo one)'
        done = subprocess.run(
            ["bash", "-c", script], env=clean_environ(), capture_output=True, timeout=LONGEST, check=False
        )
        assert (done.returncode, drain.messages) == (0, [b"one\n"]), done.stderr


def test_a_fifo_is_read_from_writers_that_come_and_go(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with LocalDrain() as drain, start("-logs-url", drain.url, "-file", str(fifo)) as agent:
        for number in range(3):
            fifo.write_bytes(b"%d\n" % number)  # waits for the reader
            assert drain.wait_for(messages=number + 1)
        agent.signal(signal.SIGTERM)
        assert agent.finish().code == 0
        assert drain.messages == [b"0\n", b"1\n", b"2\n"]
