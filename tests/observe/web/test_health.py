"""Ready is who delivers: not while the drain is down, nor for a minute after a loss."""

import pytest

from shuttle.observe.recent_lines import KEPT as KEPT_LINES
from shuttle.observe.recent_lines import LONGEST, RecentLines
from shuttle.observe.web.health import find_reasons
from shuttle.observe.web.page_state import describe
from shuttle.observe.web.recent_counts import KEPT, RECENT, STEP, RecentCounts
from tests.helpers.snapshots import DOWN, make_snapshot


def record(lost_at: float, until: float) -> RecentCounts:
    """Return the history of an agent that lost 5 lines at that time."""
    history, now = RecentCounts(), 0.0
    while now <= until:
        history.note(make_snapshot(10, lost=5 if now >= lost_at else 0), now)
        now += STEP
    return history


def test_a_drain_that_is_down_is_a_reason() -> None:
    assert list(find_reasons(make_snapshot(drain=DOWN), RecentCounts(), 0.0)) == [
        "the drain is down for 12 s: connection refused"
    ]


def test_without_losses_there_is_no_reason() -> None:
    assert list(find_reasons(make_snapshot(10), record(1e9, 100.0), 100.0)) == []


@pytest.mark.parametrize(("since", "told"), [(0.0, True), (RECENT - 1, True), (RECENT + 2 * STEP, False)])
@pytest.mark.parametrize("at", [0.0, 300.0])
def test_a_loss_is_a_reason_for_a_minute(at: float, since: float, *, told: bool) -> None:
    """Also one before the first look."""
    now = at + since
    reasons = list(find_reasons(make_snapshot(10, lost=5), record(at + 0.1, now), now))
    assert reasons == (["lines dropped or lost within the last 60 s: 5"] if told else [])


def test_a_history_has_ten_minutes_and_no_more() -> None:
    history = record(0.0, 2000.0)
    assert len(history.moments) == KEPT + 1
    assert history.moments[-1].at - history.moments[0].at == 600.0


def test_rates_are_those_of_each_step() -> None:
    history = RecentCounts()
    for step, read in enumerate((0, 50, 50, 150)):
        history.note(make_snapshot(read), step * STEP)
    state = describe(make_snapshot(150), history, RecentLines(), 16.0)
    assert state["rates"] == [(11.0, 10.0, 10.0, 0.0, 0), (6.0, 0.0, 0.0, 0.0, 0), (1.0, 20.0, 20.0, 0.0, 0)]


def test_only_the_latest_lines_are_kept_and_long_ones_are_cut() -> None:
    recent = RecentLines()
    for number in range(KEPT_LINES + 10):
        recent.note("info", "x" * (LONGEST + number))
    assert len(recent.lines) == KEPT_LINES
    assert recent.lines[-1].number == KEPT_LINES + 10
    assert {len(line.text) for line in recent.lines} == {LONGEST + len("...")}
