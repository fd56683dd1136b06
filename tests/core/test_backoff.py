"""How long to wait: exponential with full jitter and a cap, and what a drain asks for by Retry-After."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.backoff import FIRST_DELAY, LONGEST_DELAY, LONGEST_RETRY_AFTER, next_delay, read_retry_after

NOON = 1_704_110_400.0  # Mon, 01 Jan 2024 12:00:00 UTC, in seconds


@pytest.mark.parametrize(
    ("failures", "bound"),
    [(1, FIRST_DELAY), (2, 2 * FIRST_DELAY), (3, 4 * FIRST_DELAY), (4, 8 * FIRST_DELAY), (6, LONGEST_DELAY)],
)
def test_the_bound_doubles_up_to_the_cap(failures: int, bound: float) -> None:
    assert next_delay(failures, lambda: 1.0) == bound


@given(st.integers(1, 10**9), st.floats(0, 1), st.floats(0, 100))
def test_a_delay_is_random_between_zero_and_its_bound(failures: int, chance: float, longest: float) -> None:
    bound = next_delay(failures, lambda: 1.0, longest)
    assert bound <= longest
    assert next_delay(failures, lambda: chance, longest) == bound * chance


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("007", 7.0),
        ("59", 59.0),
        ("60", LONGEST_RETRY_AFTER),
        ("3600", LONGEST_RETRY_AFTER),
        ("9" * 5000, LONGEST_RETRY_AFTER),
        ("Mon, 01 Jan 2024 12:00:10 GMT", 10.0),
        ("Mon, 01 Jan 2024 14:00:10 +0200", 10.0),
        ("Mon, 01 Jan 2024 12:00:10 -0000", 10.0),
        ("Monday, 01-Jan-24 12:00:10 GMT", 10.0),
        ("Mon Jan  1 12:00:10 2024", 10.0),
        ("Mon, 01 Jan 2024 11:59:59 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Mon, 01 Jan 2035 12:00:00 GMT", LONGEST_RETRY_AFTER),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("1e9", 0.0),
        ("\N{ARABIC-INDIC DIGIT SEVEN}", 0.0),
        ("Mon, 99 Jan 2024 12:00:10 GMT", 0.0),
        ("Mon, " + "9" * 20 + " Jan 2024 12:00:10 GMT", 0.0),
        ("Mon, 01 Jan 2024 12:00:10 +" + "9" * 20, 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float) -> None:
    """The result never exceeds the cap."""
    assert read_retry_after(value, NOON) == seconds


@given(st.text() | st.from_regex(r"\w{3}, \d+ Jan \d+ \d+:\d+:\d+ ([+-]\d+|GMT)", fullmatch=True))
def test_any_retry_after_text_gives_a_bounded_delay(value: str) -> None:
    assert 0 <= read_retry_after(value, NOON) <= LONGEST_RETRY_AFTER
