"""The parsers of answers: which one reads them in a test."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shuttle.drain.http import connection
from shuttle.drain.http.plain_parser import PlainParser, RefusedError

PARSERS = ("llhttp", "h11")


@contextmanager
def use_parser(name: str) -> Iterator[None]:
    """Read answers with httptools' llhttp, or with h11, as where httptools is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        if name == "llhttp":
            pytest.importorskip("httptools")
        else:
            patch.setattr(connection, "Parser", PlainParser)
            patch.setattr(connection, "REFUSALS", (RefusedError,))
        yield
