"""What each signal does to the real command, and time that a stopped process does not live through."""

import array
import fcntl
import os
import signal
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.process import LONGEST, Agent, find_closed_port, make_lines, run, start

pytestmark = pytest.mark.process

IGNORED = ("SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGXCPU", "SIGIO", "SIGPWR", "SIGRTMIN")


@pytest.fixture(autouse=True)
def _signals_as_in_a_terminal() -> Iterator[None]:
    """Tests run in the background ignore SIGQUIT, and all that they start would too."""
    before = signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGQUIT, before)


@pytest.fixture
def fifos(tmp_path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Two FIFOs, `a` and `b`, open for reading and writing."""
    for name in "ab":
        os.mkfifo(tmp_path / name)
    with (tmp_path / "a").open("r+b", buffering=0) as a, (tmp_path / "b").open("r+b", buffering=0) as b:
        yield a, b


def stop_and_go_on(agent: Agent, drain: LocalDrain, requests: int) -> None:
    """Stop the process until the drain has had `requests` requests and answered them, and a second more."""
    agent.signal(signal.SIGSTOP)
    assert drain.wait_for(requests=requests)
    os.waitid(os.P_PID, agent.process.pid, os.WSTOPPED)
    signal.sigtimedwait([], 1.5)  # the time that it does not live through
    agent.signal(signal.SIGCONT)


@pytest.mark.parametrize("name", [name for name in IGNORED if hasattr(signal, name)])
def test_signals_that_go_ignores_are_ignored(name: str) -> None:
    with LocalDrain() as drain, start("-logs-url", drain.url, "-verbose") as agent:
        agent.stdin.write(b"before\n")
        agent.stdin.flush()
        assert drain.wait_for(messages=1)
        agent.signal(signal.Signals(getattr(signal, name)))
        ended = agent.finish(b"after\n")
    assert ended.code == 0
    assert drain.messages == [b"before\n", b"after\n"]


def test_quit_lands() -> None:
    with LocalDrain() as drain, start("-logs-url", drain.url, "-batch-size", "2", "-wait", "1h", "-verbose") as agent:
        agent.stdin.write(b"".join(make_lines(3)))
        agent.stdin.flush()
        assert drain.wait_for(messages=2)  # so that it has started
        agent.signal(signal.SIGQUIT)
        agent.hear("at=land signal=SIGQUIT")
        ended = agent.finish()
    assert ended.code == 0
    assert drain.messages == make_lines(3)


def test_usr1_tells_the_ledger_and_the_drain() -> None:
    url = f"http://127.0.0.1:{find_closed_port()}/"
    with start("-logs-url", url, "-land-timeout", "100ms") as agent:
        agent.stdin.write(b"one\ntwo\n")
        agent.stdin.flush()
        agent.hear("at=drain.down")
        agent.signal(signal.SIGUSR1)
        agent.hear("at=status read=2 delivered=0 dropped=0 lost=0 held=2 drain=down")
        assert agent.process.poll() is None
        agent.finish()


def test_usr1_of_a_healthy_drain_says_that_it_is_up() -> None:
    with LocalDrain() as drain, start("-logs-url", drain.url) as agent:
        agent.stdin.write(b"one\n")
        agent.stdin.flush()
        assert drain.wait_for(messages=1)
        agent.signal(signal.SIGUSR1)
        agent.hear("drain=up")
        agent.finish()


def test_a_signal_sets_a_deadline_for_landing(tmp_path: Path) -> None:
    """A batch a line takes a second each: without a deadline it would take as long as there is progress."""
    with LocalDrain(Behaviour(delay=1.0)) as drain:
        flags = ("-batch-size", "1", "-num-outlets", "1", "-land-timeout", "2s")
        with start("-logs-url", drain.url, *flags) as agent:
            agent.stdin.write(b"".join(make_lines(30)))
            agent.stdin.close()
            assert drain.wait_for(requests=3)
            agent.signal(signal.SIGTERM)
            agent.hear("at=land signal=SIGTERM")
            ended = agent.finish()
    assert ended.code == 3
    assert ended.ledger.balanced
    assert ended.ledger.delivered < 10


def test_lines_in_files_stay_held_when_a_landing_gives_up(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(make_lines(4)))
    flags = ("-file", str(log), "-state-dir", str(tmp_path / "state"), "-from", "beginning", "-wait", "1h", "-verbose")
    url = f"http://127.0.0.1:{find_closed_port()}/"
    with start("-logs-url", url, *flags, "-batch-size", "3", "-land-timeout", "200ms") as agent:
        agent.hear("at=drain.down")
        agent.signal(signal.SIGTERM)
        ended = agent.finish()
    assert (ended.code, ended.ledger.lost, ended.ledger.held) == (0, 0, 4)
    with LocalDrain() as drain:
        assert run("-logs-url", drain.url, "-follow=false", *flags).code == 0
    assert sorted(drain.messages) == make_lines(4)


def test_every_line_of_two_fifos_is_counted(tmp_path: Path, fifos: tuple[IO[bytes], IO[bytes]]) -> None:
    flags = ("-file", str(tmp_path / "[ab]"), "-batch-size", "1", "-back-buff", "1", "-num-outlets", "1", "-verbose")
    url = f"http://127.0.0.1:{find_closed_port()}/"
    with start("-logs-url", url, *flags, "-land-timeout", "300ms") as agent:
        fifos[0].write(b"".join(make_lines(6)))
        agent.hear("at=drain.down")
        fifos[1].write(b"".join(make_lines(6)))
        wait_until_read(fifos[1])
        agent.signal(signal.SIGTERM)
        ended = agent.finish()
    assert ended.ledger.read == 12
    assert ended.ledger.balanced


def wait_until_read(pipe: IO[bytes]) -> None:
    """Wait until somebody has taken what stands in `pipe`."""
    waiting = array.array("i", [1])
    while waiting[0]:
        fcntl.ioctl(pipe, termios.FIONREAD, waiting)
        os.sched_yield()


def test_an_answer_to_a_stopped_process_counts() -> None:
    with LocalDrain(Behaviour(delay=0.3)) as drain:
        flags = ("-timeout", "1s", "-max-age", "1s", "-max-attempts", "1", "-verbose")
        with start("-logs-url", drain.url, *flags) as agent:
            agent.stdin.write(b"one\n")
            agent.stdin.flush()
            assert drain.wait_for(requests=1)
            stop_and_go_on(agent, drain, requests=1)
            ended = agent.finish()
    assert (ended.code, ended.ledger.delivered) == (0, 1)


def test_a_stopped_process_costs_a_batch_no_attempt() -> None:
    with LocalDrain(Behaviour(status=503)) as drain, start("-logs-url", drain.url, "-max-age", "1s") as agent:
        agent.stdin.write(b"one\n")
        agent.stdin.flush()
        assert drain.wait_for(requests=1)
        agent.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, agent.process.pid, os.WSTOPPED)
        drain.behaviour = Behaviour()
        signal.sigtimedwait([], 1.5)
        agent.signal(signal.SIGCONT)
        ended = agent.finish()
    assert ended.code == 0
    assert drain.messages == [b"one\n"]


def test_lines_of_a_deleted_file_are_lost_and_not_held(tmp_path: Path) -> None:
    """Nobody can read them again: the next start must find nothing of them in its checkpoints."""
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(make_lines(3000)))
    flags = ("-file", str(log), "-state-dir", str(tmp_path / "state"), "-from", "beginning", "-back-buff", "4")
    with LocalDrain(Behaviour(delay=LONGEST)) as drain:
        with start("-logs-url", drain.url, *flags, "-timeout", "0", "-land-timeout", "500ms") as agent:
            assert drain.wait_for(requests=4)
            log.unlink()
            agent.signal(signal.SIGTERM)
            ended = agent.finish()
        assert (ended.code, ended.ledger.held) == (3, 0)
        assert ended.ledger.read == ended.ledger.lost == 3000
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, *flags, "-follow=false", "-verbose")
    assert ended.ledger.read == 0


@pytest.mark.parametrize("follow", ["true", "false"])
def test_a_fifo_is_read_to_its_end_after_a_signal(
    follow: str, tmp_path: Path, fifos: tuple[IO[bytes], IO[bytes]]
) -> None:
    flags = ("-file", str(tmp_path / "a"), f"-follow={follow}", "-back-buff", "4", "-batch-size", "100", "-verbose")
    lines = make_lines(4000)
    with LocalDrain(Behaviour(delay=0.02)) as drain, start("-logs-url", drain.url, *flags) as agent:
        fifos[0].write(b"".join(lines))
        assert drain.wait_for(requests=1)
        agent.signal(signal.SIGTERM)
        agent.hear("at=land ")
        fifos[0].close()
        ended = agent.finish()
    assert (ended.code, ended.ledger.read, ended.ledger.delivered) == (0, 4000, 4000)
    assert sorted(drain.messages) == lines


def test_a_replayed_fifo_that_was_cut_exits_with_the_signal(tmp_path: Path, fifos: tuple[IO[bytes], IO[bytes]]) -> None:
    flags = ("-file", str(tmp_path / "a"), "-follow=false", "-land-timeout", "300ms")
    with LocalDrain() as drain, start("-logs-url", drain.url, *flags) as agent:
        fifos[0].write(b"one\n")
        assert drain.wait_for(messages=1)
        agent.signal(signal.SIGTERM)
        assert agent.finish().code == 128 + signal.SIGTERM


def test_a_fifo_that_gives_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "idle")
    (tmp_path / "app.log").write_bytes(b"one\n")
    flags = ("-file", str(tmp_path / "idle"), "-file", str(tmp_path / "app.log"), "-from", "beginning")
    with LocalDrain() as drain, start("-logs-url", drain.url, *flags, "-land-timeout", "1h") as agent:
        assert drain.wait_for(messages=1)
        agent.signal(signal.SIGTERM)
        assert agent.finish().code == 0


def test_no_signal_replaces_the_exit_code() -> None:
    for _ in range(5):
        with LocalDrain() as drain, start("-logs-url", drain.url) as agent:
            agent.stdin.write(b"one\n")
            agent.stdin.flush()
            assert drain.wait_for(messages=1)
            agent.stdin.close()
            while agent.process.poll() is None:
                agent.signal(signal.SIGUSR1)
            assert agent.finish().code == 0
