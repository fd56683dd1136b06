"""A browser for the tests of the page, and a drain that has one."""

from collections.abc import Iterator

import pytest

from shuttle.local_drain import LocalDrain
from tests.helpers.browser import Browser, start_browser
from tests.helpers.drain_page import make_drain


@pytest.fixture(scope="session")
def session() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


@pytest.fixture
def browser(session: Browser) -> Iterator[Browser]:
    session.set_size(1200, 900)
    session.set_scheme("light")
    yield session
    # What is left is a refusal by the Content-Security-Policy, or an error of the scripts.
    assert [entry for entry in session.read_log() if "net::ERR_" not in entry] == []


@pytest.fixture
def drain() -> Iterator[LocalDrain]:
    with make_drain() as drain:
        yield drain
