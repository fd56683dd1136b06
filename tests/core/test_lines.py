"""Bytes become lines, whatever chunks they come in; nothing kept is longer than the limit allows."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.lines import NewlineSplitter
from shuttle.core.octet_counting import LengthSplitter
from tests.helpers.chunks import Split, cut_at, split, split_every_way

LIMIT = 10
EURO = "€".encode()
PREFIX_ROOM = len(b"123456789 ")

ends = st.sampled_from([b"\n", b"\r\n", b"\n\n", b"", EURO, b"\0", b"\xff\x80"])
input_bytes = st.lists(st.binary(max_size=15) | ends, max_size=20).map(b"".join)
places = st.lists(st.integers(0, 200), max_size=12)


def split_newlines(data: bytes, limit: int = LIMIT) -> list[bytes]:
    lines, malformed = split_every_way(partial(NewlineSplitter, limit), data)
    assert malformed == 0
    return lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"\n\n\n", [b"", b"", b""]),
        (b"one\ntwo\n", [b"one", b"two"]),
        (b"one\n\ntwo\n", [b"one", b"", b"two"]),
        (b"one\ntwo", [b"one", b"two"]),
        (b"one", [b"one"]),
        (b"foo\r\n", [b"foo\r"]),
        (b"foo\r", [b"foo\r"]),
        (b"\r\n\r\n", [b"\r", b"\r"]),
        (b"a\0b\n\0\n", [b"a\0b", b"\0"]),
        (b"\xff\xfe\n\x80\n", [b"\xff\xfe", b"\x80"]),
        ("é\N{LINE SEPARATOR}\x0b\x0c\n".encode(), ["é\N{LINE SEPARATOR}\x0b\x0c".encode()]),
    ],
)
def test_only_a_newline_ends_a_line_and_the_last_needs_none(data: bytes, lines: list[bytes]) -> None:
    assert split_newlines(data) == lines


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"x" * 9, [b"x" * 9]),
        (b"x" * 10, [b"x" * 10]),
        (b"x" * 11, [b"x" * 10, b"x"]),
        (b"x" * 20, [b"x" * 10] * 2),
        (b"x" * 21, [b"x" * 10] * 2 + [b"x"]),
        (b"x" * 100, [b"x" * 10] * 10),
        (b"x" * 9 + EURO, [b"x" * 9, EURO]),
        (b"x" * 8 + EURO, [b"x" * 8, EURO]),
        (b"x" * 7 + EURO, [b"x" * 7 + EURO]),
        (b"x" * 7 + EURO + b"y", [b"x" * 7 + EURO, b"y"]),
        (EURO * 4, [EURO * 3, EURO]),
        (b"\xff" * 11, [b"\xff" * 10, b"\xff"]),
        (b"\x80" * 11, [b"\x80" * 10, b"\x80"]),
        (b"ab\n" + b"x" * 11 + b"\ncd", [b"ab", b"x" * 10, b"x", b"cd"]),
    ],
)
def test_a_line_over_the_limit_becomes_several_and_none_is_empty(data: bytes, lines: list[bytes], end: bytes) -> None:
    assert split_newlines(data + end) == lines


@given(input_bytes, places, st.integers(4, 40))
def test_lines_do_not_depend_on_the_chunks(data: bytes, places: list[int], limit: int) -> None:
    assert split(NewlineSplitter(limit), cut_at(data, places)) == split(NewlineSplitter(limit), [data])


@given(input_bytes, places)
def test_within_the_limit_lines_joined_by_newlines_are_the_input(data: bytes, places: list[int]) -> None:
    lines, _ = split(NewlineSplitter(len(data) + 1), cut_at(data, places))
    assert b"".join(line + b"\n" for line in lines) == (data if data.endswith(b"\n") or not data else data + b"\n")


@given(input_bytes, places, st.integers(1, 12))
def test_beyond_the_limit_no_byte_is_lost_added_or_moved(data: bytes, places: list[int], limit: int) -> None:
    lines, _ = split(NewlineSplitter(limit), cut_at(data, places))
    assert b"".join(lines) == data.replace(b"\n", b"")
    assert max(map(len, lines), default=0) <= limit


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 12))
def test_the_newline_splitter_keeps_no_more_than_its_limit(chunks: list[bytes], limit: int) -> None:
    splitter = NewlineSplitter(limit)
    for chunk in chunks:
        splitter.feed(chunk)
        assert sum(map(len, splitter._rest)) <= limit


def test_a_newline_splitter_starts_anew_after_the_end() -> None:
    splitter = NewlineSplitter(LIMIT)
    assert splitter.feed(b"one") == []
    assert splitter.finish() == [b"one"]
    assert splitter.feed(b"two\n") == [b"two"]
    assert splitter.finish() == []


# --- by length ---

ONE, TWO = b"<13>1 one\n", b"<13>1 - two"
FRAME_LIMIT = 1000


def count(frame: bytes) -> bytes:
    return b"%d %b" % (len(frame), frame)


def split_lengths(data: bytes) -> Split:
    return split_every_way(partial(LengthSplitter, FRAME_LIMIT), data)


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (b"", []),
        (count(ONE), [ONE]),
        (count(ONE) + count(TWO), [ONE, TWO]),
        (count(b"<13>1 a\nb\n\nc\n") + count(TWO), [b"<13>1 a\nb\n\nc\n", TWO]),
        (count(ONE) + b"\n" + count(TWO) + b"\r\n\n" + count(ONE), [ONE, TWO, ONE]),
        (b"\n\n" + count(ONE) + b"\n", [ONE]),
        (b"\n\r\n", []),
        (count(b"<"), [b"<"]),
        (count(b"<13>1 9 <13>1 inside") + count(ONE), [b"<13>1 9 <13>1 inside", ONE]),
        (count(b"<13>1 \0\xff\x80\x1b[2J\r") + count(ONE), [b"<13>1 \0\xff\x80\x1b[2J\r", ONE]),
        (count(b"<" + b"x" * (FRAME_LIMIT - 1)) + count(ONE), [b"<" + b"x" * (FRAME_LIMIT - 1), ONE]),
    ],
)
def test_row_lprfc5424_frames_are_found_by_their_lengths(data: bytes, frames: list[bytes]) -> None:
    """Each frame comes out unchanged."""
    assert split_lengths(data) == (frames, 0)


@pytest.mark.parametrize(
    "broken",
    [
        b"x",
        b"no length at all\n",
        ONE,
        b"010 " + ONE,
        b"0 " + ONE,
        b"10" + ONE,
        b"10  " + ONE,
        b"10\t" + ONE,
        b"10 " + ONE[1:],
        b"1_0 " + ONE,
        b"1001 " + ONE,
        b"999999999 " + ONE,
        b"1000000000 " + ONE,
        b"9" * 40 + b" " + ONE,
        b"9" * 5000,
        b"\xd9\xa1 " + ONE,  # an Arabic digit one
        b"\xff\0\x80",
        b"garbage\nof many\nlines, 5 <not a frame> and 7 <13> neither\n",
        b"12 x 12 y 12 z",
    ],
)
def test_a_broken_length_counts_once(broken: bytes) -> None:
    """The frame behind it is found."""
    # A stretch that ends in a digit would be one with the length behind it; the newline keeps them apart.
    assert split_lengths(count(TWO) + broken + b"\n" + count(TWO) + count(ONE)) == ([TWO, TWO, ONE], 1)
    assert split_lengths(broken + b"\n" + count(TWO)) == ([TWO], 1)


@pytest.mark.parametrize("before", [b" ", b"-", b"+", b"0x", b"1_", b"1,", b"<13>1 a line\n", b"\xff"])
def test_a_length_is_found_behind_junk(before: bytes) -> None:
    assert split_lengths(count(TWO) + before + count(ONE) + count(TWO)) == ([TWO, ONE, TWO], 1)


def test_each_malformed_stretch_counts_once() -> None:
    data = b"junk " + count(ONE) + b"0 junk " + count(TWO) + count(ONE) + b"junk"
    assert split_lengths(data) == ([ONE, TWO, ONE], 3)


def test_a_length_too_small_costs_the_rest_of_its_frame() -> None:
    """The next frame is found."""
    assert split_lengths(b"5 " + ONE + count(TWO)) == ([b"<13>1", TWO], 1)


def test_a_length_too_large_costs_the_next_frame() -> None:
    """The frame after that is found."""
    data = b"%d " % (len(ONE) + 6) + ONE + count(TWO) + count(ONE)
    assert split_lengths(data) == ([ONE + count(TWO)[:6], ONE], 1)


@pytest.mark.parametrize("kept", [1, 2, 3, 4, 12])
def test_a_frame_that_the_end_cuts_off_counts_as_malformed(kept: int) -> None:
    assert split_lengths(count(ONE) + count(TWO)[:kept]) == ([ONE], 1)


def test_junk_and_a_cut_off_frame_are_one_stretch() -> None:
    assert split_lengths(count(ONE) + b"junk " + count(TWO)[:-1]) == ([ONE], 1)


def test_newlines_at_the_end_are_no_frame() -> None:
    assert split_lengths(count(ONE) + b"\r\n\n") == ([ONE], 0)


def test_the_malformed_count_is_given_once() -> None:
    splitter = LengthSplitter(FRAME_LIMIT)
    splitter.feed(b"junk")
    assert splitter.take_malformed() == 1
    splitter.feed(b"more junk")
    assert splitter.finish() == []
    assert splitter.take_malformed() == 0


frames = st.binary(max_size=30).map(b"<13>1 ".__add__)
near_frames = st.one_of(
    frames.map(count),
    frames,
    st.builds(b"%d %b".__mod__, st.tuples(st.integers(0, 60), frames)),
    st.sampled_from([b"\n", b"\r\n", b"0", b"10", b"9" * 9, b" ", b" <", b"40 <13>", b"5 <1>1", b"99 <0>9"]),
    st.binary(max_size=5),
)


@given(st.lists(frames, max_size=10), st.lists(st.sampled_from([b"", b"\n", b"\r\n"]), min_size=10), places)
def test_frames_come_out_as_they_went_in(frames: list[bytes], between: list[bytes], places: list[int]) -> None:
    """They may follow each other directly or with newlines between them."""
    data = b"".join(count(frame) + newlines for frame, newlines in zip(frames, between, strict=False))
    assert split(LengthSplitter(FRAME_LIMIT), cut_at(data, places)) == (frames, 0)


@given(st.lists(near_frames, max_size=15).map(b"".join), places)
def test_frames_do_not_depend_on_the_chunks(data: bytes, places: list[int]) -> None:
    """The count of malformed stretches does not depend on them either."""
    whole = split(LengthSplitter(40), [data])
    assert split(LengthSplitter(40), cut_at(data, places)) == whole
    assert split(LengthSplitter(40), [data[place : place + 1] for place in range(len(data))]) == whole


@given(st.lists(near_frames, max_size=15).map(b"".join), frames)
def test_a_frame_is_found_whatever_came_before_it(data: bytes, frame: bytes) -> None:
    """The splitter finds it once the bytes that the last length announced have passed."""
    splitter = LengthSplitter(40)
    # No frame that was begun is longer than forty bytes: the newlines end it.
    found = splitter.feed(data + b"\n" * 40 + count(frame))
    assert found[-1:] == [frame]


@given(st.lists(near_frames, max_size=30), st.integers(1, 40))
def test_a_length_splitter_keeps_one_frame_at_most(chunks: list[bytes], limit: int) -> None:
    """Behind a broken length it keeps one byte more, to see where a number begins, and what a frame may begin with."""
    splitter = LengthSplitter(limit)
    for chunk in chunks:
        splitter.feed(chunk)
        assert len(splitter._rest) <= max(limit + PREFIX_ROOM + len("-"), len("-123456789 <123>"))
