"""Fixtures of the tests of files."""

from collections.abc import Callable, Iterator

import pytest

from tests.helpers.compression import PACKERS, packing


@pytest.fixture(params=["gzip by isal", "gzip by zlib"], scope="module")
def _decompressor(request: pytest.FixtureRequest) -> Iterator[None]:
    """Read with python-isal, and without it."""
    with packing(request.param):
        yield


@pytest.fixture(params=PACKERS, scope="module")
def compress(request: pytest.FixtureRequest) -> Iterator[Callable[[bytes], bytes]]:
    """Compresses in a format; it is decompressed by what the parameter names."""
    with packing(request.param) as compress:
        yield compress
