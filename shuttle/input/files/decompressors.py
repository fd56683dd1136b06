"""What decompresses, in pieces and in bounded memory: the standard library, and packages where they are installed."""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol, cast

MEMORY = 128 * 1024 * 1024  # bytes that a stream may ask for: xz -9 takes 65 MiB, zstd --ultra and --long 128 MiB
_WINDOW_LOG = MEMORY.bit_length() - 1
_GZIP_WBITS = 31  # zlib: 15 bits of window, and 16 for a gzip header


class Decompressor(Protocol):
    """Decompresses one stream. Those of the standard library agree on this much, but for zlib's."""

    @property
    def eof(self) -> bool:
        """The stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Without more of the file there is nothing more to give."""

    @property
    def unused_data(self) -> bytes:
        """What was fed and stands behind the end of the stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Take more of the file, and return up to `max_length` bytes of the content; what is left over is kept."""


class Codec(NamedTuple):
    """How streams of one format are decompressed."""

    begin: Callable[[], Decompressor]
    errors: tuple[type[Exception], ...]
    """Raised where the stream is damaged."""


class _Inflater:
    """Does with zlib what the others do."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        part = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        # With as much as was asked for, zlib may hold more without having anything left of what it was fed.
        self.needs_input = not self.eof and not self._inflate.unconsumed_tail and len(part) < max_length
        return part


def load_gzip() -> Codec:
    """Return what decompresses gzip: python-isal where it is installed, else zlib, a third as fast."""
    try:
        from isal import igzip_lib  # noqa: PLC0415  # only a compressed file pays for it
    except ImportError:
        return Codec(_Inflater, (zlib.error,))
    begin = partial(igzip_lib.IgzipDecompressor, flag=igzip_lib.DECOMP_GZIP)
    return Codec(begin, (cast("type[Exception]", igzip_lib.error),))


def load_xz() -> Codec:
    """Return what decompresses xz."""
    return Codec(partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, memlimit=MEMORY), (lzma.LZMAError,))


def load_bzip2() -> Codec:
    """Return what decompresses bzip2, whose blocks have 900 kB at most."""
    return Codec(bz2.BZ2Decompressor, (OSError, ValueError))


def load_zstd() -> Codec:
    """Return what decompresses zstd.

    Raises:
        ImportError: Nothing does: the package is not installed.
    """
    if sys.version_info >= (3, 14):
        from compression.zstd import DecompressionParameter, ZstdDecompressor, ZstdError  # noqa: PLC0415
    else:
        from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError  # noqa: PLC0415
    options: dict[int, int] = {DecompressionParameter.window_log_max: _WINDOW_LOG}
    return Codec(partial(ZstdDecompressor, options=options), (ZstdError,))
