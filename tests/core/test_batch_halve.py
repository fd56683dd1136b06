"""A batch in two halves, and those again: no line, frame or byte is lost, and each part has an id of its own."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.batch import Batch, Batcher
from tests.helpers.frames import STAMP, make_framer, read_messages, walk

ID = "0123456789abcdef" * 2
LIMIT = 10


def make_batch(lines: Sequence[bytes], born: float = 7.5) -> Batch:
    framer = make_framer(max_line_length=LIMIT)
    batcher = Batcher(framer, size=len(lines) + 1, max_bytes=10**6, wait=0.25, new_id=lambda: ID)
    batcher.add(lines, stamp=STAMP, now=born)
    return batcher.close()


def read_lines(batch: Batch) -> list[bytes]:
    """Return the source lines: the pieces of a long one joined."""
    messages = iter(read_messages(batch.body))
    pieces = dict(batch.long)
    lines = [b"".join(next(messages) for _ in range(pieces.get(index, 1))) for index in range(batch.lines)]
    assert not list(messages)
    return lines


def halve_all(batch: Batch) -> list[Batch]:
    """Return every batch that there is until each has one line, the parts before their halves."""
    if batch.lines == 1:
        return [batch]
    first, second = batch.halve()
    return [batch, *halve_all(first), *halve_all(second)]


@pytest.mark.parametrize(
    ("lines", "first", "second"),
    [
        ([b"a", b"b"], [b"a"], [b"b"]),
        ([b"a", b"b", b"c"], [b"a"], [b"b", b"c"]),
        ([b"a", b"b", b"c", b"d"], [b"a", b"b"], [b"c", b"d"]),
        ([b"x" * 25, b"b"], [b"x" * 25], [b"b"]),
        ([b"a", b"x" * 25], [b"a"], [b"x" * 25]),
        ([b"x" * 25, b"y" * 11, b"", b"z" * 31], [b"x" * 25, b"y" * 11], [b"", b"z" * 31]),
    ],
)
def test_halves_hold_whole_lines_in_order(lines: list[bytes], first: list[bytes], second: list[bytes]) -> None:
    batch = make_batch(lines)
    halves = batch.halve()
    assert [read_lines(half) for half in halves] == [first, second]
    assert b"".join(half.body for half in halves) == batch.body


@given(st.lists(st.integers(0, 45).map(lambda length: b"x" * length), min_size=2, max_size=40))
def test_halving_to_single_lines_loses_nothing(lines: list[bytes]) -> None:
    """Every count is right in every part."""
    parts = halve_all(make_batch(lines))
    singles = [part for part in parts if part.lines == 1]
    assert [read_lines(part) for part in singles] == [[line] for line in lines]
    assert b"".join(part.body for part in singles) == parts[0].body
    for part in parts:
        assert part.frames == len(walk(part.body)) == part.lines + sum(pieces - 1 for _, pieces in part.long)
        assert all(0 <= index < part.lines for index, _ in part.long)


@given(st.integers(2, 60))
def test_each_part_has_an_id_derived_from_the_whole(lines: int) -> None:
    """No two parts share an id."""
    batch = make_batch([b"a"] * lines)
    ids = [part.id for part in halve_all(batch)]
    assert len(set(ids)) == len(ids) == 2 * lines - 1
    assert all(re.fullmatch("[0-9a-f]{32}", part) for part in ids)
    assert ids == [part.id for part in halve_all(batch)]


def test_a_half_is_as_old_as_the_whole() -> None:
    assert [half.born for half in make_batch([b"a", b"b"], born=3.25).halve()] == [3.25, 3.25]
