"""The local drain's page, as a test sees it in a browser."""

from shuttle.local_drain import Behaviour, LocalDrain
from shuttle.local_drain.page.drain_site import DrainSite
from tests.helpers.browser import Browser

TEXTS = "[...document.querySelectorAll('.row:not([hidden]) .text')].map((cell) => cell.textContent)"
SHOWN = "document.getElementById('shown').textContent"


def make_drain(port: int = 0) -> LocalDrain:
    return LocalDrain(Behaviour(port=port), pages=DrainSite())


def wait_for_text(browser: Browser, text: str) -> list[str]:
    """Wait until the last row has this text, and return all texts in sight."""
    texts: list[str] = browser.wait(f"(({TEXTS}).at(-1) === {text!r}) && {TEXTS}")
    return texts
