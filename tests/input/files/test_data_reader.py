"""Data are told from zeros that are in no line, by the content whatever the pieces, and where that fails by holes."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.input.files.content import Content, seek
from shuttle.input.files.data_reader import AT_ONCE, LONGEST, SHORT, DataReader, Gap
from shuttle.input.files.open_file import FileState, OpenFile, open_live
from shuttle.input.files.zeros import find_end_of_data
from tests.helpers.system_calls import system_calls

CHUNK = 64 * 1024
RUNS = st.tuples(
    st.just(b"\0"), st.sampled_from([1, 2, SHORT - 1, SHORT, SHORT + 1, 4096, 5000, CHUNK, LONGEST, LONGEST + 1])
)
TEXTS = st.tuples(st.sampled_from([b"\n", b"line", b"line\n", b"name\0value\n", b"\n\0\n"]), st.sampled_from([1, 700]))
CONTENTS = st.lists(RUNS | TEXTS, max_size=8)
LENGTHS = st.lists(st.sampled_from([1, 7, SHORT, 4096, 5000, CHUNK]), min_size=1, max_size=4)


class Packed(Content):
    """Says that a file is compressed, and no more."""

    packed = True

    def __init__(self) -> None:
        pass


class Memory:
    """A file in memory, with what was read of it. One that is packed can only be read forward."""

    def __init__(self, content: bytes, *, packed: bool = False) -> None:
        self.content = content
        self.changed = 0
        self.reads: list[tuple[int, int]] = []
        self._packed = packed
        self._position = 0

    def open(self) -> OpenFile:
        content = Packed() if self._packed else None
        return OpenFile((1, 1), FileState.LIVE, self.read_at, self.stat, lambda: None, content)

    def read_at(self, offset: int, length: int) -> bytes:
        assert not self._packed or offset >= self._position, "it would be decompressed again from its top"
        data = self.content[offset : offset + length]
        self._position = offset + len(data)
        self.reads.append((offset, len(data)))
        return data

    def stat(self) -> os.stat_result:
        return os.stat_result((0, 0, 0, 0, 0, 0, len(self.content), 0, 0, 0), {"st_ctime_ns": self.changed})


class Parts(NamedTuple):
    data: list[tuple[int, bytes]]
    """Where they stand, and what they are; what follows without a gap is one."""
    gaps: list[Gap]
    end: int
    """What is behind it is blank."""


def read(reader: DataReader, lengths: list[int], *, cut_at: int = 0) -> Parts:
    data: list[tuple[int, bytes]] = []
    gaps: list[Gap] = []
    offset = turn = 0
    while True:
        part = reader.read(offset, lengths[turn % len(lengths)], cut_at=cut_at)
        turn += 1
        if part:
            if data and data[-1][0] + len(data[-1][1]) == offset:
                part = data[-1][1] + part
                data[-1] = (data[-1][0], part)
            else:
                data.append((offset, part))
            offset = data[-1][0] + len(part)
        elif reader.gap is None:
            return Parts(data, gaps, offset)
        elif reader.gap.known:
            gaps.append(reader.gap)
            offset = reader.gap.end


def expect(content: bytes) -> Parts:
    """Return the parts by the definition."""
    end = len(content.rstrip(b"\0"))
    runs = [one.span() for one in re.finditer(rb"\0{%d,}(?!\Z)" % SHORT, content[:end])]
    gaps = [Gap(*span) for span in runs if content[span[1] :][:1] != b"\n" or span[1] - span[0] > LONGEST]
    edges = [0, *(edge for gap in gaps for edge in gap[:2]), end]
    data = [(start, content[start:end]) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
    return Parts(data, gaps, end)


@pytest.mark.parametrize("packed", [False, True])
@given(CONTENTS, LENGTHS)
def test_data_are_told_from_zeros_whatever_the_pieces(
    packed: bool, parts: list[tuple[bytes, int]], lengths: list[int]
) -> None:
    content = b"".join(part * count for part, count in parts)
    least = len(content) // 100
    reader = DataReader(Memory(content, packed=packed).open())
    assert read(reader, [max(length, least) for length in lengths]) == expect(content)


def test_a_file_without_zeros_is_read_as_it_is_asked_for() -> None:
    file = Memory(b"line\n" * 50_000)
    parts = read(DataReader(file.open()), [CHUNK])
    assert parts.data == [(0, file.content)]
    assert [length for _, length in file.reads] == [CHUNK, CHUNK, CHUNK, len(file.content) - 3 * CHUNK, 0]


def test_little_is_read_between_gaps_that_are_close_together() -> None:
    file = Memory((b"line\n" + bytes(1019)) * 5000 + b"line\n" * 50_000)
    assert len(read(DataReader(file.open()), [CHUNK]).gaps) == 5000
    assert sum(length for _, length in file.reads) < 12 * len(file.content)
    assert file.reads[-2][1] > CHUNK // 2


@pytest.mark.parametrize("zeros", [310, 311, 5000])
def test_as_many_zeros_as_were_written_begin_a_truncated_file(zeros: int) -> None:
    reader = DataReader(Memory(bytes(zeros) + b"\nline\n").open())
    assert read(reader, [CHUNK], cut_at=310).gaps == [Gap(0, zeros)]


@pytest.mark.parametrize("content", [bytes(309) + b"line\n", b"a\n" + bytes(310) + b"line\n"])
def test_fewer_or_later_zeros_of_a_truncated_file_are_data(content: bytes) -> None:
    reader = DataReader(Memory(content).open())
    assert read(reader, [CHUNK], cut_at=310).data == [(0, content)]


def test_a_line_of_zeros_may_be_as_long_as_a_line() -> None:
    content = bytes(LONGEST) + b"\n"
    assert read(DataReader(Memory(content).open()), [CHUNK]).data == [(0, content)]
    assert read(DataReader(Memory(b"\0" + content).open()), [CHUNK]).gaps == [Gap(0, LONGEST + 1)]


@pytest.mark.parametrize("packed", [False, True])
def test_zeros_without_end_are_looked_at_in_steps(packed: bool) -> None:
    file = Memory(bytes(3 * AT_ONCE) + b"line\n", packed=packed)
    reader = DataReader(file.open())
    ends: list[int] = []
    while not (gap := reader.gap) or not gap.known:
        assert reader.read(0, CHUNK) == b""
        assert sum(length for _, length in file.reads) <= AT_ONCE + 8 * CHUNK
        file.reads.clear()
        assert reader.gap
        ends.append(reader.gap.end)
    assert gap == Gap(0, 3 * AT_ONCE)
    assert len(ends) == 3
    assert ends == sorted(set(ends))


@pytest.mark.parametrize("place", [AT_ONCE // 2, 2000])
def test_blank_zeros_are_looked_at_again_when_the_file_has_changed(place: int) -> None:
    file = Memory(b"line\n" + bytes(AT_ONCE))
    reader = DataReader(file.open())
    reader.read(0, CHUNK)
    for _ in range(2):
        while not reader.read(5, CHUNK) and reader.gap:
            pass
    assert reader.is_blank(5, len(file.content))
    assert not reader.is_blank(5, len(file.content) + 1)
    assert not reader.is_blank(6, len(file.content))
    file.reads.clear()
    assert reader.read(5, CHUNK) == b""
    assert [offset for offset, _ in file.reads] == [5]
    file.content = file.content[:place] + b"x" + file.content[place + 1 :]
    file.changed += 1
    assert reader.read(5, CHUNK) == b""
    assert reader.gap == Gap(5, place)
    assert not reader.is_blank(5, len(file.content))


def test_what_overwrites_blank_zeros_from_the_front_costs_no_look_at_the_rest() -> None:
    """Until the file is found unchanged: something else may have been written elsewhere at the same time."""
    file = Memory(bytes(8 * CHUNK))
    reader = DataReader(file.open())
    assert reader.read(0, CHUNK) == b""
    file.content = b"one\n" + bytes(4 * CHUNK - 4) + b"far\n" + bytes(4 * CHUNK - 4)
    file.changed += 1
    file.reads.clear()
    assert reader.read(0, CHUNK) == b"one\n"
    assert reader.read(4, CHUNK) == b""
    assert reader.gap is None
    assert sum(length for _, length in file.reads) <= 2 * CHUNK
    assert reader.read(4, CHUNK) == b""
    assert reader.gap == Gap(4, 4 * CHUNK)


def test_blank_zeros_of_a_file_that_grows_are_looked_at() -> None:
    file = Memory(bytes(2 * CHUNK))
    reader = DataReader(file.open())
    assert reader.read(0, CHUNK) == b""
    file.content = b"one\n" + bytes(2 * CHUNK - 4) + b"more\n"
    file.changed += 1
    assert reader.read(0, CHUNK) == b"one\n"
    assert reader.read(4, CHUNK) == b""
    assert reader.gap == Gap(4, 2 * CHUNK)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def opened(path: Path) -> Iterator[OpenFile]:
    path.touch()
    opened = open_live(path)
    assert opened
    with closing(opened):
        yield opened


def put(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


@pytest.mark.parametrize("behind", [b"line\n", b"\n"])
def test_a_hole_of_a_terabyte_is_jumped_over(opened: OpenFile, path: Path, behind: bytes) -> None:
    put(path, 1 << 40, behind)
    with system_calls(path.parent) as calls:
        assert read(DataReader(opened), [CHUNK]).gaps == [Gap(0, 1 << 40)]
    assert calls.counts.total() < 20


def test_a_terabyte_of_room_is_waited_in(opened: OpenFile, path: Path) -> None:
    put(path, 0, b"line\n")
    os.truncate(path, 1 << 40)
    with system_calls(path.parent) as calls:
        assert read(DataReader(opened), [CHUNK]) == Parts([(0, b"line\n")], [], 5)
        assert find_end_of_data(opened.read_at, 1 << 40) == 5
    assert calls.counts.total() < 60


def test_a_newline_behind_a_hole_is_an_empty_line(opened: OpenFile, path: Path) -> None:
    put(path, 0, b"line\n")
    put(path, 40_000, b"\nline\n")
    assert read(DataReader(opened), [CHUNK]).gaps == [Gap(5, 40_000)]


def test_a_newline_behind_zeros_that_were_written_ends_a_line(opened: OpenFile, path: Path) -> None:
    content = b"line\n" + bytes(40_000) + b"\nline\n"
    path.write_bytes(content)
    assert read(DataReader(opened), [CHUNK]).data == [(0, content)]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_that_knows_no_holes_has_data_everywhere(
    opened: OpenFile, path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_fd: int, _offset: int, _whence: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "lseek", refuse)
    put(path, 40_000, b"\nline\n")
    assert read(DataReader(opened), [CHUNK]).data == [(0, path.read_bytes())]
    put(path, 3 * CHUNK, b"line\n")
    assert read(DataReader(opened), [CHUNK]).gaps == [Gap(40_006, 3 * CHUNK)]


def test_a_file_that_cannot_be_asked_raises_the_system_error(opened: OpenFile) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        seek(1 << 20, 0, os.SEEK_DATA)
    assert opened.seek(10, os.SEEK_DATA) == 10  # behind the end


@given(st.integers(0, 30_000), st.integers(0, 70_000), st.booleans())
def test_the_end_of_data_is_found(data: int, zeros: int, full: bool) -> None:
    content = b"line of text\n" * (data // 13 + full) + bytes(zeros)
    file = Memory(content)
    assert find_end_of_data(file.read_at, len(content)) == len(content.rstrip(b"\0"))
    assert len(file.reads) < 20
