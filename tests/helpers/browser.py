"""A real browser: headless Chromium, driven by WebDriver over plain HTTP."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.helpers.process import LONGEST, clean_environ

DRIVER = shutil.which("chromedriver")
MISSING = "" if DRIVER and shutil.which("chromium") else "needs chromium and chromedriver (Debian: chromium-driver)"
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--window-size=1200,900", "--hide-scrollbars", "--enable-precise-memory-info"),
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's name for a reference to an element
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "End": "\ue010", "Home": "\ue011", "Up": "\ue013", "Tab": "\ue004"}
_WAIT = """
const done = arguments[arguments.length - 1];
const ends = performance.now() + %d;
(function look() {
  let found = null;
  try { found = (() => %s)(); } catch (error) { found = null; }
  if (found) done(found);
  else if (performance.now() > ends) done(null);
  else setTimeout(look, 16);
})();
"""


class Browser:
    """A window of a browser. What it is told in JavaScript is an expression."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        self._client = client
        self._session = session

    def _do(self, method: str, path: str, body: object = None) -> Any:
        answer = self._client.request(method, f"/session/{self._session}{path}", json=body)
        value = answer.json()["value"]
        assert answer.is_success, value
        return value

    def open(self, url: str) -> None:
        self._do("POST", "/url", {"url": url})

    def get(self, expression: str) -> Any:
        return self._do("POST", "/execute/sync", {"script": f"return {expression}", "args": []})

    def wait(self, expression: str) -> Any:
        """Wait until an expression is true, and return it; it is looked at some sixty times a second."""
        script = _WAIT % (LONGEST * 1000, expression)
        found = self._do("POST", "/execute/async", {"script": script, "args": []})
        assert found, f"{expression} does not become true; the page says: {self.get('document.body.innerText')[:2000]}"
        return found

    def _find(self, selector: str) -> str:
        found = self._do("POST", "/element", {"using": "css selector", "value": selector})
        element: str = found[_ELEMENT]
        return element

    def click(self, selector: str) -> None:
        self._do("POST", f"/element/{self._find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Replace what is in a field."""
        element = self._find(selector)
        self._do("POST", f"/element/{element}/clear", {})
        self._do("POST", f"/element/{element}/value", {"text": text})

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        values = [KEYS.get(key, key) for key in keys]
        actions = [{"type": kind, "value": value} for value in values for kind in ("keyDown", "keyUp")]
        self._do("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def call(self, command: str, **parameters: Any) -> Any:
        """Call the browser's own protocol, CDP."""
        return self._do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def set_size(self, width: int, height: int) -> None:
        parameters = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **parameters)

    def set_scheme(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def read_heap(self) -> int:
        """Return the bytes that the page's scripts hold, without what nobody needs."""
        self.call("HeapProfiler.collectGarbage")
        size: int = self.call("Runtime.getHeapUsage")["usedSize"]
        return size

    def read_log(self) -> list[str]:
        """Return the errors and warnings since the last call, those of the Content-Security-Policy among them."""
        return [entry["message"] for entry in self._do("POST", "/se/log", {"type": "browser"})]


@contextmanager
def start_browser() -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it."""
    assert DRIVER
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, text=True, env=clean_environ()) as process,
    ):
        try:
            assert process.stdout
            port = next(
                found[1] for line in process.stdout if (found := re.search(r"successfully on port (\d+)", line))
            )
            options = {"args": [*_FLAGS, f"--user-data-dir={profile}"]}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=2 * LONGEST, trust_env=False) as client:
                made = client.post("/session", json={"capabilities": {"alwaysMatch": wanted}}).json()["value"]
                assert "sessionId" in made, made
                session = made["sessionId"]
                client.post(f"/session/{session}/timeouts", json={"script": int(LONGEST * 1000) + 5000})
                try:
                    yield Browser(client, session)
                finally:
                    client.delete(f"/session/{session}")
        finally:
            process.terminate()
