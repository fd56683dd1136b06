import math
import statistics
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.observe.meter import SAMPLE_SIZE, TICK, Meter, Sample, percentile

STARTED = 1000.0

seconds = st.floats(0, 1e6)


def reference_rate(marks: list[float], minutes: int, now: float) -> float:
    """Tick every five seconds as go-metrics does; an event at a tick counts behind it."""
    alpha = 1 - math.exp(-5 / 60 / minutes)
    rate = 0.0
    for tick in range(1, int((now - STARTED) // TICK) + 1):
        start = STARTED + (tick - 1) * TICK
        instant = sum(start <= mark < start + TICK for mark in marks) / TICK
        rate = instant if tick == 1 else rate + alpha * (instant - rate)
    return rate


def test_the_rate_is_0_before_the_first_tick_and_what_happened_in_it_after() -> None:
    meter = Meter(started=STARTED)
    for offset in range(4):
        meter.mark(STARTED + offset)
    assert meter.averages(STARTED + 4.999) == (0.0, 0.0, 0.0)
    assert meter.averages(STARTED + 5) == (0.8, 0.8, 0.8)
    assert meter.mean(STARTED + 8) == 0.5


def test_the_mean_rate_at_the_start_is_0() -> None:
    meter = Meter(started=STARTED)
    meter.mark(STARTED)
    assert meter.mean(STARTED) == 0.0


@given(st.lists(st.integers(0, 10_000), max_size=50), st.integers(0, 1000))
def test_averages_are_those_of_a_meter_that_ticks(tenths: list[int], later: int) -> None:
    marks = [STARTED + tenth / 10 for tenth in sorted(tenths)]
    now = (marks[-1] if marks else STARTED) + later
    meter = Meter(started=STARTED)
    for mark in marks:
        meter.mark(mark)
    expected = [reference_rate(marks, minutes, now) for minutes in (1, 5, 15)]
    assert meter.averages(now) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=30))
def test_asking_for_the_averages_in_between_changes_nothing(tenths: list[int]) -> None:
    asked, left_alone = Meter(started=STARTED), Meter(started=STARTED)
    for tenth in sorted(tenths):
        asked.averages(STARTED + tenth / 10 - 0.05)
        asked.mark(STARTED + tenth / 10)
        left_alone.mark(STARTED + tenth / 10)
    now = STARTED + 12_000
    assert asked.averages(now) == pytest.approx(left_alone.averages(now), rel=1e-9)


def test_a_year_without_an_event_is_one_step() -> None:
    meter = Meter(started=STARTED)
    meter.mark(STARTED)
    assert meter.averages(STARTED + 365 * 86_400) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.75, 0.0),
        ([7.0], 0.75, 7.0),
        ([1.0, 2.0], 0.1, 1.0),
        ([1.0, 2.0], 0.5, 1.5),
        ([1.0, 2.0, 3.0], 0.75, 3.0),
        ([10.0, 20.0, 30.0, 40.0], 0.75, 37.5),
        ([float(value) for value in range(1, 100)], 0.95, 95.0),
        ([float(value) for value in range(1, 101)], 0.99, 99.99),
    ],
)
def test_percentiles_are_go_metrics_own(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == pytest.approx(expected)


@given(st.lists(seconds, min_size=101, max_size=300))
def test_percentiles_of_many_values_are_the_standard_library_s(values: list[float]) -> None:
    """Its exclusive method interpolates alike where no percentile lies outside the values."""
    cuts = statistics.quantiles(values, n=100, method="exclusive")
    found = [percentile(sorted(values), percent / 100) for percent in range(1, 100)]
    assert found == pytest.approx(cuts, abs=1e-6)


def test_a_sample_is_bounded_and_represents_the_stream() -> None:
    sample = Sample(random=Random(7).random)
    for value in range(20_000):
        sample.add(float(value), STARTED)
    values = sample.values()
    assert len(values) == len(set(values)) == SAMPLE_SIZE
    assert values == sorted(values)
    assert statistics.fmean(values) == pytest.approx(10_000, rel=0.1)


def test_a_sample_forgets_what_is_old() -> None:
    """Ten minutes weigh e^9: of 1028 values about one is left from before."""
    sample = Sample(random=Random(7).random)
    for _ in range(5000):
        sample.add(1.0, STARTED)
    for _ in range(5000):
        sample.add(2.0, STARTED + 600)
    assert sample.values().count(1.0) < 10


@pytest.mark.parametrize("random", [lambda: 0.0, lambda: math.nextafter(1.0, 0.0)])
def test_a_sample_takes_the_extremes_of_its_random_numbers_after_years(random: Callable[[], float]) -> None:
    sample = Sample(random=random)
    sample.add(1.0, 1e9)
    assert sample.values() == [1.0]
