"""What a file holds is read at any offset, compressed or not, and while it is being written."""

import gzip
import lzma
import os
import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shuttle.core.fingerprint import is_same_content
from shuttle.input.files.content import Content, LiveContent, open_content, read_at
from shuttle.input.files.open_file import open_live
from shuttle.input.files.unpacked import END, STEP
from tests.helpers.compression import compress_zstd, make_text, note_taken
from tests.helpers.fingerprints import fingerprint_content

Compress = Callable[[bytes], bytes]

OLD, NEW = (random.Random(seed).randbytes(5000) for seed in range(1, 3))
OFFSET = 3000
TEXT = make_text()
TOLD = 10  # bytes after which each of the formats is told from text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def read_to_the_end(content: Content, piece: int = 1 << 20) -> bytes:
    """Return the content, and see that it is the same when it is read once more."""
    found = bytearray()
    while data := content.read(len(found), piece):
        found += data
    assert content.read(0, piece) == found[:piece]
    return bytes(found)


def test_a_format_is_recognized_by_content_not_by_name(path: Path, compress: Compress) -> None:
    for name, data, packed in (("1", compress(OLD), True), ("1.gz", OLD, False), ("2.gz", b"", False)):
        path.with_name(name).write_bytes(data)
        with open_content(path.with_name(name)) as content:
            assert content.packed is packed
            assert content.read(0, len(OLD)) == (OLD if data else b"")


def test_an_empty_content_is_empty(path: Path, compress: Compress) -> None:
    path.write_bytes(compress(b""))
    with open_content(path) as content:
        assert content.packed
        assert content.read(0, 1) == b""
        assert (content.damage, content.unfinished) == ("", False)


@pytest.fixture(scope="module")
def streams(compress: Compress) -> bytes:
    """The same content in several streams, with zeros between them."""
    return compress(OLD[:2000]) + bytes(512) + compress(b"") + compress(OLD[2000:]) + bytes(512)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5100), st.integers(0, 5100)), max_size=6))
def test_content_is_read_at_any_offset(streams: bytes, reads: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "app.log.1")
        for data in (OLD, streams):
            path.write_bytes(data)
            with open_content(path) as content:
                for offset, length in reads:
                    assert content.read(offset, length) == OLD[offset : offset + length]
                assert (content.damage, content.unfinished) == ("", False)


@pytest.mark.parametrize("piece", [1, 7, 1000, 1 << 20])
def test_content_is_read_forward_in_pieces_of_any_size(path: Path, compress: Compress, piece: int) -> None:
    path.write_bytes(compress(TEXT[:3000]))
    with open_content(path) as content:
        assert read_to_the_end(content, piece) == TEXT[:3000]


def test_content_larger_than_a_step_is_read_whole(path: Path, compress: Compress) -> None:
    data = random.Random(5).randbytes(3 * STEP + 17)
    path.write_bytes(compress(data))
    with open_content(path) as content:
        assert content.read(0, 10 * STEP) == data
        assert content.read(2 * STEP, STEP) == data[2 * STEP : 3 * STEP]
        assert content.read(10 * STEP, 1) == b""
        assert (content.damage, content.unfinished) == ("", False)


def test_whoever_looks_for_more_reads_no_byte_of_the_file_twice(
    path: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a byte and then a piece from there on, as files are read that may have grown."""
    data = compress(random.Random(5).randbytes(10 * STEP))
    path.write_bytes(data)
    with open_content(path) as content:
        taken = note_taken(monkeypatch)
        offset = 0
        while content.read(offset, 1):
            offset += len(content.read(offset, STEP))
        assert offset == 10 * STEP
    assert sum(taken) < len(data) * 1.01


def test_who_recognizes_a_file_and_reads_on_reads_no_byte_of_it_twice(
    path: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = random.Random(5).randbytes(10 * STEP)
    path.write_bytes(compress(data))
    opened = open_live(path)
    assert opened
    taken = note_taken(monkeypatch)
    assert is_same_content(fingerprint_content(data, 8 * STEP), opened.read_at)
    opened.read_trail(8 * STEP)
    assert opened.read_at(8 * STEP, 10 * STEP) == data[8 * STEP :]
    opened.close()
    assert sum(taken) < len(data) * 1.01


def test_a_file_cut_off_anywhere_gives_what_is_there(path: Path, compress: Compress) -> None:
    data = TEXT[:3000]
    whole = compress(data)
    given_before = 0
    for size in sorted({*range(TOLD, len(whole), 5), *range(len(whole) - 20, len(whole))}):
        path.write_bytes(whole[:size])
        with open_content(path) as content:
            found = read_to_the_end(content)
            assert data.startswith(found)
            assert len(found) >= given_before
            given_before = len(found)
            assert content.unfinished
            assert not content.damage
            assert content.read(10, 100) == found[10:110]
    assert given_before == len(data), "only the trailer is missing"


def test_a_file_cut_off_gives_nearly_all_that_is_there(path: Path, compress: Compress) -> None:
    """Up to the last whole block; those of bzip2 are the largest, with 900 kB."""
    text = make_text(2_000_000)
    whole = compress(text)
    for part in (0.6, 0.9, 0.999):
        path.write_bytes(whole[: int(len(whole) * part)])
        with open_content(path) as content:
            assert len(content.read(0, len(text))) > len(text) * part - 1_000_000


def test_a_file_is_read_while_it_is_written_byte_by_byte(path: Path, compress: Compress) -> None:
    """Another stream is appended when the first has ended."""
    whole = compress(TEXT[:2000]) + compress(TEXT[2000:2500])
    found = b""
    with path.open("wb", buffering=0) as file, LiveContent(os.open(path, os.O_RDONLY)) as content:
        file.write(whole[:TOLD])
        for place in range(TOLD, len(whole)):
            found += content.read(len(found), 1 << 20)
            assert TEXT.startswith(found)
            file.write(whole[place : place + 1])
        found += content.read(len(found), 1 << 20)
        assert found == TEXT[:2500]
        assert (content.damage, content.unfinished) == ("", False)


@pytest.mark.parametrize("compressed", [gzip.compress(OLD), lzma.compress(OLD)], ids=["gzip", "xz"])
def test_the_first_bytes_of_a_format_are_no_content(path: Path, compressed: bytes) -> None:
    """They are no text."""
    with path.open("wb", buffering=0) as file, LiveContent(os.open(path, os.O_RDONLY)) as content:
        assert (content.read(0, 100), content.unfinished, content.find_end()) == (b"", False, 0)
        for place in range(1, len(compressed) + 1):
            file.write(compressed[place - 1 : place])
            assert OLD.startswith(content.read(0, 10_000))
            assert content.unfinished is (place < len(compressed))
        assert content.read(0, 10_000) == OLD


@pytest.mark.parametrize(
    "text", [b"B", b"BZh9", b"BZh91AY", b"PK", b"P*", b"(", b"LZIP", b"age-encryption.org/v1", b"7z"]
)
def test_text_that_begins_as_a_format_does_is_content(path: Path, text: bytes) -> None:
    """Nothing more may ever be written behind it."""
    path.write_bytes(text)
    with open_content(path) as content:
        assert content.read(0, 100) == text
        assert not content.unfinished
    path.write_bytes(text + b" and more text\n")
    with open_content(path) as content:
        assert content.read(0, 100) == text + b" and more text\n"


def test_what_the_content_is_shows_whenever_its_top_is_read(path: Path, compress: Compress) -> None:
    """A live file may be empty when it is opened, and be truncated and written anew."""
    texts = [b"", TEXT, compress(TEXT), compress(OLD), compress_zstd(NEW), TEXT, b"", compress(TEXT)]
    contents = [b"", TEXT, TEXT, OLD, NEW, TEXT, b"", TEXT]
    with path.open("wb", buffering=0) as file, LiveContent(os.open(path, os.O_RDONLY)) as content:
        for data, expected in zip(texts, contents, strict=True):
            file.seek(0)
            file.truncate()
            file.write(data)
            assert read_to_the_end(content) == expected
            assert content.packed is (data != expected)


def test_a_compressed_file_that_was_replaced_in_place_is_cut(path: Path, compress: Compress) -> None:
    path.write_bytes(compress(OLD))
    with open_content(path) as content:
        assert not content.is_cut()
        content.read(0, 100)
        assert not content.is_cut()
        with path.open("ab") as file:
            file.write(compress(NEW))
        assert not content.is_cut()
        path.write_bytes(compress(NEW) + compress(OLD))
        assert content.is_cut()
        os.truncate(path, 20)
        assert content.is_cut()


def test_the_end_of_a_compressed_file_is_passed_over_unread(path: Path, compress: Compress) -> None:
    path.write_bytes(compress(TEXT))
    with open_content(path) as content:
        end = content.find_end()
        assert end == END
        assert content.read(end, 100) == content.read(end - 256, 256) == b""
        assert content.count_left(end) == 0
    path.write_bytes(TEXT)
    with open_content(path) as content:
        assert content.find_end() == len(TEXT)
        assert content.count_left(1000) == len(TEXT) - 1000


def test_what_is_left_of_a_compressed_file_are_bytes_on_the_disk(path: Path, compress: Compress) -> None:
    data = random.Random(5).randbytes(10 * STEP)
    path.write_bytes(compress(data))
    size = path.stat().st_size
    with open_content(path) as content:
        assert content.count_left(0) == size
        content.read(0, 5 * STEP)
        assert 0 < content.count_left(5 * STEP) <= size
        content.read(5 * STEP, 10 * STEP)
        assert content.count_left(len(data)) == 0


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
