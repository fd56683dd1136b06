"""A log line that would come for every batch comes at once, and then rarely; it leaves out no count."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from shuttle.observe.throttle import QUIET, Throttle


def test_the_first_line_is_written_at_once() -> None:
    assert Throttle().admit(3, 0.0) == 3


def test_what_comes_in_between_is_counted_in_the_next_line() -> None:
    throttle = Throttle()
    times = (0.0, 1.0, QUIET - 0.001, QUIET, QUIET + 0.1, 3 * QUIET)
    assert [throttle.admit(1, now) for now in times] == [1, None, None, 3, None, 2]


def test_two_kinds_do_not_hold_each_other_up() -> None:
    first, second = Throttle(), Throttle()
    assert (first.admit(1, 0.0), second.admit(1, 0.0)) == (1, 1)


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 30)), max_size=50))
def test_each_amount_is_in_one_line_and_lines_are_apart(events: list[tuple[int, float]]) -> None:
    throttle = Throttle()
    now = 0.0
    written_at: list[float] = []
    written = 0
    for amount, pause in events:
        now += pause
        counted = throttle.admit(amount, now)
        if counted is not None:
            written_at.append(now)
            written += counted
    last = throttle.admit(1, now + QUIET)
    assert last is not None
    assert written + last == sum(amount for amount, _ in events) + 1
    assert all(later - earlier >= QUIET * 0.999 for earlier, later in itertools.pairwise(written_at))
