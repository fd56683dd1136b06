"""A series adds up its values; the table has an end, and forgets who is silent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.local_drain.l2met.metric_lines import COUNT, MEASURE, SAMPLE, Metric
from shuttle.local_drain.l2met.metric_table import MOST_SERIES, MetricTable
from shuttle.local_drain.l2met.window import SPAN


def add(table: MetricTable, kind: str, *values: tuple[float, float], name: str = "a", now: float = 100.0) -> None:
    for value, at in values:
        table.add(Metric(kind, name, "", ""), value, at=at, now=now)


def read(table: MetricTable, now: float) -> dict[str, Any]:
    [(metric, series)] = table
    return series.read(metric.kind, now)


def test_a_count_is_a_sum_a_minute() -> None:
    table = MetricTable()
    add(table, COUNT, (1, 10.0), (2, 95.0), (3, 99.0))
    shown = read(table, 100.0)
    assert (shown["values"], shown["total"], shown["minute"]) == (3, 6, 5)
    assert shown["chart"][-2:] == [5, 0]
    assert shown["chart"][-10] == 1
    assert len(shown["chart"]) == 30


def test_a_sample_is_the_last_by_its_time() -> None:
    table = MetricTable()
    add(table, SAMPLE, (7, 99.0), (5, 90.0))
    shown = read(table, 100.0)
    assert shown["last"] == 7
    assert shown["chart"][-2] == 7
    assert shown["chart"][0] is None


def test_a_measure_has_percentiles_and_means() -> None:
    table = MetricTable()
    add(table, MEASURE, (1, 99.0), (2, 99.0), (6, 99.0))
    shown = read(table, 100.0)
    assert [shown[name] for name in ("min", "median", "p95", "p99", "max")] == [1, 2, 6, 6, 6]
    assert (shown["chart"][-2], shown["tops"][-2], shown["minute"]) == (3, 6, 3)


@pytest.mark.parametrize("at", [1e12, 101.0])
def test_what_claims_to_be_of_the_future_is_of_now(at: float) -> None:
    table = MetricTable()
    add(table, COUNT, (1, at), (1, 99.0))
    assert read(table, 100.0)["chart"][-2:] == [1, 1]


def test_what_is_too_old_counts_in_the_total_alone() -> None:
    table = MetricTable()
    add(table, COUNT, (1, 999.0), (5, 1.0), now=1000.0)
    shown = read(table, 1000.0)
    assert (shown["total"], sum(shown["chart"])) == (6, 1)


def test_a_full_table_ignores_what_is_new() -> None:
    table = MetricTable()
    for number in range(MOST_SERIES + 5):
        add(table, COUNT, (1, 100.0), name=str(number))
    assert len(list(table)) == MOST_SERIES
    assert table.ignored == 5


def test_a_silent_series_makes_room() -> None:
    table = MetricTable()
    for number in range(MOST_SERIES):
        add(table, COUNT, (1, 100.0), name=str(number), now=100.0)
    add(table, COUNT, (1, 200.0), name="0", now=200.0)
    add(table, COUNT, (1, 100.0 + SPAN), name="new", now=100.0 + SPAN)
    names = [metric.name for metric, _ in table]
    assert names[:2] == ["new", "0"]
    assert "1" not in names
    assert (len(names), table.ignored) == (MOST_SERIES, 0)


@given(st.lists(st.tuples(st.sampled_from([COUNT, MEASURE, SAMPLE]), st.integers(0, 600), st.integers(0, 700))))
def test_no_value_is_missing_in_the_totals(values: list[tuple[str, int, int]]) -> None:
    table = MetricTable()
    now = 0.0
    for kind, name, at in values:
        now = max(now, at)
        add(table, kind, (1, at), name=str(name), now=now)
    kept = sum(series.values for _, series in table)
    assert kept + table.ignored == len(values)
    assert len(list(table)) <= MOST_SERIES
