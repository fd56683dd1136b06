"""When a batch is itself the problem, and when that is certain."""

import pytest

from shuttle.core.suspicion import STRIKES, Attempts, Suspicion


def strike(suspicion: Suspicion, now: Attempts, *, others: int = 1, failing: int = 0) -> Attempts:
    """Have others accepted and failed, and then the batch itself."""
    own = 0 if suspicion.is_suspect else 1
    now = Attempts(now.accepted + others, now.passed + others, now.failed + failing + own)
    suspicion.note_failure(now)
    return now


def test_failures_while_others_are_accepted_make_it_suspect() -> None:
    now = Attempts(0, 0, 0)
    suspicion = Suspicion(now)
    for number in range(1, STRIKES + 1):
        assert not suspicion.is_suspect
        now = strike(suspicion, now)
        assert suspicion.is_suspect is (number == STRIKES)


def test_an_outage_makes_nothing_suspect() -> None:
    """What was accepted before, or at its beginning, does not count again."""
    now = Attempts(1000, 1000, 0)
    suspicion = Suspicion(now)
    now = strike(suspicion, now)
    for _ in range(1000):
        now = strike(suspicion, now, others=0, failing=3)
    assert not suspicion.is_suspect


@pytest.mark.parametrize(("others", "failing", "most"), [(100, 0, 5), (1, 0, 12), (1, 1, 40), (1, 9, 200)])
def test_the_more_often_others_fail_the_more_it_takes(others: int, failing: int, most: int) -> None:
    now = Attempts(0, 0, 0)
    suspicion = Suspicion(now)
    strikes = 0
    while not suspicion.is_certain:
        now = strike(suspicion, now, others=others, failing=failing)
        strikes += 1
    rate = failing / (others + failing)
    assert STRIKES <= strikes <= most
    assert rate**strikes < 1e-4


def test_a_half_inherits_the_suspicion_and_is_judged_by_itself() -> None:
    now = Attempts(0, 0, 0)
    suspicion = Suspicion(now)
    for _ in range(STRIKES):
        now = strike(suspicion, now)
    half = suspicion.copy()
    for _ in range(20):
        now = strike(half, now, others=10)
    assert half.is_certain
    assert not suspicion.is_certain
