from collections.abc import Iterator

import pytest

from tests.helpers.parsers import PARSERS, use_parser


@pytest.fixture(params=PARSERS, scope="module")
def each_parser(request: pytest.FixtureRequest) -> Iterator[str]:
    """Read answers with httptools, and as where it is not installed."""
    with use_parser(request.param):
        yield request.param
