"""How large a request may be on a slow link."""

from shuttle.delivery.size_limit import LEAST, SizeLimit
from tests.helpers.batches import make_batch

LARGE = make_batch(1, 1_000_000, lines=500)


def test_nothing_is_too_large_at_first() -> None:
    assert not SizeLimit().excludes(LARGE)


def test_what_was_late_is_halved_from_then_on() -> None:
    limit = SizeLimit()
    limit.tighten(1_000_000, 5.0)
    assert limit.excludes(LARGE)
    assert not limit.excludes(make_batch(1, 500_000, lines=500))
    assert not limit.excludes(make_batch(1, 1_000_000))  # a single line cannot be halved


def test_what_did_not_arrive_is_reduced_to_half_of_what_did() -> None:
    limit = SizeLimit()
    limit.tighten(1_000_000, 5.0, arrived=0.1)
    assert limit.excludes(make_batch(1, 50_001, lines=5))
    assert not limit.excludes(make_batch(1, 50_000, lines=5))


def test_it_goes_no_further_than_a_link_may_be_slow() -> None:
    limit = SizeLimit()
    for _ in range(100):
        limit.tighten(LEAST + 1, 5.0)
        limit.tighten(10, 5.0)
    assert not limit.excludes(make_batch(1, LEAST, lines=5))


def test_fast_answers_lift_it_and_slow_ones_do_not() -> None:
    limit = SizeLimit()
    limit.tighten(1_000_000, 5.0)
    limit.tighten(500_000, 5.0)
    for _ in range(100):
        limit.relax(4.0)
    assert limit.excludes(make_batch(1, 300_000, lines=5))
    limit.relax(0.1)
    assert not limit.excludes(make_batch(1, 300_000, lines=5))
    limit.relax(0.1)
    assert not limit.excludes(LARGE)
