"""How the command ends: at the end of input, at signals, and with drains that do not answer."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.name_server import run_beside_silent_name_server
from tests.helpers.process import LONGEST, Source, clean_environ, find_closed_port, make_lines, run, start

pytestmark = pytest.mark.process

HANGS = Behaviour(delay=LONGEST)
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _signals_as_in_a_terminal() -> Iterator[None]:
    """Tests run in the background ignore SIGINT, and with nohup SIGHUP; all that they start would too."""
    before = [
        signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.signal(signal.SIGHUP, signal.SIG_DFL),
    ]
    yield
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGHUP, before[1])


def test_a_signal_loses_nothing_of_a_busy_writer() -> None:
    """One agent for each signal, all beside each other."""
    with ExitStack() as stack:
        drains = [stack.enter_context(LocalDrain()) for _ in SIGNALS]
        agents = [stack.enter_context(start("-logs-url", drain.url, "-verbose")) for drain in drains]
        sources = [Source(agent.stdin, rate=3000) for agent in agents]
        for drain in drains:
            assert drain.wait_for(messages=1000)
        for number, agent, source in zip(SIGNALS, agents, sources, strict=True):
            agent.signal(number)
            agent.hear(f"at=land signal={number.name} ")
            source.stop_after(2.0)
        before = [len(source.lines) for source in sources]
        for number, agent, source, drain, written in zip(SIGNALS, agents, sources, drains, before, strict=True):
            lines = source.finish()
            ended = agent.finish()
            assert ended.code == 0, number
            assert len(lines) > written + 3000
            assert sorted(drain.messages) == lines
            assert drain.counts.duplicates == 0
            assert ended.ledger.read == ended.ledger.delivered == len(lines)


def test_a_signal_during_the_start_loses_nothing(tmp_path: Path) -> None:
    """It comes in the middle of the imports."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'shuttle.command.agent': os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, data=b"".join(make_lines(1000)), environ={"PYTHONPATH": str(tmp_path)})
        assert ended.code == 0
        assert len(ended.named("land")) == 1
        assert sorted(drain.messages) == make_lines(1000)


def test_a_signal_ignored_by_the_parent_is_ignored() -> None:
    """So does nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the fixture puts it back
    with LocalDrain() as drain, start("-logs-url", drain.url) as agent:
        agent.stdin.write(b"before\n")
        agent.stdin.flush()
        assert drain.wait_for(messages=1)
        agent.signal(signal.SIGHUP)
        ended = agent.finish(b"after\n")
        assert (ended.code, ended.err) == (0, "")
        assert drain.messages == [b"before\n", b"after\n"]


def test_an_open_stdin_is_read_until_the_land_timeout() -> None:
    """It is not read for longer."""
    with LocalDrain() as drain, start("-logs-url", drain.url, "-land-timeout", "500ms", "-verbose") as agent:
        agent.stdin.write(b"".join(make_lines(10)))
        agent.stdin.flush()
        assert drain.wait_for(messages=10)
        agent.signal(signal.SIGTERM)
        assert agent.process.wait(LONGEST) == 0
        assert agent.finish().ledger.delivered == 10


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(second: signal.Signals) -> None:
    """It still writes the ledger."""
    with LocalDrain(HANGS) as drain, start("-logs-url", drain.url, "-timeout", "0", "-land-timeout", "1h") as agent:
        agent.stdin.write(b"".join(make_lines(1200)))
        agent.stdin.flush()
        assert drain.wait_for(requests=2)
        agent.signal(signal.SIGTERM)
        agent.hear("at=land ")
        agent.signal(second)
        assert agent.process.wait(LONGEST / 2) == 3
        ended = agent.finish()
        assert ended.ledger.balanced
        assert (ended.ledger.read, ended.ledger.lost, ended.ledger.held) == (1200, 1200, 0)


@pytest.mark.parametrize("signalled", [True, False], ids=["signal", "end of input"])
def test_a_hanging_drain_is_given_up_in_time(signalled: bool) -> None:
    """Every line is counted as lost."""
    flags = ("-land-timeout", "500ms", "-timeout", "0")
    with LocalDrain(HANGS) as drain, start("-logs-url", drain.url, *flags) as agent:
        agent.stdin.write(b"".join(make_lines(700)))
        agent.stdin.flush()
        assert drain.wait_for(requests=1)
        if signalled:
            agent.signal(signal.SIGTERM)
            agent.hear("at=ledger ")  # though its input is still open
        ended = agent.finish()
    assert ended.code == 3
    assert (ended.ledger.read, ended.ledger.delivered, ended.ledger.lost, ended.ledger.held) == (700, 0, 700, 0)


def test_a_missing_drain_is_given_up_at_the_end_of_input() -> None:
    url = f"http://127.0.0.1:{find_closed_port()}/"
    ended = run("-logs-url", url, "-land-timeout", "500ms", data=b"".join(make_lines(3)))
    assert ended.code == 3
    assert (ended.ledger.read, ended.ledger.lost) == (3, 3)


def test_control_c_in_a_shell_pipeline_loses_nothing() -> None:
    """A terminal sends SIGINT to the application and the forwarder at the same moment."""
    application = (
        "import signal, sys, threading\n"
        "told = threading.Event()\n"
        "signal.signal(signal.SIGINT, lambda *_: told.set())\n"
        "print('begun', flush=True)\n"
        "told.wait()\n"
        "for number in range(5000): print('ending', number, flush=not number % 100)\n"
    )
    with LocalDrain() as drain:
        pipeline = (
            f'"{sys.executable}" -c "$APPLICATION" | "{sys.executable}" -m shuttle -logs-url {drain.url} -verbose'
        )
        shell = subprocess.Popen(
            ["bash", "-c", pipeline],
            env=clean_environ() | {"APPLICATION": application},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with shell:
            assert drain.wait_for(messages=1)
            os.killpg(shell.pid, signal.SIGINT)
            _, err = shell.communicate(timeout=LONGEST)
        assert "read=5001 delivered=5001 dropped=0 lost=0 held=0" in err
        assert len(drain.messages) == 5001


def test_a_drain_killed_in_mid_request_costs_nothing(tmp_path: Path) -> None:
    """A batch whose answer was lost may come twice, and no line is missing."""
    shown = tmp_path / "shown"
    port = find_closed_port()
    command = [sys.executable, "-m", "shuttle.local_drain", "-port", str(port), "-delay", "100ms"]

    def start_drain() -> subprocess.Popen[bytes]:
        with shown.open("ab") as file:
            drain = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE)
        assert drain.stderr
        assert b"listening" in drain.stderr.readline()
        return drain

    with start_drain() as drain, start("-logs-url", f"http://127.0.0.1:{port}/", "-verbose") as agent:
        source = Source(agent.stdin, rate=10_000)  # twice what one outlet delivers: a request is always on its way
        agent.hear("status=204")
        drain.kill()
        agent.hear("at=drain.down ")
        drain.wait()
        with start_drain() as again:
            agent.hear("at=drain.up ")
            source.stop_after(0.1)
            lines = source.finish()
            ended = agent.finish()
            again.terminate()
    assert ended.code == 0
    assert ended.ledger.delivered == len(lines)
    arrived = {line.rpartition(": ")[2] for line in shown.read_text("ascii").splitlines()}
    assert {line.decode().rstrip("\n") for line in lines} <= arrived  # one that the kill cut in two may be there beside


def test_a_name_server_that_says_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """The process waited for the system to give the name up."""
    flags = ("-logs-url", "http://drain.example/", "-timeout", "500ms", "-land-timeout", "1s")
    done = run_beside_silent_name_server(tmp_path, *flags, data="line\n")
    assert done.returncode == 3
    assert "lost=1" in done.stderr
