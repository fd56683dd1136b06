"""Drains that fail, in every way: no line is lost that could be delivered, and each is accounted for."""

import time
from dataclasses import replace

import pytest

from shuttle.drain.local import LocalDrain, Options
from tests.helpers.process import LONGEST, Source, find_closed_port, make_lines, run, start

pytestmark = pytest.mark.process

MEBIBYTE = 1024 * 1024


def test_a_drain_that_is_down_for_ten_seconds_under_ten_thousand_lines_a_second_costs_nothing() -> None:
    """At default settings."""
    options = Options(port=find_closed_port())
    with start("-logs-url", f"http://127.0.0.1:{options.port}/", "-verbose") as agent:
        with LocalDrain(options) as before:
            source = Source(agent.stdin, rate=10_000)
            assert before.wait_for(messages=10_000)
        time.sleep(10.0)  # the outage itself
        with LocalDrain(options) as after:
            agent.hear("at=drain.up ")
            source.stop_after(1.0)
            ended = agent.finish()
    assert ended.code == 0
    assert (ended.ledger.read, ended.ledger.delivered) == (len(source.lines), len(source.lines))
    assert len(source.lines) > 100_000
    assert sorted({*before.messages, *after.messages}) == source.lines
    assert len(ended.named("drain.down")) == len(ended.named("drain.up")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Options(status=503),
        Options(status=429, retry_after=1),
        Options(status=302),
        Options(delay=LONGEST),
        Options(close=True),
        Options(reset=True),
    ],
    ids=["503", "429", "302", "hangs", "closes", "resets"],
)
def test_a_fault_that_passes_costs_nothing(fault: Options) -> None:
    lines = make_lines(5000)
    with LocalDrain(replace(fault, times=6)) as drain:
        ended = run("-logs-url", drain.url, "-timeout", "300ms", "-verbose", data=b"".join(lines))
        assert ended.code == 0
        assert (ended.ledger.read, ended.ledger.delivered) == (5000, 5000)
        assert sorted(drain.messages) == lines
        assert drain.counts.requests > 6


@pytest.mark.parametrize(
    "fault",
    [Options(status=503), Options(status=401), Options(delay=LONGEST), Options(close=True), Options(reset=True)],
    ids=["503", "401", "hangs", "closes", "resets"],
)
def test_a_fault_that_stays_costs_every_line_and_each_is_counted(fault: Options) -> None:
    with LocalDrain(fault) as drain:
        flags = ("-timeout", "200ms", "-land-timeout", "1s")
        ended = run("-logs-url", drain.url, *flags, data=b"".join(make_lines(5000)))
    assert ended.code == 3
    ledger = ended.ledger
    assert ledger.balanced
    assert (ledger.read, ledger.delivered, ledger.held) == (5000, 0, 0)


def test_a_drain_that_limits_bodies_gets_halves_until_they_fit() -> None:
    lines = make_lines(5000)
    with LocalDrain(Options(max_body=4000)) as drain:
        ended = run("-logs-url", drain.url, "-verbose", data=b"".join(lines))
        assert (ended.code, ended.ledger.delivered) == (0, 5000)
        assert sorted(drain.messages) == lines


def test_a_slow_drain_holds_a_source_that_must_not_be_dropped() -> None:
    lines = make_lines(20_000)
    with LocalDrain(Options(delay=0.05, times=30)) as drain:
        flags = ("-drop=false", "-back-buff", "2", "-num-outlets", "1", "-verbose")
        ended = run("-logs-url", drain.url, *flags, data=b"".join(lines))
        assert (ended.code, ended.ledger.delivered) == (0, 20_000)
        assert sorted(drain.messages) == lines


def test_what_a_small_buffer_drops_is_counted_and_the_drain_is_told() -> None:
    with LocalDrain(Options(status=503)) as drain:
        flags = ("-back-buff", "2", "-patience", "10ms", "-num-outlets", "1")
        with start("-logs-url", drain.url, *flags) as agent:
            agent.stdin.write(b"".join(make_lines(10_000)))
            agent.stdin.flush()
            agent.hear("at=lines.dropped ")
            drain.options = Options()
            ended = agent.finish()
        ledger = ended.ledger
        assert ended.code == 3
        assert ledger.balanced
        assert ledger.read == 10_000
        assert ledger.dropped > 0
        assert (drain.counts.dropped, drain.counts.lost) == (ledger.dropped, ledger.lost)
        assert sum(message.startswith(b"line ") for message in drain.messages) == ledger.delivered


def test_two_hundred_megabytes_without_a_newline_take_less_than_150_of_memory() -> None:
    with (
        LocalDrain(watch=lambda _: None) as drain,  # which keeps nothing
        start("-logs-url", drain.url, "-drop=false", "-verbose") as agent,
    ):
        block = b"x" * MEBIBYTE
        for _ in range(200):
            agent.stdin.write(block)
        agent.stdin.flush()
        assert drain.wait_for(messages=200 * MEBIBYTE // 10_000 - 1000, timeout=LONGEST)
        peak = agent.read_peak()
        ended = agent.finish()
    assert ended.code == 0
    assert ended.ledger.balanced
    assert peak < 150_000_000
