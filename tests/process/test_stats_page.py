"""The page of -stats-addr in a real browser: live numbers, hostile names as text, narrow, dark, and by keyboard."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import shuttle
from shuttle.local_drain import LocalDrain
from tests.helpers.browser import MISSING, Browser, start_browser
from tests.helpers.process import find_closed_port, start
from tests.helpers.stats import FLAG, find_url

STYLES = Path(shuttle.__file__).parent / "observe/web/page.css"
HOSTILE = "<img src=x onerror=alert(1)> &amp; \u202e long" + "x" * 150
PAIRS = [("text", "ground"), ("text", "panel"), ("muted", "panel"), ("accent", "ground"), ("accent", "panel")]
PAIRS += [(name, ground) for name in ("good", "warning", "error") for ground in ("ground", "panel")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


@pytest.mark.process
@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_the_page_shows_live_numbers_and_stops_on_demand(browser: Browser) -> None:
    with LocalDrain() as drain, start(*FLAG, "-logs-url", drain.url) as agent:
        browser.open(find_url(agent))
        browser.wait("document.getElementById('status').textContent === 'ready'")
        agent.stdin.write(b"one\n" * 1234)
        agent.stdin.flush()
        browser.wait("document.getElementById('identity').innerText.includes('1,234 delivered')")
        browser.wait("document.querySelectorAll('#log li').length > 0")
        browser.press("Tab")
        assert browser.get("document.activeElement.id") == "pause"
        browser.press(" ")
        assert browser.get("document.activeElement.getAttribute('aria-pressed')") == "true"
        browser.press(" ")
        agent.finish()
        browser.wait("document.getElementById('status').className === 'bad'")


@pytest.mark.process
@pytest.mark.skipif(bool(MISSING), reason=MISSING)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_and_shows_hostile_names_as_text(browser: Browser, tmp_path: Path, scheme: str) -> None:
    log = tmp_path / HOSTILE
    log.write_bytes(b"one\n" * 100_000)
    url = f"http://127.0.0.1:{find_closed_port()}/"
    flags = ("-file", str(tmp_path / "*"), "-from", "beginning", "-back-bytes", "65536", "-land-timeout", "500ms")
    with start(*FLAG, "-logs-url", url, *flags) as agent:
        agent.hear("drain.down")
        browser.set_size(360, 800)
        browser.set_scheme(scheme)
        browser.open(find_url(agent))
        browser.read_log()  # what it said of an agent that has ended
        browser.wait("document.querySelectorAll('#files tr').length > 0")
        browser.wait("document.getElementById('status').textContent.startsWith('the drain is down')")
        shown = browser.get("document.querySelector('#files td').textContent")
        beyond = browser.get("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        images = browser.get("document.images.length")
        ground = browser.get("getComputedStyle(document.body).backgroundColor")
        said = browser.read_log()
        agent.signal(signal.SIGTERM)
        agent.finish()
    assert shown.endswith(HOSTILE.replace("\u202e", r"\u202e"))
    assert (beyond, images) == (0, 0)
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 23, 30)"}[scheme]
    assert said == []


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.1)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("pair", PAIRS, ids=" on ".join)
@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_has_the_contrast_of_aa(pair: tuple[str, str], scheme: int) -> None:
    block = re.findall(r":root \{(.*?)\}", STYLES.read_text("utf-8"), re.DOTALL)[scheme]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", block))
    darker, lighter = sorted(luminance(colours[name]) for name in pair)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5
