"""The window holds the newest values of five minutes, and slots are where their time puts them."""

from collections import defaultdict
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shuttle.local_drain.l2met.window import MOST, SPAN, Slots, Window

VALUES = st.floats(0, 1e9, allow_nan=False)
TIMES = st.floats(0, 1000, allow_nan=False)


def test_percentiles_of_a_hundred() -> None:
    window = Window()
    for value in range(1, 100):
        window.add(value, 0.0)
    assert window.read(0.0) == {"min": 1, "median": 50, "p95": 95, "p99": 99, "max": 99}


def test_no_values_have_no_percentiles() -> None:
    assert Window().read(0.0) == {}


@pytest.mark.parametrize(("now", "values"), [(SPAN - 1, 2), (SPAN, 1), (SPAN + 1, 0)])
def test_old_values_are_left_out(now: float, values: int) -> None:
    window = Window()
    window.add(1, 0.0)
    window.add(2, 1.0)
    shown = window.read(now)
    assert len({shown.get("min"), shown.get("max")} - {None}) == values


@settings(deadline=None)  # thousands of values on a machine that may be busy
@given(st.integers(0, 2 * MOST), st.integers())
def test_the_newest_are_kept(more: int, seed: int) -> None:
    window = Window()
    chance = Random(seed)
    values = [chance.random() for _ in range(MOST + more)]
    for value in values:
        window.add(value, 0.0)
    newest = sorted(values[-MOST:])
    shown = window.read(0.0)
    assert (shown["min"], shown["max"]) == (newest[0], newest[-1])
    assert newest[499] <= shown["median"] <= newest[500]
    assert newest[949] <= shown["p95"] <= newest[950]


@given(st.lists(st.tuples(VALUES, TIMES), min_size=1, max_size=50))
def test_percentiles_are_in_order(values: list[tuple[float, float]]) -> None:
    window = Window()
    for value, at in values:
        window.add(value, at)
    shown = list(window.read(max(at for _, at in values)).values())
    assert shown == sorted(shown)
    assert len(shown) == 5


@given(st.lists(TIMES, max_size=60), st.floats(0, 50, allow_nan=False))
def test_slots_hold_what_a_table_of_all_holds(times: list[float], later: float) -> None:
    slots = Slots[list[float]](list, width=10.0, count=30)
    model: dict[int, list[float]] = defaultdict(list)
    newest = -1
    for at in times:
        slot = slots.find(at)
        newest = max(newest, int(at // 10))
        assert (slot is None) == (int(at // 10) <= newest - 30)
        if slot is not None:
            slot.append(at)
            model[int(at // 10)].append(at)
    now = max(times, default=0.0) + later
    last = int(now // 10)
    assert slots.read(now) == [model.get(number) for number in range(last - 29, last + 1)]
    assert len(slots._slots) <= 30
