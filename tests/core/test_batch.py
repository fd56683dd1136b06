"""Lines become batches within their size and their bytes, all in order; a batch that is due says so."""

from collections.abc import Callable, Sequence
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.config import MIN_BATCH_BYTES
from shuttle.core.batch import OVERHEAD, Batch, Batcher
from shuttle.core.frame import Framer, make_stamp
from tests.helpers.frames import HEADER, STAMP, make_framer, make_splitter, read_messages, walk

FRAME = len(b"78 ") + len(HEADER) + len(b"Hello World\n")

short_lines = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=30)


def number() -> Callable[[], str]:
    ids = count()
    return lambda: f"{next(ids):032x}"


def make_batcher(framer: Framer | None = None, **changed: Any) -> Batcher:
    settings: dict[str, Any] = {"size": 500, "max_bytes": 10**6, "wait": 0.25, "new_id": number()} | changed
    return Batcher(framer or make_framer(), **settings)


def fill(batcher: Batcher, lines: Sequence[bytes], now: float = 0.0) -> list[Batch]:
    """Return every batch that `lines` make; the last one may not be full."""
    return [*batcher.add(lines, stamp=STAMP, now=now), *([batcher.close()] if batcher.lines else [])]


def join(batches: Sequence[Batch]) -> bytes:
    return b"".join(batch.body for batch in batches)


def counted(batch: Batch) -> bool:
    """Tell whether the batch's counts are those of its body."""
    frames = len(walk(batch.body))
    return batch.frames == frames == batch.lines + sum(pieces - 1 for _, pieces in batch.long)


# --- full by count ---


@pytest.mark.parametrize(
    ("lines", "sizes"), [(0, []), (1, [1]), (2, [2]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (8, [3, 3, 2])]
)
def test_a_batch_is_full_at_its_size(lines: int, sizes: list[int]) -> None:
    batches = fill(make_batcher(size=3), [b"Hello World"] * lines)
    assert [batch.lines for batch in batches] == sizes
    assert all(counted(batch) for batch in batches)


def test_a_full_batch_is_returned_at_once() -> None:
    """A batch that is not full stays."""
    batcher = make_batcher(size=2)
    assert batcher.add([b"a"], stamp=STAMP, now=0.0) == []
    assert [batch.lines for batch in batcher.add([b"b"], stamp=STAMP, now=0.0)] == [2]
    assert batcher.lines == 0
    assert batcher.add([], stamp=STAMP, now=0.0) == []


def test_size_counts_lines_and_not_frames() -> None:
    (batch,) = make_batcher(make_framer(max_line_length=4), size=2).add([b"0123456789", b"a"], stamp=STAMP, now=0.0)
    assert (batch.lines, batch.frames, batch.long) == (2, 4, ((0, 3),))
    assert read_messages(batch.body) == [b"0123", b"4567", b"89", b"a"]


def test_each_batch_has_an_id_of_its_own() -> None:
    batches = fill(make_batcher(size=1), [b"a"] * 3)
    assert [batch.id for batch in batches] == [f"{part:032x}" for part in range(3)]


def test_lines_have_the_stamp_at_which_they_were_read() -> None:
    batcher = make_batcher()
    for second in range(2):
        batcher.add([b"a", b"b"], stamp=make_stamp(second), now=0.0)
    stamps = [frame.split(b" ")[1].decode() for frame in walk(batcher.close().body)]
    assert stamps == [make_stamp(0)] * 2 + [make_stamp(1)] * 2


# --- full by bytes ---


@pytest.mark.parametrize(
    ("room", "sizes"),
    [
        (FRAME, [1, 1, 1, 1, 1]),
        (2 * FRAME - 1, [1, 1, 1, 1, 1]),
        (2 * FRAME, [2, 2, 1]),
        (2 * FRAME + 1, [2, 2, 1]),
        (5 * FRAME - 1, [4, 1]),
        (5 * FRAME, [5]),
    ],
)
def test_a_batch_holds_as_many_lines_as_its_bytes_allow(room: int, sizes: list[int]) -> None:
    batches = fill(make_batcher(max_bytes=room), [b"Hello World"] * 5)
    assert [batch.lines for batch in batches] == sizes


def test_a_batch_is_full_at_its_bytes() -> None:
    batcher = make_batcher(max_bytes=2 * FRAME)
    assert len(batcher.add([b"Hello World"] * 2, stamp=STAMP, now=0.0)) == 1
    assert batcher.lines == 0


def test_the_pieces_of_a_line_stay_in_one_batch() -> None:
    framer = make_framer(max_line_length=10)
    batches = fill(make_batcher(framer, max_bytes=4 * FRAME), [b"a", b"b", b"0123456789" * 3, b"c"])
    assert [(batch.lines, batch.long) for batch in batches] == [(2, ()), (2, ((0, 3),))]


def test_a_line_that_fits_no_batch_is_a_batch_alone() -> None:
    framer = make_framer(max_line_length=10)
    batches = fill(make_batcher(framer, max_bytes=2 * FRAME), [b"a", b"0123456789" * 3, b"c"])
    assert [batch.frames for batch in batches] == [1, 3, 1]


@given(short_lines, st.integers(1, 12), st.integers(1, 9), st.integers(1, 12), st.lists(st.integers(0, 30), max_size=5))
def test_batches_hold_all_lines_in_order_within_limits(
    lines: list[bytes], size: int, frames: int, limit: int, places: list[int]
) -> None:
    """The chunks do not matter, and no batch is closed early."""
    framer = make_framer(max_line_length=limit)
    batcher = make_batcher(framer, size=size, max_bytes=frames * FRAME)
    batches = []
    ends = [0, *sorted(min(place, len(lines)) for place in places), len(lines)]
    for start, end in pairwise(ends):
        batches += batcher.add(lines[start:end], stamp=STAMP, now=0.0)
    batches += [batcher.close()] if batcher.lines else []
    assert join(batches) == join(fill(make_batcher(framer, size=len(lines) + 1), lines))
    assert all(1 <= batch.lines <= size and counted(batch) for batch in batches)
    assert all(len(batch.body) <= frames * FRAME or batch.lines == 1 for batch in batches)
    # None is closed early: what comes first in the next would not have fitted.
    for batch, following in pairwise(batches):
        pieces = following.long[0][1] if following.long and following.long[0][0] == 0 else 1
        first = sum(len(frame) + len(b"%d " % len(frame)) for frame in walk(following.body)[:pieces])
        assert batch.lines == size or len(batch.body) + first > frames * FRAME


@pytest.mark.parametrize("input_format", ["raw", "rfc5424"])
@given(data=st.lists(st.tuples(st.binary(min_size=1, max_size=3), st.integers(0, 12_000)), max_size=6))
def test_a_request_with_both_reports_is_within_its_bytes(input_format: str, data: list[tuple[bytes, int]]) -> None:
    framer = make_framer(input_format=input_format, batch_bytes=MIN_BATCH_BYTES, appname="a" * 48)
    lines = make_splitter(framer, input_format).feed(b"".join(word * times for word, times in data) + b"\n")
    batches = fill(make_batcher(framer, max_bytes=framer.batch_limit), lines)
    reports = [framer.report(code, 10**15, since=STAMP, stamp=STAMP) for code in ("L12", "L13")]
    assert sum(batch.lines for batch in batches) == len(lines)
    assert all(len(b"".join([*reports, batch.body])) <= MIN_BATCH_BYTES for batch in batches)


# --- full by age ---


def test_a_batch_is_due_after_its_first_lines_wait() -> None:
    batcher = make_batcher(wait=0.25)
    batcher.add([b"a"], stamp=STAMP, now=2.0)
    batcher.add([b"b"], stamp=STAMP, now=2.125)
    assert batcher.due == 2.25
    assert batcher.close().born == 2.0
    batcher.add([b"c"], stamp=STAMP, now=9.0)
    assert batcher.due == 9.25


def test_a_batch_without_lines_is_never_due() -> None:
    batcher = make_batcher()
    batcher.add([], stamp=STAMP, now=1.0)
    never = [batcher.due]
    batcher.add([b"a"], stamp=STAMP, now=2.0)
    batcher.close()
    assert [*never, batcher.due] == [None, None]


def test_the_rest_after_a_full_batch_has_its_own_wait() -> None:
    """The wait runs from the first line that is left."""
    batcher = make_batcher(size=2, wait=0.25)
    batcher.add([b"a"], stamp=STAMP, now=1.0)
    (full,) = batcher.add([b"b", b"c"], stamp=STAMP, now=3.0)
    assert full.born == 1.0
    assert batcher.due == 3.25


def test_a_batch_without_a_wait_is_due_at_once() -> None:
    """It is due when its first line is read."""
    batcher = make_batcher(wait=0.0)
    batcher.add([b"a"], stamp=STAMP, now=5.0)
    assert batcher.due == 5.0


def test_a_batch_weighs_its_body_and_an_overhead() -> None:
    (batch,) = fill(make_batcher(), [b"Hello World"])
    assert batch.size == FRAME + OVERHEAD
