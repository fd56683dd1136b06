"""The page in a real browser: what was posted is there, however much it is and whatever is in it."""

import http.client
from collections.abc import Iterator, Sequence

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from shuttle.local_drain.page.drain_site import DrainSite
from tests.helpers.browser import MISSING, Browser, start_browser
from tests.helpers.process import find_closed_port

pytestmark = [pytest.mark.process, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

TEXTS = "[...document.querySelectorAll('.row:not([hidden]) .text')].map((cell) => cell.textContent)"
SHOWN = "document.getElementById('shown').textContent"


@pytest.fixture(scope="module")
def session() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


@pytest.fixture
def browser(session: Browser) -> Iterator[Browser]:
    session.set_size(1200, 900)
    session.set_scheme("light")
    yield session
    assert session.read_log() == []


def make_drain(port: int = 0) -> LocalDrain:
    return LocalDrain(Behaviour(port=port), pages=DrainSite())


@pytest.fixture
def drain() -> Iterator[LocalDrain]:
    with make_drain() as drain:
        yield drain


def post(drain: LocalDrain, messages: Sequence[str], *, pri: int = 190, appname: str = "shop", size: int = 500) -> None:
    head = f"<{pri}>1 2024-01-02T03:04:05.123456+00:00 host {appname} web.1 - - "
    connection = http.client.HTTPConnection(drain.url.split("/")[2])
    for start in range(0, len(messages), size):
        frames = [f"{head}{message}\n".encode() for message in messages[start : start + size]]
        headers = {"Content-Type": "application/logplex-1", "Logplex-Msg-Count": str(len(frames))}
        connection.request("POST", "/", b"".join(b"%d %b" % (len(frame), frame) for frame in frames), headers)
        with connection.getresponse() as answer:
            assert answer.read() == b""
            assert answer.status == 204
    connection.close()


def wait_for_text(browser: Browser, text: str) -> list[str]:
    """Wait until the last row has this text, and return all texts in sight."""
    texts: list[str] = browser.wait(f"(({TEXTS}).at(-1) === {text!r}) && {TEXTS}")
    return texts


def test_the_page_shows_what_was_posted(browser: Browser, drain: LocalDrain) -> None:
    post(drain, ["before the page was open"])
    browser.open(drain.url)
    wait_for_text(browser, "before the page was open")
    post(drain, ["one", "two"])
    assert wait_for_text(browser, "two") == ["before the page was open", "one", "two"]
    tile = "document.querySelector('[data-name=messages] span:last-child').textContent"
    browser.wait(f"{tile} === '3 in all'")
    assert browser.get(SHOWN) == "3 messages"
