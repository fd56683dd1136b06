"""Where a batch's lines stand in their files, whatever the chunks, the limits and the sizes: there they are again."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.config import MIN_BATCH_BYTES
from shuttle.core.batch import Batch, Batcher
from shuttle.core.frame import make_stamp
from shuttle.core.lines import NewlineSplitter, Splitter
from shuttle.core.position import Position, Span
from tests.helpers.chunks import cut_at
from tests.helpers.frames import make_framer

STAMP = make_stamp(1_700_000_000.0)
FRAMER = make_framer()
DATA = st.lists(
    st.one_of(st.binary(max_size=8), st.sampled_from([b"\n", b"\n\n", b"word", "ä€𝄞".encode(), b"\n" + b"x" * 40]))
).map(b"".join)
PLACES = st.lists(st.integers(0, 300), max_size=20)


class Reader:
    """Reads files in chunks into one batcher, as the agent does, and remembers the lines."""

    def __init__(self, *, size: int, max_bytes: int = MIN_BATCH_BYTES) -> None:
        numbers = count()
        self.batcher = Batcher(FRAMER, size=size, max_bytes=max_bytes, wait=1.0, new_id=lambda: f"{next(numbers):032x}")
        self.batches: list[Batch] = []

    def take(self, lines: list[bytes], splitter: Splitter, position: Position) -> None:
        if lines:
            position.cut(splitter.take_cuts())
            self.batches += self.batcher.add(lines, stamp=STAMP, now=0.0, position=position)

    def finish(self) -> list[Batch]:
        if self.batcher.lines:
            self.batches.append(self.batcher.close())
        return self.batches


def read(data: bytes, chunks: list[bytes], *, limit: int, size: int, max_bytes: int) -> tuple[list[bytes], list[Batch]]:
    """Return the lines of a file, and their batches."""
    splitter, position, reader = NewlineSplitter(limit), Position(7, 0), Reader(size=size, max_bytes=max_bytes)
    lines: list[bytes] = []
    for chunk in chunks:
        some = splitter.feed(chunk)
        lines += some
        reader.take(some, splitter, position)
        assert len(data) >= position.offset
    some = splitter.finish()
    lines += some
    reader.take(some, splitter, position)
    assert position.offset == len(data)
    return lines, reader.finish()


def read_again(data: bytes, span: Span, limit: int) -> list[bytes]:
    splitter = NewlineSplitter(limit)
    return [*splitter.feed(data[span.start : span.end]), *splitter.finish()]


@given(
    data=DATA,
    places=PLACES,
    limit=st.integers(1, 20),
    size=st.integers(1, 10),
    max_bytes=st.sampled_from([1, 100, 200, 1000, MIN_BATCH_BYTES]),
)
def test_spans_are_contiguous_and_yield_their_lines(
    data: bytes, places: list[int], limit: int, size: int, max_bytes: int
) -> None:
    lines, batches = read(data, cut_at(data, places), limit=limit, size=size, max_bytes=max_bytes)
    spans = [span for batch in batches for span in batch.spans]
    assert [0, *(span.end for span in spans)] == [*(span.start for span in spans), len(data)]
    assert all(span.start < span.end for span in spans)
    assert {(span.file, span.stamp) for span in spans} <= {(7, STAMP)}
    assert [sum(span.lines for span in batch.spans) for batch in batches] == [batch.lines for batch in batches]
    again = [read_again(data, span, limit) for span in spans]
    assert [line for some in again for line in some] == lines
    assert [len(some) for some in again] == [span.lines for span in spans]


@given(data=DATA, places=PLACES, limit=st.integers(1, 20))
def test_reading_can_resume_at_the_end_of_any_span(data: bytes, places: list[int], limit: int) -> None:
    """Also between two pieces of a line that is too long."""
    lines, batches = read(data, cut_at(data, places), limit=limit, size=1, max_bytes=MIN_BATCH_BYTES)
    for number, batch in enumerate(batches, 1):
        (span,) = batch.spans
        splitter = NewlineSplitter(limit)
        assert [*splitter.feed(data[span.end :]), *splitter.finish()] == lines[number:]


@given(first=DATA, second=DATA, places=PLACES, limit=st.integers(1, 20), size=st.integers(1, 10))
def test_files_read_in_turn_have_their_own_spans(
    first: bytes, second: bytes, places: list[int], limit: int, size: int
) -> None:
    files = {1: first, 2: second}
    reader = Reader(size=size)
    splitters = {number: NewlineSplitter(limit) for number in files}
    ways = {number: Position(number, 0) for number in files}
    chunks = {number: cut_at(data, places) for number, data in files.items()}
    for pair in zip(chunks[1], chunks[2], strict=False):
        for number, chunk in enumerate(pair, 1):
            reader.take(splitters[number].feed(chunk), splitters[number], ways[number])
    shared = min(len(chunks[1]), len(chunks[2]))
    for number in files:
        for chunk in chunks[number][shared:]:
            reader.take(splitters[number].feed(chunk), splitters[number], ways[number])
        reader.take(splitters[number].finish(), splitters[number], ways[number])
    spans = [span for batch in reader.finish() for span in batch.spans]
    for number, data in files.items():
        own = [span for span in spans if span.file == number]
        assert [0, *(span.end for span in own)] == [*(span.start for span in own), len(data)]
        again = [line for span in own for line in read_again(data, span, limit)]
        assert again == read_again(data, Span(number, 0, len(data), 0, ""), limit)


def test_a_position_starts_at_its_offset() -> None:
    position = Position(3, 100)
    assert position.take([b"one", b""], STAMP) == Span(3, 100, 105, 2, STAMP)
    assert position.take([b"two"], STAMP) == Span(3, 105, 109, 1, STAMP)


@given(parts=st.lists(DATA, max_size=5), limit=st.integers(1, 20), size=st.integers(1, 10))
def test_no_span_holds_what_is_skipped(parts: list[bytes], limit: int, size: int) -> None:
    """Zeros stand between the parts of the file, and each part ends a line."""
    gap = bytes(1000)
    reader, position, splitter = Reader(size=size), Position(1, 0), NewlineSplitter(limit)
    lines: list[list[bytes]] = []
    for part in parts:
        lines += [splitter.feed(part)]
        reader.take(lines[-1], splitter, position)
        lines += [splitter.finish()]
        reader.take(lines[-1], splitter, position)
        position.skip(len(gap))
    data = b"".join(part + gap for part in parts)
    assert position.offset == len(data)
    spans = [span for batch in reader.finish() for span in batch.spans]
    again = [line for span in spans for line in read_again(data, span, limit)]
    assert again == [line for some in lines for line in some]


@pytest.mark.parametrize(
    ("cuts", "spans"),
    [
        ([], [(0, 6), (6, 10)]),
        ([0], [(0, 5), (5, 9)]),
        ([1], [(0, 5), (5, 9)]),
        ([2], [(0, 6), (6, 9)]),
        ([0, 1, 2], [(0, 4), (4, 7)]),
    ],
)
def test_a_line_without_newline_takes_one_byte_less(cuts: list[int], spans: list[tuple[int, int]]) -> None:
    position = Position(1, 0)
    position.cut(cuts)
    first = position.take([b"aa", b"bb"], STAMP)
    second = position.take([b"ccc"], STAMP)
    assert [(first.start, first.end), (second.start, second.end)] == spans


def test_a_cut_applies_to_its_own_line_only() -> None:
    position = Position(1, 0)
    position.cut([0])
    position.take([b"a"], STAMP)
    position.take([b"b"], STAMP)
    assert position.offset == 3


@pytest.mark.parametrize(
    ("chunks", "lines", "cuts"),
    [
        ([b"one\ntwo\n"], [b"one", b"two"], []),
        ([b"abcdefgh\n"], [b"abcd", b"efgh"], [0]),
        ([b"a\nabcdefghi\nb\n"], [b"a", b"abcd", b"efgh", b"i", b"b"], [1, 2]),
        ([b"abcdef"], [b"abcd"], [0]),
        ([b"abcd"], [], []),
    ],
)
def test_a_splitter_reports_each_cut_once(chunks: list[bytes], lines: list[bytes], cuts: list[int]) -> None:
    splitter = NewlineSplitter(4)
    assert [line for chunk in chunks for line in splitter.feed(chunk)] == lines
    assert splitter.take_cuts() == cuts
    assert splitter.take_cuts() == []


def test_a_last_line_without_a_newline_counts_as_cut() -> None:
    splitter = NewlineSplitter(100)
    splitter.feed(b"one\ntwo")
    assert splitter.finish() == [b"two"]
    assert splitter.take_cuts() == [0]
    assert splitter.finish() == []
    assert splitter.take_cuts() == []


def test_a_half_has_its_own_lines_of_the_spans() -> None:
    reader, position = Reader(size=5), Position(1, 0)
    reader.take([b"1", b"2", b"3"], NewlineSplitter(100), position)
    reader.take([b"4", b"5"], NewlineSplitter(100), position)
    (batch,) = reader.finish()
    stretches = [(0, 6), (6, 10)]
    assert [(span.start, span.end, span.skip, span.lines) for span in batch.spans] == [
        (*stretches[0], 0, 3),
        (*stretches[1], 0, 2),
    ]
    first, second = batch.halve()
    assert [(span.start, span.end, span.skip, span.lines) for span in first.spans] == [(*stretches[0], 0, 2)]
    assert [(span.start, span.end, span.skip, span.lines) for span in second.spans] == [
        (*stretches[0], 2, 1),
        (*stretches[1], 0, 2),
    ]
    _, last = second.halve()
    assert [(span.start, span.end, span.skip, span.lines) for span in last.spans] == [(*stretches[1], 0, 2)]


def test_a_half_of_lines_that_came_another_way_too_has_no_spans() -> None:
    reader, position = Reader(size=4), Position(1, 0)
    reader.take([b"1", b"2", b"3", b"4"], NewlineSplitter(100), position)
    (batch,) = reader.finish()
    mixed = batch._replace(spans=(batch.spans[0]._replace(lines=3),))
    assert [half.spans for half in mixed.halve()] == [(), ()]
