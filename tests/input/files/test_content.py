"""What a file holds is read at any offset, compressed or not, and up to a damaged place."""

import gzip
import os
import random
import tempfile
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.core.fingerprint import is_same_content
from shuttle.input.files.content import STEP, open_content, read_at
from tests.helpers.fingerprints import fingerprint_content

OLD, NEW = (random.Random(seed).randbytes(5000) for seed in range(1, 3))
OFFSET = 3000

with_each_decompressor = pytest.mark.usefixtures("_decompressor")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@with_each_decompressor
def test_gzip_is_recognized_by_content_not_by_name(path: Path) -> None:
    for name, data, packed in (("1", gzip.compress(OLD), True), ("1.gz", OLD, False), ("2.gz", b"", False)):
        path.with_name(name).write_bytes(data)
        with open_content(path.with_name(name)) as content:
            assert content.packed is packed
            assert content.read(0, len(OLD)) == (OLD if data else b"")


@with_each_decompressor
@given(st.lists(st.tuples(st.integers(0, 5100), st.integers(0, 5100)), max_size=6))
def test_content_is_read_at_any_offset(reads: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "app.log.1")
        for data in (OLD, gzip.compress(OLD), gzip.compress(OLD[:2000]) + gzip.compress(OLD[2000:]) + bytes(512)):
            path.write_bytes(data)
            with open_content(path) as content:
                for offset, length in reads:
                    assert content.read(offset, length) == OLD[offset : offset + length]
                assert not content.broken


@with_each_decompressor
def test_content_larger_than_a_step_is_read_whole(path: Path) -> None:
    data = random.Random(5).randbytes(3 * STEP + 17)
    path.write_bytes(gzip.compress(data, 1))
    with open_content(path) as content:
        assert content.read(0, 10 * STEP) == data
        assert content.read(2 * STEP, STEP) == data[2 * STEP : 3 * STEP]
        assert content.read(10 * STEP, 1) == b""
        assert not content.broken


@with_each_decompressor
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_gz_cut_off_gives_what_is_there(path: Path, part: float) -> None:
    lines = b"".join(b"line %d of some\n" % number for number in range(100_000))
    packed = gzip.compress(lines)
    path.write_bytes(packed[: int(len(packed) * part)])
    with open_content(path) as content:
        data = content.read(0, 2 * len(lines))
        assert content.broken
        assert lines.startswith(data)
        assert len(data) > len(lines) * part * 0.8
        assert content.read(len(data), 100) == b""
        assert content.read(10, 100) == data[10:110]  # from the beginning again


@with_each_decompressor
@pytest.mark.parametrize("missing", range(1, 9))
def test_a_gz_without_its_trailer_is_read_whole(path: Path, missing: int) -> None:
    path.write_bytes(gzip.compress(OLD)[:-missing])
    with open_content(path) as content:
        assert content.read(0, len(OLD)) == OLD
        assert content.read(len(OLD), 1) == b""
        assert content.broken


@with_each_decompressor
def test_content_before_a_damaged_place_is_read(path: Path) -> None:
    data = random.Random(6).randbytes(8 * STEP)  # stored as it is, so that places in the file are places in the content
    packed = bytearray(gzip.compress(data))
    place = 5 * STEP
    packed[place : place + 64 * 1024] = b"\xff" * 64 * 1024
    path.write_bytes(packed)
    with open_content(path) as content:
        found = content.read(0, len(data) + 1)
        assert content.broken
        assert found[: place - STEP] == data[: place - STEP]


@with_each_decompressor
@given(st.lists(st.tuples(st.integers(2, 400), st.integers(0, 255)), min_size=1, max_size=5), st.integers(2, 400))
def test_reading_a_damaged_gz_always_ends(damages: list[tuple[int, int]], size: int) -> None:
    packed = bytearray(gzip.compress(b"".join(b"line %d\n" % number for number in range(200))))
    for place, value in damages:
        packed[place % len(packed) or 2] = value
    packed[:2] = b"\x1f\x8b"
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "app.log.1.gz")
        path.write_bytes(packed[:size])
        with open_content(path) as content:
            found = content.read(0, 1_000_000)
            assert content.read(len(found), 1) == b""
            assert content.read(0, 1_000_000) == found


def test_only_a_regular_file_has_content(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file"):
        open_content(path)
    with pytest.raises(IsADirectoryError):
        open_content(path.parent)
    with pytest.raises(FileNotFoundError):
        open_content(path.with_name("nothing"))


def test_a_short_read_is_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pread = os.pread
    path.write_bytes(OLD)
    with path.open("rb") as file:
        read = partial(read_at, file.fileno())
        monkeypatch.setattr(os, "pread", lambda fd, length, offset: pread(fd, min(length, 100), offset))
        assert is_same_content(fingerprint_content(OLD, OFFSET), read)
        assert read(4000, 5000) == OLD[4000:]
