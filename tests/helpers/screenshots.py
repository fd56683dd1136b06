"""Screenshots of the pages, for the documents: `python -m tests.helpers.screenshots docs` writes them there.

A page is a function in PAGES that has a browser and gives itself in the state to be shown.
"""

import base64
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shuttle.local_drain import LocalDrain
from shuttle.local_drain.page.drain_site import DrainSite
from shuttle.local_drain.page.notebook import Notebook
from tests.helpers.agent_page import serve_agent_page
from tests.helpers.browser import Browser, start_browser
from tests.helpers.deliveries import post

_SPAN = 300  # seconds of traffic


@contextmanager
def show_drain(browser: Browser) -> Iterator[None]:
    """Show the drain's page after five minutes of a shop's messages."""
    ago = [float(_SPAN)]
    notebook = Notebook(monotonic=lambda: time.monotonic() - ago[0], wall=lambda: time.time() - ago[0])
    chance = random.Random(5424)  # its traffic is invented
    with LocalDrain(pages=DrainSite(notebook)) as drain:
        for second in range(_SPAN):
            ago[0] = float(_SPAN - second)
            _trade(drain, chance, datetime.now(UTC) - timedelta(seconds=ago[0]), second)
        ago[0] = 0.0
        browser.open(drain.url)
        browser.wait("document.querySelectorAll('.row').length > 10 && document.querySelectorAll('.card').length > 5")
        yield


def _trade(drain: LocalDrain, chance: random.Random, now: datetime, second: int) -> None:
    for _ in range(chance.randint(1, 3) + (second // 60 == 2) * 6):
        written = (now + timedelta(milliseconds=chance.randint(0, 900))).isoformat(timespec="microseconds")
        status = chance.choice([200] * 12 + [302, 404, 502])
        took = int(chance.lognormvariate(3.4, 0.6)) + (status == 502) * 3000
        path = chance.choice(["/", "/cart", "/orders/1138", "/search?q=tea+pot", "/menu/café"])
        line = f'at=info method=GET path="{path}" dyno=web.1 connect=1ms service={took}ms status={status}'
        post(drain, [line], appname="heroku", procid="router", timestamp=written)
        db = f"measure#db.latency={chance.lognormvariate(1.4, 0.5):.1f}ms count#checkout={chance.randint(0, 2)}"
        post(drain, [f"source=web.1 {db}"], timestamp=written)
    if second % 20 == 0:
        memory = f"source=web.1 sample#memory_total={184 + second / 10:.1f}MB sample#load_avg_1m={chance.random():.2f}"
        post(drain, [memory], appname="heroku", procid="web.1", timestamp=now.isoformat(timespec="microseconds"))
    if second % 37 == 0:
        written = now.isoformat(timespec="microseconds")
        post(drain, ["TimeoutError: the bank did not answer within 3 s"], pri=187, timestamp=written)
        post(drain, ["payment is tried again"], pri=188, timestamp=written)


@contextmanager
def show_agent(browser: Browser) -> Iterator[None]:
    """Show the agent's page after ten minutes, with a short outage among them."""
    with serve_agent_page() as url:
        browser.open(url)
        browser.wait(
            "document.querySelectorAll('#files tr').length > 0 && document.querySelectorAll('#log li').length > 2"
        )
        yield


PAGES: dict[str, Callable[[Browser], AbstractContextManager[None]]] = {
    "drain-page": show_drain,
    "agent-page": show_agent,
}


def main(folder: Path) -> None:
    """Write a picture of each page, light and dark."""
    with start_browser() as browser:
        browser.set_size(1200, 1000)
        for name, show in PAGES.items():
            with show(browser):
                for scheme in ("light", "dark"):
                    browser.set_scheme(scheme)
                    browser.wait("true")
                    shot = browser.call("Page.captureScreenshot", format="png")
                    (folder / f"{name}-{scheme}.png").write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
