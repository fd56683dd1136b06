"""The command with a spool: what it holds outlives it."""

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.process import LONGEST, Source, find_closed_port, make_lines, run, start

pytestmark = pytest.mark.process

DEAD = f"http://127.0.0.1:{find_closed_port()}/"


def test_the_next_start_delivers_what_a_dead_drain_left(tmp_path: Path) -> None:
    lines = make_lines(2000)
    spool = ("-spool", str(tmp_path / "spool"))
    ended = run("-logs-url", DEAD, *spool, "-land-timeout", "200ms", data=b"".join(lines[:1000]))
    assert ended.code == 4
    assert ended.ledger.balanced
    assert (ended.ledger.held, ended.ledger.spooled, ended.ledger.lost) == (1000, 1000, 0)
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, *spool, "-num-outlets", "1", "-verbose", data=b"".join(lines[1000:]))
        assert ended.code == 0
        assert drain.messages == lines
    assert (ended.ledger.read, ended.ledger.delivered, ended.ledger.spooled) == (2000, 2000, 0)


def test_requests_that_hung_when_it_was_killed_come_again(tmp_path: Path) -> None:
    lines = make_lines(1000)
    flags = ("-spool", str(tmp_path / "spool"), "-batch-size", "100", "-wait", "10ms")
    with LocalDrain(Behaviour(delay=LONGEST)) as drain:
        with start("-logs-url", drain.url, *flags) as agent:
            agent.stdin.write(b"".join(lines))
            agent.stdin.flush()
            assert drain.wait_for(requests=4)
            agent.signal(signal.SIGKILL)
        before = {request["Logplex-Frame-Id"] for request in drain.requests}
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, *flags, "-verbose")
        assert ended.code == 0
        assert sorted(drain.messages) == lines
        assert before <= {request["Logplex-Frame-Id"] for request in drain.requests}


def test_a_signal_while_the_drain_is_dead_costs_nothing(tmp_path: Path) -> None:
    spool = ("-spool", str(tmp_path / "spool"))
    with start("-logs-url", DEAD, *spool, "-land-timeout", "1s") as agent:
        source = Source(agent.stdin, rate=2000)
        agent.hear("drain.down")
        agent.signal(signal.SIGTERM)
        source.stop_after(0.3)
        lines = source.finish()
        ended = agent.finish()
    assert ended.code == 4
    assert ended.ledger.spooled == ended.ledger.read == len(lines)
    with LocalDrain() as drain:
        assert run("-logs-url", drain.url, *spool).code == 0
        assert sorted(drain.messages) == lines


def test_a_drain_that_is_away_for_seconds_costs_nothing(tmp_path: Path) -> None:
    """With less memory than a second of it takes, and what is held on the disk; a minute of it is in the harness."""
    flags = ("-spool", str(tmp_path / "spool"), "-back-bytes", "64KiB", "-verbose")
    with LocalDrain() as drain, start("-logs-url", drain.url, *flags) as agent:
        source = Source(agent.stdin, rate=10_000)
        assert drain.wait_for(messages=1000)
        drain.behaviour = Behaviour(status=503)
        time.sleep(3.0)
        drain.behaviour = Behaviour()
        source.stop_after(0.5)
        lines = source.finish()
        ended = agent.finish()
        assert ended.code == 0
        assert sorted(drain.messages) == lines
    assert ended.ledger.delivered == len(lines) > 30_000


def test_a_full_spool_drops_and_counts_or_waits(tmp_path: Path) -> None:
    data = b"".join(b"%0200d\n" % number for number in range(20_000))
    for flags, code in ((("-patience", "10ms"), 3), (("-drop=false",), 4)):
        spool = ("-spool", str(tmp_path / str(code)), "-spool-bytes", "1MiB", "-land-timeout", "500ms")
        with start("-logs-url", DEAD, *spool, *flags) as agent:
            if code == 4:
                with pytest.raises(subprocess.TimeoutExpired):
                    agent.process.communicate(data, timeout=2.0)
                agent.process.kill()
                continue
            ended = agent.finish(data)
            assert ended.code == 3
            assert ended.ledger.balanced
            assert ended.ledger.spooled > 2000
            assert ended.ledger.dropped > 10_000
            assert ended.ledger.lost == 0


def test_a_second_agent_on_the_directory_says_so_and_stops(tmp_path: Path) -> None:
    spool = ("-spool", str(tmp_path / "spool"))
    with LocalDrain() as drain, start("-logs-url", drain.url, *spool) as agent:
        agent.stdin.write(b"one\n")
        agent.stdin.flush()
        assert drain.wait_for(messages=1)
        second = run("-logs-url", drain.url, *spool)
        assert second.code == 1
        assert second.err.endswith("is in use by another log-shuttle: give each its own directory\n")
        assert second.err.count("\n") == 1
        assert agent.finish().code == 0


def test_a_spool_of_zeros_is_set_aside_and_the_start_goes_on(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "spool.sqlite").write_bytes(bytes(100_000))
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-spool", str(spool), data=b"one\n")
        assert ended.code == 0
        assert drain.messages == [b"one\n"]
    assert len(ended.named("spool.broken")) == 1


def test_files_and_a_spool_are_too_much(tmp_path: Path) -> None:
    ended = run("-logs-url", DEAD, "-spool", str(tmp_path), "-file", "x")
    assert ended.code == 1
    assert ended.err.startswith("log-shuttle: -spool ")
    assert "cannot be combined with -file: " in ended.err
    assert ended.err.count("\n") == 1


def test_the_statistics_have_size_and_age_of_the_spool(tmp_path: Path) -> None:
    flags = ("-spool", str(tmp_path / "spool"), "-stats-interval", "1h", "-land-timeout", "1200ms")
    ended = run("-logs-url", DEAD, *flags, data=b"".join(make_lines(1000)))
    found = dict(re.findall(r"(spool\.\w+(?:\.\w+)?)=(\d+)", ended.out))
    assert int(found["spool.bytes"]) > 50_000
    assert int(found["spool.age.seconds"]) >= 1


def test_memory_does_not_grow_with_what_is_spooled(tmp_path: Path) -> None:
    """All of a gibibyte costs no more: the README has the figures."""
    peaks = []
    for count in (20_000, 1_000_000):
        spool = ("-spool", str(tmp_path / str(count)), "-drop=false", "-land-timeout", "100ms")
        with start("-logs-url", DEAD, *spool) as agent:
            for begin in range(0, count, 10_000):
                agent.stdin.write(b"".join(b"%0100d\n" % number for number in range(begin, begin + 10_000)))
            agent.stdin.flush()
            while sum(path.stat().st_size for path in (tmp_path / str(count)).iterdir()) < 80 * count:
                time.sleep(0.01)
            peaks.append(agent.read_peak())
            assert agent.finish().ledger.spooled == count
    assert peaks[1] < 1.2 * peaks[0]
