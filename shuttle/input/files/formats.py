"""Formats of compressed files: known by the bytes at the top of a file, whatever its name."""

import errno
from collections.abc import Callable
from typing import NamedTuple

from shuttle.input.files.decompressors import Codec, load_bzip2, load_gzip, load_xz, load_zstd
from shuttle.system import is_single_file

_PRINTABLE = range(0x20, 0x7F)


class UnsupportedFormatError(OSError):
    """A file cannot be decompressed: nothing here does that."""


class Format(NamedTuple):
    """A format, and how it is known."""

    name: str
    magics: tuple[bytes, ...]
    """The bytes with which a file begins, and so does each of the streams that it is made of."""
    ending: str = ""
    """With which rotation ends the names of such files; empty if it makes none."""
    load: Callable[[], Codec] | None = None
    """Returns what decompresses it; None if nothing does. Raises ImportError without the package that it needs."""
    package: str = ""
    """That package."""
    since: str = ""
    """The Python whose standard library does it."""

    def open(self) -> Codec:
        """Return what decompresses it.

        Raises:
            UnsupportedFormatError: Nothing does.
        """
        try:
            if self.load:
                return self.load()
        except ImportError:
            advice = f"install the package {self.package} to have it decompressed"
            if is_single_file():
                advice = f"the single file needs Python {self.since} or later for that; or install log-shuttle with pip"
            error = f"it is compressed by {self.name}: {advice}"
            raise UnsupportedFormatError(errno.EOPNOTSUPP, error) from None
        error = f"it is {self.name} data, which is neither decompressed nor sent as it stands"
        raise UnsupportedFormatError(errno.EOPNOTSUPP, error)

    def begins(self, head: bytes) -> bool:
        """Say whether a stream of it begins with `head`, or `head` with the first bytes of one."""
        return any(magic.startswith(head[: len(magic)]) for magic in self.magics)


_FORMATS = (
    Format("gzip", (b"\x1f\x8b",), ".gz", load_gzip),
    Format("xz", (b"\xfd7zXZ\0",), ".xz", load_xz),
    Format(
        "bzip2",  # its level, then a block or, in an empty file, the end
        tuple(b"BZh%d%b" % (level, more) for level in range(1, 10) for more in (b"1AY&SY", b"\x17rE8P\x90")),
        ".bz2",
        load_bzip2,
    ),
    Format(
        "zstd",  # a frame, or one that is to be skipped, as pzstd puts before each
        (b"\x28\xb5\x2f\xfd", *(bytes([number]) + b"\x2a\x4d\x18" for number in range(0x50, 0x60))),
        ".zst",
        load_zstd,
        "backports.zstd",
        "3.14",
    ),
    Format("zip", (b"PK\3\4", b"PK\5\6", b"PK\7\x08"), ".zip"),
    Format("lz4", (b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18"), ".lz4"),
    Format("compress", (b"\x1f\x9d", b"\x1f\xa0", b"\x1f\x1e"), ".Z"),
    Format("7-zip", (b"7z\xbc\xaf\x27\x1c",)),
    Format("RAR", (b"Rar!\x1a\x07",)),
    Format("lzma", (b"\x5d\0\0",)),
    Format("lzip", (b"LZIP\1",)),
    Format("lzop", (b"\x89LZO\0",)),
    Format("snappy", (b"\xff\x06\0\0sNaPpY",)),
    Format("GnuPG", (b"\x8c\x0d\x04", b"\x85\x01", b"\x85\x02", b"\x84\x5e\x03")),
    Format("age", (b"age-encryption.org/v1\n",)),
)

ENDINGS = tuple(format_.ending for format_ in _FORMATS if format_.ending)
"""With which the names of compressed files end."""
MAGIC = max(len(magic) for format_ in _FORMATS for magic in format_.magics)
"""Bytes at the top of a file that tell its format."""


def recognize_format(head: bytes) -> Format | None:
    """Return the format of a file that begins with `head`; None if it is not compressed in any that is known."""
    return next((format_ for format_ in _FORMATS if head.startswith(format_.magics)), None)


def may_become_packed(head: bytes) -> bool:
    """Say whether a file that holds no more than `head` is no text and may be the first bytes of a compressed one."""
    if all(byte in _PRINTABLE for byte in head):
        return False
    return len(head) < MAGIC and any(format_.begins(head) for format_ in _FORMATS)
