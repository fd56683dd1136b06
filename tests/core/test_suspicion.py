"""When a batch is itself the problem, and when that is certain."""

import random
from collections import defaultdict

import pytest

from shuttle.core.suspicion import IMPROBABLE, STRIKES, Attempts, Suspicion, find_chance


def strike(suspicion: Suspicion, now: Attempts, *, others: int = 1, failing: int = 0) -> Attempts:
    """Have others accepted and failed, and then the batch itself."""
    own = 0 if suspicion.is_suspect else 1
    now = Attempts(now.accepted + others, now.failed + failing + own)
    suspicion.note_failure(now)
    return now


def accuse() -> tuple[Suspicion, Attempts]:
    """Return a suspicion against a batch that is suspect, and how the attempts have ended so far."""
    now = Attempts(0, 0)
    suspicion = Suspicion(now)
    for _ in range(STRIKES):
        now = strike(suspicion, now)
    return suspicion, now


def count_strikes(suspicion: Suspicion, now: Attempts, *, others: int = 1, failing: int = 0) -> int:
    """Strike until that is certain, and return how often."""
    strikes = 0
    while not suspicion.is_certain():
        now = strike(suspicion, now, others=others, failing=failing)
        strikes += 1
    return strikes


def test_failures_while_others_are_accepted_make_it_suspect() -> None:
    now = Attempts(0, 0)
    suspicion = Suspicion(now)
    for number in range(1, STRIKES + 1):
        assert not suspicion.is_suspect
        now = strike(suspicion, now)
        assert suspicion.is_suspect is (number == STRIKES)


def test_an_outage_makes_nothing_suspect() -> None:
    """What was accepted before, or at its beginning, does not count again."""
    now = Attempts(1000, 0)
    suspicion = Suspicion(now)
    now = strike(suspicion, now)
    for _ in range(1000):
        now = strike(suspicion, now, others=0, failing=3)
    assert not suspicion.is_suspect


@pytest.mark.parametrize(("others", "failing", "most"), [(100, 0, 5), (4, 0, 9), (1, 0, 15), (1, 1, 40), (1, 9, 200)])
def test_the_more_often_others_fail_the_more_it_takes(others: int, failing: int, most: int) -> None:
    strikes = count_strikes(Suspicion(Attempts(0, 0)), Attempts(0, 0), others=others, failing=failing)
    rate = failing / (others + failing)
    assert STRIKES <= strikes <= most
    assert rate**strikes < IMPROBABLE


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_an_innocent_line_is_not_convicted_on_a_small_sample(rate: float) -> None:
    """However the dice fall: others are tried until one of them is accepted, then the line, until it is accepted."""
    chance = random.Random(1)
    for _ in range(2_000):
        now = Attempts(0, 0)
        suspicion = Suspicion(now)
        failing = chance.random() < rate
        while failing:
            others = 0
            while chance.random() < rate:
                others += 1
            now = strike(suspicion, now, failing=others)
            assert not suspicion.is_certain()
            failing = chance.random() < rate


@pytest.mark.parametrize("rate", [0.1, 0.4, 0.7])
def test_hardly_an_innocent_line_is_convicted_however_often_the_drain_fails(rate: float) -> None:
    """Another is tried until it is accepted, then the line, until it is accepted or convicted."""
    convicted = 0.0
    on_trial = {0: rate}  # failures of others, to how probable they are
    for strikes in range(1, 60):
        later: dict[int, float] = defaultdict(float)
        for failed, chance in on_trial.items():
            if chance > IMPROBABLE / 1e4:
                for more in range(50):
                    later[failed + more] += chance * (1 - rate) * rate**more
        on_trial = {}
        for failed, chance in later.items():
            if find_chance(strikes, strikes, failed) < IMPROBABLE:
                convicted += chance
            else:
                on_trial[failed] = chance * rate
    assert convicted < 2 * IMPROBABLE


def test_where_there_is_nothing_else_eight_halvings_are_enough() -> None:
    now = Attempts(0, 0)
    suspicion = Suspicion(now)
    suspicion.note_failure(now)
    for _ in range(8):  # the other half is taken, then this one fails
        first, suspicion = suspicion.halve()
        now = Attempts(now.accepted + 1, now.failed)
        first.acquit()
        suspicion.note_failure(now)
    assert suspicion.is_certain(quiet=True)
    assert not suspicion.is_certain()


def test_a_half_is_suspect_if_the_whole_was() -> None:
    suspicion, _ = accuse()
    assert all(half.is_suspect for half in suspicion.halve())


def test_the_failures_of_a_whole_are_held_against_the_half_that_is_left() -> None:
    suspicion, now = accuse()
    first, second = suspicion.halve()
    alone = count_strikes(second, now)
    suspicion, now = accuse()
    first, second = suspicion.halve()
    first.acquit()
    assert count_strikes(second, now) < alone


def test_a_culprit_explains_the_failures_of_what_it_was_in() -> None:
    whole, now = accuse()
    half, other = whole.halve()
    first, second = half.halve()
    first.convict()
    left = count_strikes(other, now)
    second.acquit()
    assert left == count_strikes(Suspicion(now), now)
    assert not whole.acquit()  # none of them was by chance


def test_failures_of_what_is_taken_after_all_were_by_chance() -> None:
    """Once all of it is: as long as a half is left, they may have been because of that."""
    whole, now = accuse()
    now = strike(whole, now)
    first, second = whole.halve()
    now = strike(first, strike(first, now))
    strike(second, now)
    assert first.acquit() == 2
    assert second.acquit() == 1 + 1  # its own, and that of the whole since it was suspect
