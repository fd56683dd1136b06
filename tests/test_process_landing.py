"""How the command ends: at the end of input, at signals, and with drains that do not answer."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shuttle.drain.local import LocalDrain, Options
from tests.helpers.process import LONGEST, Source, clean_environ, find_closed_port, make_lines, run, start

pytestmark = pytest.mark.process

HANGS = Options(delay=LONGEST)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_loses_nothing_of_a_writer_that_goes_on_for_two_seconds(number: signal.Signals) -> None:
    with LocalDrain() as drain, start("-logs-url", drain.url, "-verbose") as agent:
        source = Source(agent.stdin, rate=5000)
        assert drain.wait_for(messages=1000)
        agent.signal(number)
        source.stop_after(2.0)
        ended = agent.finish()
        assert ended.code == 0
        assert len(source.lines) > 5000
        assert sorted(drain.messages) == source.lines
        assert ended.ledger.read == ended.ledger.delivered == len(source.lines)


def test_a_writer_that_never_stops_is_read_until_the_land_timeout_and_not_longer() -> None:
    with LocalDrain() as drain, start("-logs-url", drain.url, "-land-timeout", "1s", "-verbose") as agent:
        agent.stdin.write(b"".join(make_lines(10)))
        agent.stdin.flush()
        assert drain.wait_for(messages=10)
        agent.signal(signal.SIGTERM)
        assert agent.process.wait(LONGEST) == 0
        assert agent.finish().ledger.delivered == 10


def test_a_second_signal_ends_it_at_once_and_still_tells_the_ledger() -> None:
    with LocalDrain(HANGS) as drain, start("-logs-url", drain.url, "-timeout", "0") as agent:
        agent.stdin.write(b"".join(make_lines(1200)))
        agent.stdin.flush()
        assert drain.wait_for(requests=2)
        agent.signal(signal.SIGTERM)
        agent.hear("at=land ")
        agent.signal(signal.SIGTERM)
        assert agent.process.wait(LONGEST / 4) == 3  # and not after the 25 seconds of -land-timeout
        ledger = agent.finish().ledger
        assert ledger.balanced
        assert (ledger.read, ledger.lost, ledger.held) == (1200, 1200, 0)


@pytest.mark.parametrize("signalled", [True, False], ids=["signal", "end of input"])
def test_against_a_hanging_drain_it_gives_up_in_time_and_counts_all_as_lost(signalled: bool) -> None:
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


def test_at_the_end_of_input_it_gives_up_on_a_drain_that_is_not_there() -> None:
    url = f"http://127.0.0.1:{find_closed_port()}/"
    ended = run("-logs-url", url, "-land-timeout", "500ms", data=b"".join(make_lines(3)))
    assert ended.code == 3
    assert (ended.ledger.read, ended.ledger.lost) == (3, 3)


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """A test run in the background ignores SIGINT, and all that it starts would too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
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


def test_a_drain_that_is_killed_and_started_again_costs_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A batch whose answer was lost may come twice, and no line is missing."""
    shown = tmp_path_factory.mktemp("drain") / "shown"
    port = find_closed_port()
    command = [sys.executable, "-u", "-m", "shuttle.drain.local", "-port", str(port)]

    def start_drain() -> subprocess.Popen[bytes]:
        with shown.open("ab") as file:
            drain = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE)
        assert drain.stderr
        assert b"listening" in drain.stderr.readline()
        return drain

    with start_drain() as drain, start("-logs-url", f"http://127.0.0.1:{port}/", "-verbose") as agent:
        source = Source(agent.stdin, rate=5000)
        agent.hear("status=204")
        drain.kill()
        agent.hear("at=drain.down ")
        drain.wait()
        with start_drain() as again:
            agent.hear("at=drain.up ")
            source.stop_after(0.1)
            ended = agent.finish()
            again.terminate()
    arrived = {line.rpartition(": ")[2] for line in shown.read_text("ascii").splitlines()}
    assert ended.code == 0
    assert arrived == {line.decode().rstrip("\n") for line in source.lines}
