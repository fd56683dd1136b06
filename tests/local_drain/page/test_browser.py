"""The page in a real browser: what was posted is there, however much it is and whatever is in it."""

import pytest

from shuttle.local_drain import LocalDrain
from tests.helpers.browser import MISSING, Browser
from tests.helpers.deliveries import post
from tests.helpers.drain_page import SHOWN, TEXTS, wait_for_text

pytestmark = [pytest.mark.process, pytest.mark.skipif(bool(MISSING), reason=MISSING)]


def test_the_page_shows_what_was_posted(browser: Browser, drain: LocalDrain) -> None:
    post(drain, ["before the page was open"])
    browser.open(drain.url)
    wait_for_text(browser, "before the page was open")
    post(drain, ["one", "two"])
    assert wait_for_text(browser, "two") == ["before the page was open", "one", "two"]
    tile = "document.querySelector('[data-name=messages] span:last-child').textContent"
    browser.wait(f"{tile} === '3 in all'")
    assert browser.get(SHOWN) == "3 messages"


def test_trouble_is_counted(browser: Browser, drain: LocalDrain) -> None:
    frame_id = {"Logplex-Frame-Id": "a" * 32}
    reported = {"Logplex-Drop-Count": "12", "Logplex-Lost-Count": "3"}
    post(drain, ["one", "two"], more=frame_id)
    post(drain, ["one", "two"], more=frame_id)
    post(drain, ["three"], more={"Content-Type": "text/plain"}, status=415)
    post(drain, ["Error L12: 12 messages dropped since then"], more=reported)
    browser.open(drain.url)
    number = "document.querySelector('[data-name=%s] b').textContent"
    browser.wait(f"{number % 'refused'} === '1'")
    names = ("duplicates", "dropped", "lost")
    assert [browser.get(number % name) for name in names] == ["2", "12", "3"]
    assert browser.get("[...document.querySelectorAll('[data-bad=true]')].map((tile) => tile.dataset.name)") == [
        "refused",
        *names,
    ]


def test_metrics_in_lines_become_charts(browser: Browser, drain: LocalDrain) -> None:
    for number in range(1, 100):
        post(drain, [f"source=db.1 measure#db.latency={number}ms count#checkout=2 sample#db.size=100GB"], timestamp="-")
    router = 'method=GET path="/" dyno=web.1 connect=1ms service=%dms status=%d bytes=2'
    post(drain, [router % (12, 200), router % (999, 503)], appname="heroku", procid="router", timestamp="-")
    post(drain, ["source=web.1 dyno=heroku.1.2 sample#memory_total=184.23MB"], appname="heroku", timestamp="-")
    browser.open(drain.url)
    browser.wait("document.querySelectorAll('.card').length === 8")
    cards = browser.get("[...document.querySelectorAll('.card')].map((card) => card.innerText.replace(/\\s+/g, ' '))")
    assert cards == [
        "checkout db.1 198 a minute total 198 values 99",
        "db.latency db.1 50 ms median min 1 ms median 50 ms p95 95 ms p99 99 ms max 99 ms values 99",
        "router.connect web.1 1 ms median min 1 ms median 1 ms p95 1 ms p99 1 ms max 1 ms values 2",
        "router.service web.1 506 ms median min 12 ms median 506 ms p95 999 ms p99 999 ms max 999 ms values 2",
        "router.status.200 12 ms median min 12 ms median 12 ms p95 12 ms p99 12 ms max 12 ms values 1",
        "router.status.503 999 ms median min 999 ms median 999 ms p95 999 ms p99 999 ms max 999 ms values 1",
        "db.size db.1 100 GB values 99",
        "memory_total web.1 184 MB values 1",
    ]
    drawn = "[...document.querySelectorAll('.card .line')].filter((line) => line.getAttribute('d')).length"
    assert browser.get(drawn) == 8


def test_the_filter_works_as_one_types(browser: Browser, drain: LocalDrain) -> None:
    post(drain, [f"GET /{number} status={200 + number}" for number in range(50)])
    browser.open(drain.url)
    wait_for_text(browser, "GET /49 status=249")
    browser.type("#filter", "STATUS=21")
    browser.wait(f"{SHOWN} === '10 of 50 messages'")
    browser.type("#filter", r"/\/4[0-3] /")
    browser.wait(f"{SHOWN} === '4 of 50 messages'")
    assert browser.get(TEXTS) == [f"GET /{number} status={200 + number}" for number in range(40, 44)]
    post(drain, ["GET /42 again", "GET /52 again"])
    wait_for_text(browser, "GET /42 again")
    browser.type("#filter", "/(/")
    browser.wait("document.getElementById('filter').getAttribute('aria-invalid') === 'true'")
    assert "Unterminated group" in browser.get(SHOWN)
    browser.press("Escape")
    browser.wait(f"{SHOWN} === '52 messages'")


def test_chips_choose_sources(browser: Browser, drain: LocalDrain) -> None:
    post(drain, ["of the shop"])
    post(drain, ["of the bank"], appname="bank")
    post(drain, ["of the post"], appname="post")
    browser.open(drain.url)
    wait_for_text(browser, "of the post")
    assert browser.get("[...document.querySelectorAll('#chips button')].map((chip) => chip.textContent)") == [
        "shop[web.1]",
        "bank[web.1]",
        "post[web.1]",
    ]
    browser.click("#chips [data-name='bank[web.1]']")
    assert wait_for_text(browser, "of the bank") == ["of the bank"]
    browser.click("#chips [data-name='shop[web.1]']")
    browser.wait(f"{SHOWN} === '2 of 3 messages'")
    assert browser.get(TEXTS) == ["of the shop", "of the bank"]


def test_a_pause_counts_what_arrives(browser: Browser, drain: LocalDrain) -> None:
    post(drain, ["before"])
    browser.open(drain.url)
    wait_for_text(browser, "before")
    browser.click("#pause")
    post(drain, ["one"])
    browser.wait("document.getElementById('pause').textContent === 'Resume (1 arrived)'")
    post(drain, ["two", "three"])
    browser.wait("document.getElementById('pause').textContent === 'Resume (3 arrived)'")
    assert browser.get(TEXTS) == ["before"]
    browser.press("p")
    assert wait_for_text(browser, "three") == ["before", "one", "two", "three"]


def test_a_message_opens_to_all_its_fields(browser: Browser, drain: LocalDrain) -> None:
    post(drain, ["first", "it burns " + "x" * 5000], pri=11)
    browser.open(drain.url)
    browser.wait(f"({TEXTS}).length === 2")
    browser.click("#stream")  # where the last row is not
    browser.press("Up", "Enter")
    browser.wait("document.getElementById('details').open")
    pairs = (
        "[...document.querySelectorAll('#fields dt')].map((term) => [term.textContent, term.nextSibling.textContent])"
    )
    fields = dict(browser.get(pairs))
    assert fields == {
        "severity": "err (3)",
        "facility": "user (1)",
        "version": "1",
        "timestamp": "2024-01-02T03:04:05.123456+00:00",
        "hostname": "host",
        "app-name": "shop",
        "procid": "web.1",
        "msgid": "-",
        "message": "it burns " + "x" * 5000,
        "frame": "5,069 bytes",
        "number": "2 since the drain has started",
    }
    browser.press("Escape")
    browser.wait("!document.getElementById('details').open")
    browser.press("Up", "Enter")
    browser.wait("document.getElementById('details').open")
    assert ["message", "first"] in browser.get(pairs)
    browser.click("#details button")
    browser.wait("!document.getElementById('details').open")


HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>",
    "</span></div><h1>big</h1>&lt;&amp;",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J",
    "a\u202egnp.exe \u200b\ufeff",
    "event: numbers data: {} id: 1",
    "javascript:alert(1) \"quoted\" 'single' `${document.title='owned'}`",
]


def test_a_hostile_message_is_text(browser: Browser, drain: LocalDrain) -> None:
    post(drain, [*HOSTILE, "many\nlines\r\n\nevent: numbers"])
    post(drain, ["count#<b>a</b>=1 source=<i>x</i>", "last"], appname="<i>app</i>")
    browser.open(drain.url)
    texts = wait_for_text(browser, "last")
    assert texts[:4] == [
        HOSTILE[0],
        HOSTILE[1],
        r"\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J",
        r"a\u202egnp.exe \u200b\ufeff",
    ]
    assert texts[4:7] == [*HOSTILE[4:], r"many\nlines\r\n\nevent: numbers"]
    browser.wait("document.querySelector('.card h3')?.textContent === '<b>a</b> <i>x</i>'")
    assert browser.get("document.title") == "log-shuttle-drain"
    assert browser.get("document.querySelectorAll('#stream :is(img, script, h1, i), .card :is(b, i)').length") == 0
    for row in range(1, len(texts) + 1):
        browser.click(f".row[aria-posinset='{row}']")
        shown = browser.wait("document.getElementById('details').open && document.getElementById('fields').textContent")
        assert texts[row - 1] in shown
        browser.press("Escape")
        browser.wait("!document.getElementById('details').open")
