"""Rates are of whole seconds, and the chart has what the totals grew by."""

from hypothesis import given
from hypothesis import strategies as st

from shuttle.local_drain.page.request_rates import RequestRates


def test_a_rate_is_of_the_last_five_seconds() -> None:
    rates = RequestRates()
    for second, total in enumerate([10, 30, 30, 60, 61, 65, 100]):
        rates.take({"requests": total}, second + 0.5)
    shown = rates.read(6.9)["requests"]
    assert (shown["total"], shown["rate"]) == (100, (65 - 10) / 5)
    assert shown["chart"] == [0] * 294 + [10, 20, 0, 30, 1, 4]


def test_silence_brings_a_rate_to_nothing() -> None:
    rates = RequestRates()
    rates.take({"requests": 10}, 1.0)
    assert rates.read(7.5)["requests"]["rate"] == 0
    assert rates.read(400.0)["requests"]["chart"] == [0] * 300


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 20))))
def test_the_chart_adds_up_to_what_was_counted(steps: list[tuple[int, float]]) -> None:
    rates = RequestRates()
    now = first = 1000.0
    total = 0
    for more, later in steps:
        now += later
        total += more
        rates.take({"a": total}, now)
    if now - first < 250:
        chart = rates.read(now + 1).get("a", {"chart": [0]})["chart"]
        assert isinstance(chart, list)
        assert sum(chart) == total
