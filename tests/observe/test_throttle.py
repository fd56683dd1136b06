"""A log line that would come for every batch comes at once, and then rarely; it leaves out no count."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from shuttle.observe.throttle import QUIET, Notice
from tests.helpers.virtual import Journal


def test_the_first_is_told_at_once_with_its_data_but_for_what_is_empty() -> None:
    journal = Journal()
    Notice(journal, "lines.lost").tell(3, now=0.0, status=401, error="", advice=None)
    assert journal.events == [("lines.lost", {"lines": 3, "status": 401})]


def test_those_in_between_are_counted_in_the_next() -> None:
    journal = Journal()
    notice = Notice(journal, "lines.lost")
    for now in (0.0, 1.0, QUIET - 0.001, QUIET, QUIET + 0.1, 3 * QUIET):
        notice.tell(1, now=now)
    assert [data["lines"] for data in journal.named("lines.lost")] == [1, 3, 2]


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0, 30)), max_size=50))
def test_no_line_is_told_twice_and_no_two_come_close_together(losses: list[tuple[int, float]]) -> None:
    journal = Journal()
    notice = Notice(journal, "lines.dropped")
    now = 0.0
    told_at: list[float] = []
    for lines, pause in losses:
        now += pause
        before = len(journal.events)
        notice.tell(lines, now=now)
        told_at += [now] * (len(journal.events) - before)
    notice.tell(1, now=now + QUIET)
    assert sum(int(str(data["lines"])) for _, data in journal.events) == sum(lines for lines, _ in losses) + 1
    assert all(later - earlier >= QUIET * 0.999 for earlier, later in itertools.pairwise(told_at))
