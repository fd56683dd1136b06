"""A damaged, a monstrous or a foreign file ends no reading, fills no memory, and is never content as it stands."""

import errno
import os
import random
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from shuttle.core.fingerprint import HEAD
from shuttle.input.files.content import LiveContent, open_content
from shuttle.input.files.open_file import open_live
from shuttle.input.files.unpacked import STEP
from tests.helpers.compression import FORMATS, compress_zstd, make_text, note_taken

Compress = Callable[[bytes], bytes]

TEXT = make_text(6000)
MIB = 1024 * 1024


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def test_a_damaged_place_anywhere_is_told_of_and_what_stands_before_it_is_read(path: Path, compress: Compress) -> None:
    """Not told of is only what does not matter, as the time in the header of gzip."""
    whole = compress(TEXT)
    source = random.Random(1)
    for place in sorted(source.sample(range(10, len(whole)), 40)):
        path.write_bytes(whole[:place])
        with open_content(path) as content:
            before = content.read(0, len(TEXT))
        for damage in (bytes([whole[place] ^ 1 << source.randrange(8)]), source.randbytes(20), bytes(1000)):
            path.write_bytes(whole[:place] + damage + whole[place + len(damage) :])
            with open_content(path) as content:
                found = content.read(0, 10 * MIB)
                assert found.startswith(before)
                assert len(found) < 10 * MIB
                assert found == TEXT or content.damage or content.unfinished
                assert content.read(len(found), 1) == b""
                again = content.read(0, 10 * MIB)
                assert again.startswith(before), "behind the damaged place it may be more or less"


def test_all_but_a_step_before_a_damaged_place_far_into_the_file_is_read(path: Path, compress: Compress) -> None:
    """Random bytes are stored as they are, so that places in the end of the file are places in that of the content.

    Of bzip2 the whole block may be wrong, which has 900 kB: it tells of damage when it has given all of it.
    """
    data = bytes(5 * MIB) + random.Random(6).randbytes(30 * STEP)
    whole = bytearray(compress(data))
    whole[-15 * STEP : -14 * STEP] = bytes(STEP)
    path.write_bytes(whole)
    block = 1_000_000 if whole.startswith(b"BZh") else 3 * STEP
    with open_content(path) as content:
        found = content.read(0, len(data) + 1)
        assert found.startswith(data[: -15 * STEP - block])
        assert content.damage


@pytest.mark.parametrize(
    "tail", [b"some text\n", b"\0\0PK\3\4", bytes(1000) + b"x"], ids=["text", "zip", "behind zeros"]
)
def test_what_follows_a_stream_and_is_none_is_no_content(path: Path, compress: Compress, tail: bytes) -> None:
    path.write_bytes(compress(TEXT) + tail)
    with open_content(path) as content:
        assert content.read(0, MIB) == TEXT
        assert "something else follows" in content.damage


def test_a_bomb_is_read_in_pieces(path: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is held but the piece, and no more of the file is taken than that needs."""
    path.write_bytes(compress(bytes(64 * MIB)) * 200)
    with open_content(path) as content:
        taken = note_taken(monkeypatch)
        tracemalloc.start()
        try:
            for place in range(100):
                assert content.read(place * 4 * STEP, 4 * STEP) == bytes(4 * STEP)
            assert tracemalloc.get_traced_memory()[1] < 16 * MIB, "what the decompressor asks for, and the pieces"
        finally:
            tracemalloc.stop()
    assert sum(taken) < MIB


@pytest.mark.parametrize("passed_over", [False, True], ids=["read", "passed over"])
def test_files_of_which_nothing_is_to_be_read_take_no_memory(path: Path, compress: Compress, passed_over: bool) -> None:
    """Each asks for a megabyte, or several, as long as there is more of it."""
    path.write_bytes(compress(TEXT))
    opened = []
    tracemalloc.start()
    try:
        for _ in range(20):
            file = open_live(path)
            assert file
            opened.append(file)
            trail = file.read_trail(file.find_end() if passed_over else len(TEXT))
            assert trail.head == TEXT[:HEAD]
        assert tracemalloc.get_traced_memory()[0] < 2 * MIB
    finally:
        tracemalloc.stop()
        for file in opened:
            file.close()


@pytest.mark.parametrize(
    "make", [lambda empty: empty * 100_000, lambda empty: empty + bytes(100 * MIB)], ids=["streams", "zeros"]
)
def test_a_file_that_goes_on_without_content_is_given_up(
    path: Path, compress: Compress, make: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(make(compress(b"")) + compress(TEXT))
    with open_content(path) as content:
        taken = note_taken(monkeypatch)
        assert content.read(0, 1) == b""
        assert "without any content" in content.damage
    assert sum(taken) < 40 * MIB


def test_many_empty_streams_and_some_zeros_are_passed_over(path: Path, compress: Compress) -> None:
    path.write_bytes(compress(b"") * 500 + bytes(MIB) + compress(TEXT) + compress(b"") * 500 + bytes(MIB))
    with open_content(path) as content:
        assert content.read(0, MIB) == TEXT
        assert (content.damage, content.unfinished) == ("", False)


def make_greedy_xz() -> bytes:
    """Return a stream of xz whose block asks for a dictionary of 3 GiB."""
    stream = bytearray(FORMATS["xz"](TEXT))
    start = 12  # behind the header of the stream
    end = start + stream[start] * 4
    stream[start + 4] = 39
    stream[end : end + 4] = zlib.crc32(stream[start:end]).to_bytes(4, "little")
    return bytes(stream)


def make_greedy_zstd() -> bytes:
    """Return a frame of zstd that asks for a window of 1 GiB."""
    return bytes.fromhex("28b52ffd") + bytes([0, 20 << 3]) + bytes([1, 0, 0])


@pytest.mark.parametrize("make", [make_greedy_xz, make_greedy_zstd], ids=["xz", "zstd"])
def test_what_asks_for_too_much_memory_does_not_get_it(path: Path, make: Callable[[], bytes]) -> None:
    path.write_bytes(make())
    with open_content(path) as content:
        assert content.read(0, 1) == b""
        assert "emory" in content.damage


FOREIGN = {
    "zip": b"PK\x03\x04\x14\x00",
    "lz4": b"\x04\x22\x4d\x18\x64\x40",
    "compress": b"\x1f\x9d\x90",
    "7-zip": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "RAR": b"Rar!\x1a\x07\x01\x00",
    "lzma": b"\x5d\x00\x00\x80\x00",
    "lzip": b"LZIP\x01\x0c",
    "lzop": b"\x89LZO\x00\r\n\x1a\n",
    "snappy": b"\xff\x06\x00\x00sNaPpY",
    "GnuPG": b"\x8c\x0d\x04\x09\x03\x02",
    "age": b"age-encryption.org/v1\n-> X25519 ",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_cannot_be_decompressed_is_no_content(path: Path, name: str) -> None:
    path.write_bytes(FOREIGN[name] + b"\n\0\xff" * 100)
    with pytest.raises(OSError, match=f"^.Errno {errno.EOPNOTSUPP}. it is {name} data") as caught:
        open_content(path)
    assert caught.value.errno == errno.EOPNOTSUPP


def test_what_cannot_be_decompressed_and_is_written_to_an_empty_file_is_no_content(path: Path) -> None:
    with path.open("wb", buffering=0) as file, LiveContent(os.open(path, os.O_RDONLY)) as content:
        file.write(FOREIGN["zip"])
        for _ in range(2):
            assert content.read(0, 100) == content.read(3, 100) == b""
            assert "it is zip data" in content.damage
            assert not content.unfinished
        os.truncate(path, 0)
        path.write_bytes(b"some line\n")
        assert content.read(0, 100) == b"some line\n"
        assert content.damage == ""


def test_zstd_is_no_content_without_the_package_which_the_error_names(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd", None)
    path.write_bytes(compress_zstd(TEXT))
    with pytest.raises(OSError, match=r"install the package backports\.zstd to have it decompressed"):
        open_content(path)
