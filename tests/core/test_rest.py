"""When a source is left alone for a moment: if it trickles, and neither if it is quiet nor if it floods."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.rest import FLOOD, LONGEST, SHORTEST, Rests, choose_rest

ROOM = 64 * 1024
REST = 0.02


def make_rests(seconds: float = REST, fits: float = math.inf) -> Rests:
    return Rests(seconds, room=ROOM, fits=lambda: fits)


def look(rests: Rests, *reads: tuple[float, int]) -> list[bool]:
    """Have `rests` told of reads, each of which empties the source; say behind which of them there is a rest."""
    found = []
    for now, length in reads:
        rests.note(length)
        rest = rests.choose(now)
        assert rest in (0.0, REST)
        found.append(rest > 0)
    return found


@pytest.mark.parametrize(
    ("wait", "rest"),
    [(0.25, LONGEST), (10.0, LONGEST), (0.1, 0.01), (0.01, SHORTEST), (0.009, 0.0), (0.0, 0.0)],
)
def test_a_rest_is_a_part_of_the_time_that_lines_wait(wait: float, rest: float) -> None:
    assert choose_rest(wait) == pytest.approx(rest)


@pytest.mark.parametrize(
    ("reads", "rested"),
    [
        ([(0.0, 100)], [False]),  # the first line is read at once
        ([(0.0, 100), (0.019, 100)], [False, True]),  # the next follows closely
        ([(0.0, 100), (0.021, 100), (0.042, 100)], [False, False, False]),  # further apart than a rest is long
        ([(0.0, 100), (0.01, 100), (0.03, 200), (0.05, 200)], [False, True, True, True]),  # found after each rest
        ([(0.0, 100), (0.01, 100), (0.06, 100)], [False, True, False]),  # nothing was found, and it was waited for
        ([(0.0, 100), (0.01, 100), (0.06, 100), (0.07, 100)], [False, True, False, True]),
    ],
)
def test_lines_that_follow_each_other_closely_get_rests(reads: list[tuple[float, int]], rested: list[bool]) -> None:
    assert look(make_rests(), *reads) == rested


def test_a_flood_gets_none_until_it_is_over() -> None:
    rests = make_rests()
    assert look(rests, (0.0, 100), (0.01, 100), (0.03, ROOM // 2), (0.031, 100)) == [False, True, False, False]
    assert look(rests, (0.5, 100), (0.51, 100)) == [False, False]
    assert look(rests, (0.03 + FLOOD, 100), (0.04 + FLOOD, 100)) == [False, True]


def test_a_flood_is_seen_in_whatever_pieces_it_is_read() -> None:
    rests = make_rests()
    assert look(rests, (0.0, 100), (0.01, 100)) == [False, True]
    for _ in range(4):
        rests.note(ROOM // 8)
    assert look(rests, (0.03, 100), (0.031, 100)) == [False, False]


def test_what_has_come_while_this_process_had_no_turn_is_no_flood() -> None:
    rests = make_rests()
    assert look(rests, (0.0, 100), (0.01, 100), (1.0, ROOM // 2), (1.01, 100)) == [False, True, False, True]


@given(
    rest=st.sampled_from([0.001, 0.02, 0.025]),
    reads=st.lists(st.tuples(st.floats(0, 0.1), st.integers(0, 2 * ROOM)), max_size=50),
)
def test_no_rest_follows_a_silence_or_a_flood(rest: float, reads: list[tuple[float, int]]) -> None:
    rests, now = make_rests(rest), 0.0
    for gap, length in reads:
        now += gap
        rests.note(length)
        rested = rests.choose(now)
        assert not rested or gap < rest + 1e-9
        assert not rested or length <= ROOM // 4 * max(1.0, (gap + rest) / rest)
        now += rested


@pytest.mark.parametrize(
    ("fits", "rest"),
    [
        (math.inf, REST),
        (3.5, REST),  # two and a half times 0.01 s
        (2.5, 0.015),
        (1.05, 0.0),  # hardly any time at all
        (1.0, 0.0),  # the next chunk fills the batch
        (0.2, 0.0),
    ],
)
def test_a_batch_that_will_be_full_is_not_kept_waiting(fits: float, rest: float) -> None:
    rests = make_rests(fits=fits)
    assert rests.choose(0.0) == 0.0
    rests.note(100)
    assert rests.choose(0.01) == pytest.approx(rest)


def test_without_a_rest_there_is_none() -> None:
    assert look(make_rests(0.0), (0.0, 1), (0.0, 1), (0.0, ROOM)) == [False, False, False]
