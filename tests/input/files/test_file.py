"""While a file is read, it knows its fingerprint and whether it was truncated without reading it again."""

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.fingerprint import HEAD, TAIL
from shuttle.core.lines import NewlineSplitter
from shuttle.core.position import Position
from shuttle.delivery.source import Source
from shuttle.input.files.content import LiveContent
from shuttle.input.files.data_reader import Gap
from shuttle.input.files.file import File
from shuttle.input.files.open_file import FileState, OpenFile
from tests.helpers.chunks import cut_at
from tests.helpers.fingerprints import fingerprint_content

CONTENT = random.Random(1).randbytes(5000).replace(b"\0", b"\n")
OTHER = random.Random(2).randbytes(5000)
OFFSET = 3000
EDGES = (0, 1, TAIL - 1, TAIL, TAIL + 1, HEAD - 1, HEAD, HEAD + 1, HEAD + TAIL, 4999, 5000)


@contextmanager
def file_of(content: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.fileno()


def begin_to_read(fd: int, offset: int) -> tuple[File, Position]:
    """Return the open file `fd`, which is read from `offset` on, and how far it is in lines."""
    opened = OpenFile((1, 2), FileState.LIVE, LiveContent(fd).read, partial(os.fstat, fd), lambda: None)
    position = Position(1, offset)
    source = Source(NewlineSplitter(HEAD), position=position)
    file = File(Path("app.log"), opened, source, grown=0.0)
    file.begin(source, opened.read_trail(offset))
    return file, position


@given(st.integers(0, len(CONTENT)), st.sampled_from(EDGES), st.lists(st.integers(0, len(CONTENT)), max_size=12))
def test_a_fingerprint_is_known_wherever_a_batch_may_end(end: int, start: int, places: list[int]) -> None:
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


def test_a_file_keeps_its_head_and_tail_and_no_chunk() -> None:
    with file_of(CONTENT) as fd:
        file, position = begin_to_read(fd, 0)
        for length in (OFFSET, 1, len(CONTENT)):
            file.read(length)
            position.offset = file.offset
            file.take_in()
            assert [len(kept) for kept in (file.kept.head, file.kept.recent, file.kept.chunk)] == [HEAD, TAIL, 0]


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
def test_the_bytes_before_the_offset_show_a_truncation(content: bytes, cut: bool, offset: int) -> None:
    with file_of(CONTENT) as fd:
        file, _ = begin_to_read(fd, offset)
        os.truncate(fd, 0)
        os.pwrite(fd, content, 0)
        assert file.is_cut() is (cut and offset > 0)


def test_a_file_is_cut_only_below_the_offset() -> None:
    with file_of(CONTENT) as fd:
        file, _ = begin_to_read(fd, OFFSET)
        os.truncate(fd, OFFSET)
        assert not file.is_cut()
        os.truncate(fd, OFFSET - 1)
        assert file.is_cut()


@given(st.sampled_from([0, 1, TAIL, HEAD, 3000]), st.sampled_from([HEAD // 2, HEAD, 9000]), st.booleans())
def test_a_fingerprint_is_known_on_both_sides_of_a_gap(before: int, zeros: int, partial: bool) -> None:
    """A batch may end at the line before it, long after the reading has passed over it."""
    content = CONTENT[:before] + bytes(zeros) + b"x" * 2000
    with file_of(content) as fd:
        file, position = begin_to_read(fd, 0)
        assert file.read(5000) == content[:before]
        position.offset = before
        file.take_in()
        assert file.read(5000) == b""
        assert file.gap
        assert file.pass_over(file.gap, 1000 if partial else 5000) == b"x" * (1000 if partial else 2000)
        assert position.offset == before + zeros
        if partial:
            file.take_in()
            file.read(5000)
        position.offset = file.offset
        for offset in (before, file.offset):
            assert file.fingerprint(offset) == fingerprint_content(content, offset)
        file.take_in()
        for offset in (before, file.offset):
            assert file.fingerprint(offset) == fingerprint_content(content, offset)


def test_lines_beside_gaps_are_counted_as_they_are_read() -> None:
    """A gap ends a line that has no newline."""
    content = b"one\ntwo" + bytes(5000) + b"three\n" + bytes(600) + b"four" + bytes(600)
    with file_of(content) as fd:
        file, position = begin_to_read(fd, 0)
        file.count_unread()
        assert (file.counted, file.count_lost()) == (len(content) - 600, 4)
        for data, taken, lost in (
            (b"one\ntwo", 4, 2),
            (b"", 7, 2),
            (b"three\n", 5013, 1),
            (b"", 5013, 1),
            (b"four", 5613, 0),
        ):
            assert (file.read(100) if file.gap is None else file.pass_over(file.gap, 100)) == data
            position.offset = taken
            file.take_in()
            assert file.count_lost() == lost
        assert not file.is_cut()
        assert not file.has_uncounted


def test_zeros_behind_the_data_can_be_cut_off() -> None:
    with file_of(b"one\n" + bytes(9000)) as fd:
        file, _ = begin_to_read(fd, 0)
        file.count_unread()
        assert not file.is_cut()
        os.truncate(fd, 4)
        assert not file.is_cut()
        os.truncate(fd, 3)
        assert file.is_cut()


def test_zeros_behind_the_data_are_not_left_to_read() -> None:
    with file_of(b"one\n" + bytes(9000)) as fd:
        file, _ = begin_to_read(fd, 0)
        assert (file.count_left(), file.has_more()) == (9004, True)
        assert file.read(100) == b"one\n"
        assert (file.count_left(), file.has_more()) == (9000, True)
        assert file.read(100) == b""
        assert (file.count_left(), file.has_more()) == (0, False)
        os.pwrite(fd, b"two\n", 9004)
        assert (file.count_left(), file.has_more()) == (9004, True)
        file.read(100)
        assert file.gap == Gap(4, 9004)


def test_a_file_overwritten_from_the_front_has_more_until_it_was_looked_at() -> None:
    with file_of(bytes(9000)) as fd:
        file, _ = begin_to_read(fd, 0)
        assert file.read(100) == b""
        assert not file.has_more()
        os.pwrite(fd, b"one\n", 0)
        os.utime(fd, (1, 1))  # within a tick of the clock the time of a change may be the same
        assert file.has_more()
        assert file.read(100) == b"one\n"
        for more in (True, True, False):
            assert file.has_more() is more
            assert file.read(100) == b""
