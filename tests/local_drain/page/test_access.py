"""The page is there for everybody: by keyboard, on a narrow screen, in light and dark with enough contrast."""

import pytest

from shuttle.local_drain import LocalDrain
from tests.helpers.browser import MISSING, Browser
from tests.helpers.deliveries import post
from tests.helpers.drain_page import SHOWN, wait_for_text

pytestmark = [pytest.mark.process, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

ENOUGH = 4.5  # AA of WCAG 2.2 for text of any size

# Each text in sight with too little contrast to what is behind it, by WCAG's formula.
FAINT = """(() => {
  const read = (text) => text.match(/[\\d.]+/g).map(Number);
  const shine = (colour) => {
    const [r, g, b] = colour.map((part) => part / 255).map((part) =>
      part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = read(getComputedStyle(at).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest('[hidden], dialog:not([open])') || element.getClientRects().length === 0) continue;
    const [one, two] = [shine(read(getComputedStyle(element).color)), shine(behind(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < %s) faint.push(`${element.outerHTML.slice(0, 80)}: ${ratio.toFixed(2)}`);
  }
  return faint;
})()"""


def fill(drain: LocalDrain) -> None:
    """Bring everything into sight that the page can show."""
    for pri in range(184, 192):
        post(drain, [f"of severity {pri - 184}"], pri=pri)
    for number in range(8):
        post(drain, [f"from elsewhere measure#x.y={number}ms source=web.{number}"], appname=f"app-{number}")
    post(drain, ["a long line " + "word " * 200, "count#checkout=2 sample#size=4GB", "last"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast(browser: Browser, drain: LocalDrain, scheme: str) -> None:
    fill(drain)
    browser.set_scheme(scheme)
    browser.open(drain.url)
    wait_for_text(browser, "last")
    browser.wait("document.querySelectorAll('.card').length === 10")
    browser.click("#chips button")
    browser.wait("document.querySelector('#chips [aria-pressed=true]')")
    browser.click("#pause")
    browser.wait("document.querySelector('#pause[aria-pressed=true]')")
    assert browser.get(FAINT % ENOUGH) == []
    assert browser.get(FAINT % 30) != []
    browser.click("#stream .row")
    browser.wait("document.getElementById('details').open")
    assert browser.get(FAINT % ENOUGH) == []
    back = browser.get("getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 20, 24)"}[scheme]


def test_a_narrow_screen_needs_no_scrolling_to_the_side(browser: Browser, drain: LocalDrain) -> None:
    fill(drain)
    browser.set_size(360, 740)
    browser.open(drain.url)
    wait_for_text(browser, "last")
    browser.wait("document.querySelectorAll('.card').length === 10")
    assert browser.get("document.documentElement.scrollWidth") == 360
    assert browser.get("document.getElementById('stream').scrollWidth <= document.getElementById('stream').clientWidth")
    wide = "[...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > 360)"
    assert browser.get(f"{wide}.map((one) => one.outerHTML.slice(0, 80))") == []
    browser.click("#stream .row")
    browser.wait("document.getElementById('details').open")
    assert browser.get("document.getElementById('details').getBoundingClientRect().right") <= 360


def test_everything_is_reached_by_keyboard(browser: Browser, drain: LocalDrain) -> None:
    post(drain, [f"line {number}" for number in range(1000)])
    browser.open(drain.url)
    wait_for_text(browser, "line 999")
    browser.press("/", "9", "9")
    browser.wait(f"{SHOWN} === '19 of 1,000 messages'")
    browser.press("Escape")
    browser.wait(f"{SHOWN} === '1,000 messages'")
    chosen = "document.querySelector('.row[aria-selected=true]:not([hidden]) .text')?.textContent"
    browser.press("Home")
    browser.wait(f"{chosen} === 'line 0'")
    browser.wait("document.querySelector(`#${stream.getAttribute('aria-activedescendant')}`).ariaPosInSet === '1'")
    post(drain, ["more"])
    browser.wait(f"{SHOWN} === '1,001 messages'")
    assert browser.get(chosen) == "line 0"  # whoever reads is not taken elsewhere
    browser.press("End", "Up", "Enter")
    browser.wait("document.getElementById('fields').textContent.includes('line 999')")
    browser.press("Escape")
    post(drain, [f"and {number}" for number in range(50)])
    browser.wait(f"{SHOWN} === '1,051 messages'")
    assert browser.get(chosen) == "line 999"  # though the end was in sight
    browser.press("p")
    browser.wait("document.getElementById('pause').getAttribute('aria-pressed') === 'true'")
    browser.press("p")
    stops = []
    browser.get("document.activeElement.blur()")
    for _ in range(20):
        browser.press("Tab")
        stops.append(browser.get("document.activeElement.id || document.activeElement.textContent"))
    assert {"filter", "pause", "newest", "stream", "shop[web.1]", "To the messages"} <= set(stops)


def test_a_tile_is_drawn_when_it_is_chosen(browser: Browser, drain: LocalDrain) -> None:
    post(drain, ["a"])
    browser.open(drain.url)
    line = "document.querySelector('#chart .line')?.getAttribute('d')"
    browser.wait(f"new Set(({line}).match(/,[0-9.]+/g)).size > 1")  # a line that is not flat
    browser.click("#tiles [data-name=refused]")
    browser.wait("document.getElementById('chart-title').textContent.startsWith('refused')")
    assert browser.get(f"new Set(({line}).match(/,[0-9.]+/g)).size") == 1


def test_what_stands_above_the_list_stays_where_older_messages_leave(browser: Browser, drain: LocalDrain) -> None:
    post(drain, [f"line {number}" for number in range(10_000)])
    browser.open(drain.url)
    wait_for_text(browser, "line 9999")
    browser.get("(stream.scrollTop = 5000 * 24)")
    browser.wait("[...document.querySelectorAll('.row .text')].some((one) => one.textContent === 'line 5005')")
    top = "[...document.querySelectorAll('.row')].find((one) => one.textContent.endsWith('line 5005'))"
    before = browser.get(f"{top}.getBoundingClientRect().top")
    post(drain, [f"line {number}" for number in range(10_000, 12_000)])
    browser.wait("stream.scrollTop < 4000 * 24")
    assert browser.get(f"{top}.getBoundingClientRect().top") == before
