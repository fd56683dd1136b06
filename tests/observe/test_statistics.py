import re
import statistics
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.config import StatsFormat
from shuttle.observe.statistics import Statistics, Timer

COUNTS = ("lines.read", "lines.batched", "lines.dropped", "msg.lost")
NONE = dict.fromkeys(COUNTS, 0)
INBOX = {"outlet.inbox.length": 0}
TIMERS = ("batch.fill", "outlet.post.success", "outlet.post.failure")
TIMER_KEYS = (
    *("count", "min", "max", "mean", "stddev", "p75", "p95", "p99"),
    *("rate.1min", "rate.5min", "rate.15min", "rate.mean"),
)
FIXED_POINT = re.compile(r"[0-9]+(\.[0-9]+)?")
STARTED = 1000.0

seconds = st.floats(0, 1e6)


def make(source: str = "", format: StatsFormat = "go") -> Statistics:  # noqa: A002  # as the parameter is called
    return Statistics(source=source, format=format, started=STARTED, random=Random(7).random)


def parse(line: str) -> dict[str, str]:
    return dict(re.findall(r'(\S+?)=("(?:[^"\\]|\\.)*"|\S*)', line))


@given(st.lists(seconds, min_size=1, max_size=200))
def test_durations_of_few_updates_are_exact(values: list[float]) -> None:
    timer = Timer(started=STARTED, random=Random(7).random)
    for value in values:
        timer.update(value, STARTED)
    found = timer.durations()
    assert list(found) == ["min", "max", "mean", "stddev", "p75", "p95", "p99"]
    assert (found["min"], found["max"]) == (min(values), max(values))
    assert found["mean"] == pytest.approx(statistics.fmean(values))
    assert found["stddev"] == pytest.approx(statistics.pstdev(values), abs=1e-6)
    assert timer.count == len(values)
    assert timer.total == pytest.approx(sum(values))


def test_a_timer_without_an_update_shows_zeros() -> None:
    timer = Timer(started=STARTED)
    assert set(timer.durations().values()) == {0.0}
    assert set(timer.rates(STARTED + 60).values()) == {0.0}


def test_go_s_line_has_its_keys_sorted_and_nothing_else() -> None:
    expected = {f"{name}.count" for name in COUNTS} | {"outlet.inbox.length"}
    expected |= {f"{name}.{key}" for name in TIMERS for key in TIMER_KEYS}
    pairs = [pair.split("=") for pair in make().render(STARTED + 10, counts=NONE, gauges=INBOX).split(" ")]
    keys = [key for key, _ in pairs]
    assert keys == sorted(expected)


def test_go_s_line_shows_durations_to_six_and_rates_to_three_decimals() -> None:
    stats = make()
    stats.success.update(0.0125, STARTED + 1)
    stats.success.update(0.0375, STARTED + 2)
    pairs = parse(stats.render(STARTED + 10, counts=NONE, gauges={"outlet.inbox.length": 2}))
    shown = {key.removeprefix("outlet.post.success."): value for key, value in pairs.items() if "success" in key}
    assert shown == {
        "count": "2",
        "min": "0.012500",
        "max": "0.037500",
        "mean": "0.025000",
        "stddev": "0.012500",
        "p75": "0.037500",
        "p95": "0.037500",
        "p99": "0.037500",
        "rate.1min": "0.368",
        "rate.5min": "0.393",
        "rate.15min": "0.398",
        "rate.mean": "0.200",
    }
    assert pairs["outlet.inbox.length"] == "2"


@pytest.mark.parametrize("format", ["go", "l2met"])
@given(st.lists(st.lists(st.integers(0, 10**9), min_size=4, max_size=4), min_size=1, max_size=5))
def test_a_line_shows_what_came_since_the_line_before(format: StatsFormat, intervals: list[list[int]]) -> None:  # noqa: A002
    stats = make(format=format)
    totals = dict(NONE)
    key = "{}.count" if format == "go" else "count#log-shuttle.{}"
    for grown in intervals:
        totals = {name: totals[name] + more for name, more in zip(COUNTS, grown, strict=True)}
        pairs = parse(stats.render(STARTED, counts=totals, gauges=INBOX))
        assert [int(pairs[key.format(name)]) for name in COUNTS] == grown


def test_a_timer_s_count_is_the_interval_s_and_its_durations_are_not() -> None:
    stats = make()
    stats.fill.update(0.25, STARTED + 1)
    stats.render(STARTED + 10, counts=NONE, gauges=INBOX)
    pairs = parse(stats.render(STARTED + 20, counts=NONE, gauges=INBOX))
    assert pairs["batch.fill.count"] == "0"
    assert pairs["batch.fill.mean"] == "0.250000"


def test_l2met_s_line() -> None:
    stats = make("web.1", "l2met")
    stats.success.update(0.010, STARTED + 1)
    stats.success.update(0.015, STARTED + 2)
    stats.fill.update(0.25, STARTED + 2)
    totals = {"lines.read": 9, "lines.batched": 8, "lines.dropped": 3, "msg.lost": 0}
    assert stats.render(STARTED + 10, counts=totals, gauges={"outlet.inbox.length": 2}) == (
        "source=web.1 count#log-shuttle.lines.read=9 count#log-shuttle.lines.batched=8 "
        "count#log-shuttle.lines.dropped=3 count#log-shuttle.msg.lost=0 sample#log-shuttle.outlet.inbox.length=2 "
        "measure#log-shuttle.batch.fill=250ms measure#log-shuttle.outlet.post.success=12.5ms"
    )


def test_l2met_s_measure_is_the_mean_of_the_interval_and_is_left_out_of_an_empty_one() -> None:
    stats = make(format="l2met")
    means = []
    for durations in ([0.1, 0.3], [], [1.0]):
        for duration in durations:
            stats.failure.update(duration, STARTED + 1)
        pairs = parse(stats.render(STARTED + 10, counts=NONE, gauges=INBOX))
        means.append(pairs.get("measure#log-shuttle.outlet.post.failure"))
    assert means == ["200ms", None, "1000ms"]


@given(st.lists(seconds, min_size=1), st.integers(0, 10**12), st.integers(0, 10**6))
def test_l2met_reads_every_value(durations: list[float], total: int, inbox: int) -> None:
    """Fixed point without a sign or an exponent, then letters."""
    stats = make(format="l2met")
    for duration in durations:
        stats.success.update(duration, STARTED)
    pairs = parse(stats.render(STARTED, counts=dict.fromkeys(COUNTS, total), gauges={"outlet.inbox.length": inbox}))
    assert len(pairs) == 6
    for key, value in pairs.items():
        assert FIXED_POINT.fullmatch(value.removesuffix("ms") if key.startswith("measure#") else value)


@pytest.mark.parametrize(
    ("format", "key"), [("go", "log_shuttle_stats_source"), ("l2met", "source")], ids=["go", "l2met"]
)
@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("", None),
        ("web.1", "web.1"),
        ("web 1", '"web 1"'),
        ('a "b"', r'"a \"b\""'),
        ("x=y", '"x=y"'),
        ("two\nlines", r"two\nlines"),
        ("\x1b[31m", r"\x1b[31m"),
    ],
)
def test_the_source_is_shown_if_set_and_keeps_to_its_value(
    format: StatsFormat,  # noqa: A002
    key: str,
    source: str,
    shown: str | None,
) -> None:
    line = make(source, format).render(STARTED + 10, counts=NONE, gauges=INBOX)
    assert line.isprintable()
    pairs = parse(line)
    assert pairs.get(key) == shown
    if format == "go":
        assert list(pairs) == sorted(pairs)
