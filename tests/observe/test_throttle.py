"""A log line that repeats comes at once, and then rarely; no count is left out."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from shuttle.observe.throttle import QUIET, Throttle


def test_the_first_is_admitted_at_once() -> None:
    assert Throttle().admit(3, 0.0) == 3


def test_those_in_between_are_counted_in_the_next() -> None:
    throttle = Throttle()
    moments = (0.0, 1.0, QUIET - 0.001, QUIET, QUIET + 0.1, 3 * QUIET)
    assert [throttle.admit(1, now) for now in moments] == [1, None, None, 3, None, 2]


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0, 30)), max_size=50))
def test_nothing_is_counted_twice_and_no_two_come_close_together(losses: list[tuple[int, float]]) -> None:
    throttle = Throttle()
    now = 0.0
    told_at: list[float] = []
    told: list[int] = []
    for amount, pause in losses:
        now += pause
        if (admitted := throttle.admit(amount, now)) is not None:
            told.append(admitted)
            told_at.append(now)
    told.append(throttle.admit(1, now + QUIET) or 0)
    assert sum(told) == sum(amount for amount, _ in losses) + 1
    assert all(later - earlier >= QUIET * 0.999 for earlier, later in itertools.pairwise(told_at))
