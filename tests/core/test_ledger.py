"""The ledger: read = delivered + dropped + lost + held after anything, and each loss is told once."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shuttle.core.ledger import Ledger, Owed, Tally

EARLY, LATE = "2026-01-01T00:00:00.000000+00:00", "2026-01-02T00:00:00.000000+00:00"
stamps = st.sampled_from([EARLY, LATE])


class Books(RuleBasedStateMachine):
    """Any sequence of what can happen to lines, beside books kept in the plainest way."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.out: list[Owed] = []  # reports on their way
        self.told = 0

    @rule(lines=st.integers(0, 1000))
    def take_in(self, lines: int) -> None:
        self.ledger.take_in(lines)

    @rule(data=st.data(), kind=st.sampled_from(["deliver", "drop", "lose"]), since=stamps)
    def settle(self, data: st.DataObject, kind: str, since: str) -> None:
        lines = data.draw(st.integers(0, self.ledger.held))
        if kind == "deliver":
            self.ledger.deliver(lines)
        else:
            getattr(self.ledger, kind)(lines, since)

    @rule()
    def take(self) -> None:
        self.out.append(self.ledger.take())
        assert not self.ledger.owed

    @rule(data=st.data(), arrives=st.booleans())
    def end_report(self, data: st.DataObject, arrives: bool) -> None:
        if self.out:
            owed = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
            if arrives:
                self.told += owed.dropped.count + owed.lost.count
            else:
                self.ledger.put_back(owed)

    @invariant()
    def every_line_is_somewhere(self) -> None:
        ledger = self.ledger
        assert ledger.read == ledger.delivered + ledger.dropped + ledger.lost + ledger.held
        assert ledger.held >= 0

    @invariant()
    def every_loss_is_told_owed_or_on_its_way(self) -> None:
        owed = [*self.out, self.ledger.owed]
        assert self.told + sum(one.dropped.count + one.lost.count for one in owed) == (
            self.ledger.dropped + self.ledger.lost
        )


TestBooks = Books.TestCase


def test_a_ledger_shows_its_counts_in_logfmt() -> None:
    ledger = Ledger()
    ledger.take_in(10)
    ledger.deliver(4)
    ledger.drop(3, EARLY)
    ledger.lose(2, EARLY)
    assert str(ledger) == "read=10 delivered=4 dropped=3 lost=2 held=1"


@given(st.lists(st.tuples(st.integers(1, 9), stamps), min_size=1))
def test_a_report_has_the_sum_and_the_earliest_time(losses: list[tuple[int, str]]) -> None:
    ledger = Ledger()
    for count, since in losses:
        ledger.take_in(count)
        ledger.drop(count, since)
    assert ledger.take() == Owed(dropped=Tally(sum(count for count, _ in losses), min(since for _, since in losses)))


def test_a_returned_report_joins_the_newer_counts() -> None:
    """The earlier of the two times remains."""
    ledger = Ledger()
    ledger.take_in(10)
    ledger.drop(2, EARLY)
    report = ledger.take()
    ledger.drop(3, LATE)
    ledger.lose(1, LATE)
    ledger.put_back(report)
    assert ledger.take() == Owed(Tally(5, EARLY), Tally(1, LATE))
    assert not ledger.take()


def test_a_returned_empty_report_changes_no_time() -> None:
    ledger = Ledger()
    ledger.put_back(Owed())
    ledger.take_in(1)
    ledger.lose(1, LATE)
    assert ledger.take() == Owed(lost=Tally(1, LATE))
