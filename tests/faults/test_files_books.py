"""The books of the oracle of followed files: what counts as double, as missing, and as a fault of nobody."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.files.arrivals import Arrivals
from tests.faults.files.books import Books, make_line
from tests.faults.files.evidence import Trace
from tests.faults.files.generations import Fate, Generation


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(Trace(tmp_path / "requests"))


def frame(number: int, stamp: int = 1) -> bytes:
    return b"<190>1 2026-11-27T15:36:%02d+00:00 host app - - - %b" % (stamp, make_line(("app", number)))


def take(books: Books, frame_id: str, *numbers: int, stamp: int = 1, answered: bool = True) -> None:
    books.take(frame_id, [frame(number, stamp) for number in numbers], answered=answered)


def kill(books: Books) -> None:
    books.killed.add(books.agent)
    books.agent += 1


def test_a_line_under_a_second_id_is_double(books: Books) -> None:
    take(books, "a", 0, 1)
    take(books, "b", 1, 2)
    assert (books.doubled, books.again, books.is_wrong) == (1, 0, True)


@pytest.mark.parametrize(("killed", "doubled"), [(True, 0), (False, 1)])
def test_halves_of_a_batch_that_was_taken_are_double_unless_its_agent_was_killed(
    books: Books, killed: bool, doubled: int
) -> None:
    """The next one sends it again, is told that it failed, and halves it."""
    take(books, "a", 0, 1)
    if killed:
        kill(books)
    take(books, "half", 0)
    assert (books.doubled, books.again) == (doubled, 1 - doubled)


def test_halves_are_not_double_if_the_next_agent_was_never_told_that_the_whole_arrived(books: Books) -> None:
    take(books, "a", 0, 1)
    kill(books)
    take(books, "a", 0, 1, answered=False)
    take(books, "half", 0)
    assert (books.doubled, books.again) == (0, 1)


@pytest.mark.parametrize(("killed", "doubled"), [(True, 0), (False, 1)])
def test_a_batch_that_comes_whole_after_a_half_is_double_unless_the_agent_was_killed(
    books: Books, killed: bool, doubled: int
) -> None:
    take(books, "half", 0)
    if killed:
        kill(books)
    take(books, "a", 0, 1)
    assert (books.doubled, books.again) == (doubled, 1 - doubled)


def test_what_is_read_again_after_a_kill_is_double(books: Books) -> None:
    """It has other stamps, though all of it may be in one batch again, with others behind it."""
    take(books, "a", 0, 1)
    kill(books)
    take(books, "b", 0, 1, 2, stamp=2)
    assert books.doubled == 2


def test_a_batch_that_was_not_answered_may_come_in_halves(books: Books) -> None:
    take(books, "a", 0, 1, answered=False)
    take(books, "half", 0)
    assert (books.doubled, books.again) == (0, 1)


def test_a_request_that_comes_again_is_a_duplicate_and_has_no_other_lines(books: Books) -> None:
    take(books, "a", 0, 1)
    take(books, "a", 1)
    assert (books.duplicates, books.changed) == (1, 0)
    take(books, "a", 1, 2)
    assert books.changed == 1


@given(st.sets(st.integers(0, 30)), st.integers(0, 35), st.integers(0, 35))
def test_gaps_are_the_lines_that_have_not_arrived(arrived: set[int], start: int, end: int) -> None:
    arrivals = Arrivals()
    arrivals.add_request("a", 1, [], answered=True)
    for number in arrived:
        arrivals.add(("app", number))
    found = [number for first, last in arrivals.find_gaps("app", start, end) for number in range(first, last)]
    assert found == [number for number in range(start, end) if number not in arrived]


def test_lines_of_a_kept_generation_are_missing_until_they_arrive(books: Books) -> None:
    generation = Generation("app", books.arrived, runs=[(0, 2), (3, 5)])
    books.generations.append(generation)
    take(books, "a", 0, 1, 2, 4)
    assert (books.count_missing(Fate.KEPT), list(generation.find_missing())) == (1, [(3, 4)])
    assert generation.has_begun_to_arrive
    take(books, "b", 3)
    assert generation.has_arrived


def test_a_trace_takes_so_much_room_and_no_more(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "requests", most=100)
    for number in range(100):
        trace.write(f"line {number}")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 220
    assert "line 99\n" in "".join(path.read_text() for path in tmp_path.iterdir())
