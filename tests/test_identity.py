"""A file is the same if its content is, up to where it was read; a trail knows it without reading it again."""

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.input.identity import HEAD, TAIL, Identity, Trail, identify, is_same_content, read_at, still_holds, trace
from tests.helpers.chunks import cut_at

CONTENT = random.Random(1).randbytes(5000)
OTHER = random.Random(2).randbytes(5000)
OFFSET = 3000
EDGES = (0, 1, TAIL - 1, TAIL, TAIL + 1, HEAD - 1, HEAD, HEAD + 1, HEAD + TAIL, 4999, 5000)


@contextmanager
def file_of(content: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.fileno()


def identify_content(content: bytes, offset: int) -> Identity:
    with file_of(content) as fd:
        return identify(fd, offset)


def holds(content: bytes, identity: Identity) -> bool:
    with file_of(content) as fd:
        return is_same_content(identity, partial(read_at, fd))


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("offset", EDGES)
def test_the_trail_of_a_file_read_whole_or_byte_by_byte_is_the_one_found_by_reading_it(offset: int) -> None:
    with file_of(CONTENT) as fd:
        status = os.fstat(fd)
        begin = Trail(status.st_dev, status.st_ino)
        whole = begin.advance(CONTENT[:offset])
        *_, bytewise = accumulate(range(offset), lambda trail, at: trail.advance(CONTENT[at : at + 1]), initial=begin)
        assert whole == bytewise == trace(fd, offset)
        assert whole.identify() == identify(fd, offset)


@given(st.binary(max_size=3 * HEAD), st.lists(st.integers(0, 3 * HEAD), max_size=12), st.booleans())
def test_in_whatever_pieces_a_file_is_read_each_trail_on_the_way_is_that_of_its_place(
    content: bytes, places: list[int], views: bool
) -> None:
    with file_of(content) as fd:
        status = os.fstat(fd)
        trail = Trail(status.st_dev, status.st_ino)
        for chunk in cut_at(content, places):
            trail = trail.advance(memoryview(chunk) if views else chunk)
            assert trail == trace(fd, trail.offset)
        assert trail.offset == len(content)
        assert trail.identify() == identify(fd, len(content))


@given(st.binary(min_size=1, max_size=2 * HEAD), st.data())
def test_a_trail_found_by_reading_goes_on_as_if_it_had_never_ended(content: bytes, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(content)))
    with file_of(content) as fd:
        assert trace(fd, offset).advance(content[offset:]) == trace(fd, len(content))


def test_a_trail_stays_what_it_was_when_reading_goes_on() -> None:
    kept = Trail(1, 2).advance(CONTENT[:OFFSET])
    before = kept.identify()
    kept.advance(CONTENT[OFFSET:])
    assert kept.identify() == before


def test_a_trail_keeps_a_head_and_a_tail_and_no_chunk() -> None:
    trail = Trail(1, 2)
    for chunk in (CONTENT, memoryview(CONTENT), b"x", CONTENT):
        trail = trail.advance(chunk)
        assert type(trail.head) is type(trail.tail) is bytes
        assert (len(trail.head), len(trail.tail)) == (HEAD, TAIL)


def test_an_identity_and_the_repr_of_a_trail_hold_no_line() -> None:
    trail = Trail(1, 2).advance(b"password=secret\n")
    assert "secret" not in repr(trail) + repr(trail.identify())


@pytest.mark.parametrize("offset", EDGES)
def test_an_identity_says_how_much_it_knows(offset: int) -> None:
    identity = identify_content(CONTENT, offset)
    assert (identity.offset, identity.head_length) == (offset, min(HEAD, offset))
    assert len(identity.head) == len(identity.tail) == 16


@pytest.mark.parametrize("offset", EDGES[1:])
@pytest.mark.parametrize("size", [0, 1, TAIL, HEAD])
def test_a_file_shorter_than_the_offset_has_no_identity_there(offset: int, size: int) -> None:
    with file_of(CONTENT[: min(size, offset - 1)]) as fd, pytest.raises(EOFError):
        identify(fd, offset)


@pytest.mark.parametrize(
    ("content", "same"),
    [
        pytest.param(CONTENT, True, id="as it was"),
        pytest.param(CONTENT[:OFFSET], True, id="nothing behind the offset"),
        pytest.param(CONTENT + OTHER, True, id="grown"),
        pytest.param(CONTENT[:OFFSET] + OTHER, True, id="gone on otherwise"),
        pytest.param(CONTENT[: OFFSET - 1], False, id="a byte short"),
        pytest.param(CONTENT[:HEAD], False, id="truncated to its head"),
        pytest.param(b"", False, id="truncated"),
        pytest.param(OTHER, False, id="replaced"),
        pytest.param(CONTENT[:HEAD] + OTHER, False, id="truncated, then grown past the offset"),
        pytest.param(CONTENT[:-OFFSET] + OTHER, False, id="an older copy restored, then grown past the offset"),
        pytest.param(OTHER[:HEAD] + CONTENT[HEAD:], False, id="another head"),
        pytest.param(flip(CONTENT, 0), False, id="another first byte"),
        pytest.param(flip(CONTENT, HEAD - 1), False, id="another last byte of the head"),
        pytest.param(flip(CONTENT, OFFSET - TAIL), False, id="another first byte of the tail"),
        pytest.param(flip(CONTENT, OFFSET - 1), False, id="another last byte of the tail"),
        pytest.param(flip(CONTENT, OFFSET), True, id="another byte at the offset, which was not read"),
        pytest.param(flip(CONTENT, HEAD), True, id="another byte in between, which is not known"),
        pytest.param(bytes(OFFSET) + OTHER, False, id="a hole where the writer went on behind a truncation"),
        pytest.param(b"\n" + CONTENT, False, id="moved by a byte"),
    ],
)
def test_a_content_is_the_same_if_head_and_tail_and_length_are(content: bytes, same: bool) -> None:
    identity = identify_content(CONTENT, OFFSET)
    assert holds(content, identity) is same
    # An inode that was used again says nothing, and neither does one that a copy does not have.
    assert holds(content, replace(identity, device=1, inode=2)) is same


@pytest.mark.parametrize("offset", EDGES[1:])
@pytest.mark.parametrize("content", [b"", OTHER, OTHER[:1], CONTENT[1:]])
def test_no_other_content_is_taken_for_one_of_which_even_a_byte_was_read(content: bytes, offset: int) -> None:
    assert not holds(content, identify_content(CONTENT, offset))


@pytest.mark.parametrize("content", [b"", CONTENT])
def test_any_content_agrees_with_a_file_of_which_nothing_was_read(content: bytes) -> None:
    assert holds(content, identify_content(CONTENT, 0))


@given(st.binary(max_size=2 * HEAD), st.binary(max_size=2 * HEAD), st.data())
def test_while_a_file_is_its_head_and_tail_it_is_the_same_exactly_if_what_was_read_is(
    content: bytes, other: bytes, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(0, min(len(content), HEAD + TAIL)))
    other = data.draw(st.sampled_from([other, content + other, content[: offset // 2] + other]))
    assert holds(other, identify_content(content, offset)) is (other[:offset] == content[:offset])


def test_a_content_is_read_forward_and_little_of_it() -> None:
    reads: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        reads.append((offset, length))
        return CONTENT[offset : offset + length]

    assert is_same_content(identify_content(CONTENT, OFFSET), read)
    assert reads == [(0, HEAD), (OFFSET - TAIL, TAIL)]


@pytest.mark.parametrize("offset", EDGES[:-1])
@pytest.mark.parametrize(
    ("content", "left"),
    [
        pytest.param(CONTENT, True, id="untouched"),
        pytest.param(CONTENT + OTHER, True, id="grown"),
        pytest.param(b"", False, id="truncated"),
        pytest.param(OTHER, False, id="truncated and grown past the offset"),
        pytest.param(bytes(5000), False, id="truncated under a writer that goes on where it was"),
    ],
)
def test_the_bytes_before_the_offset_tell_a_file_that_was_truncated_between_two_looks(
    tmp_path: Path, content: bytes, left: bool, offset: int
) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        trail = trace(file.fileno(), offset)
        path.write_bytes(content)  # the same inode
        assert still_holds(trail, file.fileno()) is (left or offset == 0)


def test_a_file_truncated_to_the_offset_still_holds_and_a_byte_less_does_not() -> None:
    with file_of(CONTENT) as fd:
        trail = trace(fd, OFFSET)
        os.truncate(fd, OFFSET)
        assert still_holds(trail, fd)
        os.truncate(fd, OFFSET - 1)
        assert not still_holds(trail, fd)


def test_a_file_system_that_gives_less_than_there_is_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pread = os.pread
    with file_of(CONTENT) as fd:
        identity = identify(fd, OFFSET)
        monkeypatch.setattr(os, "pread", lambda fd, length, offset: pread(fd, min(length, 100), offset))
        assert identify(fd, OFFSET) == identity
        assert read_at(fd, 4000, 5000) == CONTENT[4000:]
