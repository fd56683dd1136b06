"""The page in a real browser over time: restarts of the drain, a hundred thousand messages, a network that is away."""

import pytest

from shuttle.local_drain import LocalDrain
from tests.helpers.browser import MISSING, Browser
from tests.helpers.deliveries import post
from tests.helpers.drain_page import SHOWN, make_drain, wait_for_text
from tests.helpers.process import find_closed_port

pytestmark = [pytest.mark.process, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


def test_it_goes_on_after_the_drain_was_restarted(browser: Browser) -> None:
    port = find_closed_port()
    with make_drain(port) as drain:
        post(drain, ["one", "two"])
        browser.open(drain.url)
        wait_for_text(browser, "two")
    browser.wait("document.getElementById('connection').dataset.state === 'closed'")
    with make_drain(port) as drain:
        post(drain, ["three"])
        assert wait_for_text(browser, "three") == ["one", "two", "the drain was started again", "three"]
        post(drain, ["four"])
        wait_for_text(browser, "four")
        assert browser.get(SHOWN) == "5 messages"
    browser.wait("document.getElementById('connection').dataset.state === 'closed'")


def test_a_hundred_thousand_messages_take_no_more_memory_than_twenty_thousand(
    browser: Browser, drain: LocalDrain
) -> None:
    nodes = "document.querySelectorAll('*').length"
    browser.open(drain.url)

    def flood(first: int, count: int) -> tuple[int, int]:
        for start in range(first, first + count, 5000):  # what the ring holds twice: the page takes all of it
            post(drain, [f"line {number:06d} {'x' * 80}" for number in range(start, start + 5000)])
            wait_for_text(browser, f"line {start + 4999:06d} {'x' * 80}")
        return browser.read_heap(), browser.get(nodes)

    heap, elements = flood(0, 20_000)
    browser.get(
        "requestAnimationFrame(function count() { window.frames_drawn = (window.frames_drawn ?? 0) + 1; "
        "requestAnimationFrame(count); })"
    )
    heap_after, elements_after = flood(20_000, 80_000)
    assert browser.get(SHOWN) == "10,000 messages"
    assert browser.get("document.getElementById('gap').hidden")
    assert browser.get("frames_drawn") > 80  # it was drawn on and on
    assert heap_after < heap * 1.25
    assert elements_after == elements < 500


def test_who_is_too_slow_is_told_what_is_missing(browser: Browser, drain: LocalDrain) -> None:
    """The ring holds 10,000; the page stands still while 25,000 come."""
    post(drain, ["first"])
    browser.open(drain.url)
    wait_for_text(browser, "first")
    browser.call("Network.enable")
    browser.call(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    drain._server.readers.copy().pop().shutdown(2)
    browser.wait("document.getElementById('connection').dataset.state === 'closed'")
    post(drain, [f"line {number}" for number in range(25_000)])
    online = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.call("Network.emulateNetworkConditions", **online)
    wait_for_text(browser, "line 24999")
    assert browser.get("document.getElementById('gap').textContent").startswith("15,000 messages came faster")


def test_the_list_follows_though_messages_come_before_it_is_drawn(browser: Browser, drain: LocalDrain) -> None:
    """A scroll event of what was drawn before says nothing of what has come since."""
    post(drain, [f"line {number}" for number in range(1000)])
    browser.open(drain.url)
    wait_for_text(browser, "line 999")
    browser.get("[window.held = [], window.requestAnimationFrame = (draw) => held.push(draw)]")
    post(drain, [f"more {number}" for number in range(100)])
    browser.wait("held.length")
    browser.get("stream.dispatchEvent(new Event('scroll'))")
    browser.get("held.splice(0).forEach((draw) => draw())")
    wait_for_text(browser, "more 99")
