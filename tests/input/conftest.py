"""Fixtures of the tests of files."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(params=["isal", "zlib"], scope="module")
def _decompressor(request: pytest.FixtureRequest) -> Iterator[None]:
    """Read with python-isal, and without it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "isal":
            pytest.importorskip("isal")
        else:
            patch.setitem(sys.modules, "isal", None)
        yield
