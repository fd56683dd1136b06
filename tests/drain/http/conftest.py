from collections.abc import Iterator

import pytest

from shuttle.drain.http import connection
from shuttle.drain.http.plain_parser import PlainParser, RefusedError


@pytest.fixture(params=["llhttp", "h11"], scope="module")
def each_parser(request: pytest.FixtureRequest) -> Iterator[str]:
    """Read answers with httptools, and as where it is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "llhttp":
            pytest.importorskip("httptools")
        else:
            patch.setattr(connection, "Parser", PlainParser)
            patch.setattr(connection, "REFUSALS", (RefusedError,))
        yield request.param
