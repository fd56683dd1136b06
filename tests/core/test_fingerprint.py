"""A file is the same if its content is, up to where it was read; while it is read, it knows that by itself."""

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.fingerprint import HEAD, TAIL, Fingerprint, Trail, is_same_content, read_at
from shuttle.core.lines import NewlineSplitter
from shuttle.core.position import Position
from shuttle.delivery.source import Source
from shuttle.input.files.file import File, FileState, read_descriptor
from tests.helpers.chunks import cut_at
from tests.helpers.fingerprints import fingerprint_content

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


def holds(content: bytes, fingerprint: Fingerprint) -> bool:
    with file_of(content) as fd:
        return is_same_content(fingerprint, partial(read_at, fd))


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_a_fingerprint_and_the_repr_of_a_trail_hold_no_line() -> None:
    line = b"password=secret\n"
    trail = Trail(1, 2, len(line), head=line, tail=line)
    assert "secret" not in repr(trail) + repr(trail.fingerprint())


@pytest.mark.parametrize("offset", EDGES)
def test_a_fingerprint_says_how_much_it_knows(offset: int) -> None:
    fingerprint = fingerprint_content(CONTENT, offset)
    assert (fingerprint.offset, fingerprint.head_length) == (offset, min(HEAD, offset))
    assert len(fingerprint.head) == len(fingerprint.tail) == 16


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
    fingerprint = fingerprint_content(CONTENT, OFFSET)
    assert holds(content, fingerprint) is same
    # An inode that was used again says nothing, and neither does one that a copy does not have.
    assert holds(content, replace(fingerprint, device=3, inode=4)) is same


@pytest.mark.parametrize("offset", EDGES[1:])
@pytest.mark.parametrize("content", [b"", OTHER, OTHER[:1], CONTENT[1:]])
def test_no_other_content_is_taken_for_one_of_which_even_a_byte_was_read(content: bytes, offset: int) -> None:
    assert not holds(content, fingerprint_content(CONTENT, offset))


@pytest.mark.parametrize("content", [b"", CONTENT])
def test_any_content_agrees_with_a_file_of_which_nothing_was_read(content: bytes) -> None:
    assert holds(content, fingerprint_content(CONTENT, 0))


@given(st.binary(max_size=2 * HEAD), st.binary(max_size=2 * HEAD), st.data())
def test_while_a_file_is_its_head_and_tail_it_is_the_same_exactly_if_what_was_read_is(
    content: bytes, other: bytes, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(0, min(len(content), HEAD + TAIL)))
    other = data.draw(st.sampled_from([other, content + other, content[: offset // 2] + other]))
    assert holds(other, fingerprint_content(content, offset)) is (other[:offset] == content[:offset])


def test_a_content_is_read_forward_and_little_of_it() -> None:
    reads: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        reads.append((offset, length))
        return CONTENT[offset : offset + length]

    assert is_same_content(fingerprint_content(CONTENT, OFFSET), read)
    assert reads == [(0, HEAD), (OFFSET - TAIL, TAIL)]


def test_a_file_system_that_gives_less_than_there_is_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pread = os.pread
    with file_of(CONTENT) as fd:
        monkeypatch.setattr(os, "pread", lambda fd, length, offset: pread(fd, min(length, 100), offset))
        assert is_same_content(fingerprint_content(CONTENT, OFFSET), partial(read_at, fd))
        assert read_at(fd, 4000, 5000) == CONTENT[4000:]


# --- while a file is read ---


def begin_to_read(fd: int, offset: int) -> tuple[File, Position]:
    """Return the open file `fd`, which is read from `offset` on, and how far it is in lines."""
    file = File(Path("app.log"), (1, 2), read_descriptor(fd), partial(os.fstat, fd), lambda: None, FileState.LIVE)
    position = Position(1, offset)
    file.source = Source(NewlineSplitter(HEAD), position=position)
    file.offset = offset
    file.resume()
    return file, position


@given(st.integers(0, len(CONTENT)), st.sampled_from(EDGES), st.lists(st.integers(0, len(CONTENT)), max_size=12))
def test_in_whatever_pieces_a_file_is_read_its_fingerprint_is_known_wherever_a_batch_may_end(
    end: int, start: int, places: list[int]
) -> None:
    """Between the last line that is in a batch and what was read last, and as if the reading had never begun anew."""
    content = CONTENT[: max(start, end)]
    with file_of(content) as fd:
        file, position = begin_to_read(fd, start)
        for piece in cut_at(content[start:], places):
            assert file.read(len(piece)) == piece
            for offset in (position.offset, (position.offset + file.offset) // 2, file.offset):
                assert file.fingerprint(offset) == fingerprint_content(content, offset)
            position.offset = max(position.offset, content.rfind(b"\n", 0, file.offset) + 1)
            file.take_in()
            for offset in (position.offset, file.offset):
                assert file.fingerprint(offset) == fingerprint_content(content, offset)
        assert file.offset == len(content)


def test_a_head_and_a_tail_are_kept_of_a_file_and_no_piece() -> None:
    with file_of(CONTENT) as fd:
        file, position = begin_to_read(fd, 0)
        for length in (OFFSET, 1, len(CONTENT)):
            file.read(length)
            position.offset = file.offset
            file.take_in()
            assert [len(kept) for kept in (file.head, file.recent, file.chunk)] == [HEAD, TAIL, 0]


@pytest.mark.parametrize("offset", EDGES[:-1])
@pytest.mark.parametrize(
    ("content", "cut"),
    [
        pytest.param(CONTENT, False, id="untouched"),
        pytest.param(CONTENT + OTHER, False, id="grown"),
        pytest.param(b"", True, id="truncated"),
        pytest.param(OTHER, True, id="truncated and grown past the offset"),
        pytest.param(bytes(5000), True, id="truncated under a writer that goes on where it was"),
    ],
)
def test_the_bytes_before_the_offset_tell_a_file_that_was_truncated_between_two_looks(
    content: bytes, cut: bool, offset: int
) -> None:
    with file_of(CONTENT) as fd:
        file, _ = begin_to_read(fd, offset)
        os.truncate(fd, 0)
        os.pwrite(fd, content, 0)
        assert file.is_cut() is (cut and offset > 0)


def test_a_file_truncated_to_the_offset_is_not_cut_and_a_byte_less_is() -> None:
    with file_of(CONTENT) as fd:
        file, _ = begin_to_read(fd, OFFSET)
        os.truncate(fd, OFFSET)
        assert not file.is_cut()
        os.truncate(fd, OFFSET - 1)
        assert file.is_cut()
