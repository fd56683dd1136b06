"""Compresses as rotation does, in every format that the agent reads."""

import bz2
import gzip
import lzma
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

_BLOCK = 100_000  # bytes; a block of zstd has at most 128 KiB
_MAGIC = bytes.fromhex("28b52ffd")
_SINGLE_SEGMENT = bytes([0b1010_0000])  # the size of the content follows in four bytes, and no window


def compress_zstd(data: bytes) -> bytes:
    """Return a frame of zstd (RFC 8878) whose blocks are raw: valid, and made without any package."""
    pieces = [data[start : start + _BLOCK] for start in range(0, len(data), _BLOCK)] or [b""]
    blocks = [
        (len(piece) << 3 | (number == len(pieces))).to_bytes(3, "little") + piece
        for number, piece in enumerate(pieces, 1)
    ]
    return _MAGIC + _SINGLE_SEGMENT + len(data).to_bytes(4, "little") + b"".join(blocks)


FORMATS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": partial(bz2.compress, compresslevel=1),  # blocks of 100 kB: nothing of one is read until all of it is there
    "zst": compress_zstd,
}
"""What compresses, by the ending of the name."""


def make_text(size: int = 100_000) -> bytes:
    """Return lines that compress as those of a log do, about `size` bytes of them."""
    source = random.Random(size)
    return b"".join(b"line %d took %d ms\n" % (number, source.randrange(1000)) for number in range(size // 22))


def compress_checked_zstd(data: bytes) -> bytes:
    """Return a frame of zstd as the command makes it: compressed, and with a checksum."""
    zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    compressed: bytes = zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})
    return compressed


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip by isal": gzip.compress,
    "gzip by zlib": gzip.compress,
    "xz": partial(lzma.compress, preset=1),
    "bzip2": bz2.compress,
    "zstd": compress_checked_zstd,
}
"""What compresses, by the format and what it is decompressed with."""


@contextmanager
def packing(name: str) -> Iterator[Callable[[bytes], bytes]]:
    """Return what compresses, and let that which `name` names decompress."""
    with pytest.MonkeyPatch.context() as patch:
        if name.endswith("isal"):
            pytest.importorskip("isal")
        elif name.endswith("zlib"):
            patch.setitem(sys.modules, "isal", None)
        yield PACKERS[name]


def note_taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many bytes each `os.pread` has read from now on."""
    pread = os.pread
    taken: list[int] = []

    def note(fd: int, length: int, offset: int) -> bytes:
        data = pread(fd, length, offset)
        taken.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", note)
    return taken


def pack(path: Path, ending: str) -> Path:
    """Put a compressed file in place of the file, and return its path."""
    packed = path.with_name(f"{path.name}.{ending}")
    packed.write_bytes(FORMATS[ending](path.read_bytes()))
    path.unlink()
    return packed
