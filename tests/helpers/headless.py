"""A headless Chromium, driven through its debugging pipe: NUL behind each message, and no library."""

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.process import LONGEST

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage")


class Browser:
    """One tab."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._data = b""
        self._count = 0
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.errors: list[str] = []
        """What the page told its console of: exceptions, and what was blocked or not found."""
        for domain in ("Runtime", "Log", "Page"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol, and return its result."""
        self._count += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._count, "method": method, "params": params, **session}
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._count:
            if answer.get("method") in {"Runtime.exceptionThrown", "Log.entryAdded"}:
                self.errors.append(json.dumps(answer["params"]))
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, url: str, *, width: int = 1000, scheme: str = "light") -> None:
        """Open `url` in a window so wide, for somebody who prefers light or dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=url)

    def evaluate(self, code: str) -> Any:
        """Return the value of an expression in the page."""
        return self.call("Runtime.evaluate", expression=code, returnByValue=True)["result"].get("value")

    def wait_until(self, code: str) -> None:
        """Wait until an expression is true in the page."""
        until = time.monotonic() + LONGEST
        while not self.evaluate(code):
            assert time.monotonic() < until, self.evaluate("document.body.innerText")

    def press(self, key: str) -> None:
        """Press and release a key, such as Tab."""
        codes = {"Tab": 9, " ": 32}
        for kind in ("rawKeyDown", "char", "keyUp"):
            if kind != "char" or key == " ":
                text = {"text": key} if kind == "char" else {}
                self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=codes[key], **text)

    def _read(self) -> Any:
        while b"\0" not in self._data:
            ready, _, _ = select.select([self._reader], [], [], LONGEST)
            assert ready, "the browser says nothing"
            data = os.read(self._reader, 1 << 16)
            assert data, "the browser has ended"
            self._data += data
        message, _, self._data = self._data.partition(b"\0")
        return json.loads(message)


@contextmanager
def browsing(directory: Path) -> Iterator[Browser]:
    """Start a browser that has its files in `directory`; without one the test is skipped."""
    found = shutil.which("chromium")
    if not found:
        pytest.skip("chromium is not installed: apt-get install chromium")
    to_browser, from_browser = os.pipe(), os.pipe()
    # It reads from descriptor 3 and writes to 4, which may be in use here: a shell puts them there.
    script = f'exec "$@" 3<&{to_browser[0]} 4>&{from_browser[1]}'
    flags = [*FLAGS, "--remote-debugging-pipe", f"--user-data-dir={directory}"]
    inherited = (to_browser[0], from_browser[1])
    command = ["bash", "-c", script, "bash", found, *flags]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, pass_fds=inherited, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        for one in inherited:
            os.close(one)
        try:
            browser = Browser(from_browser[0], to_browser[1])
            yield browser
            with suppress(AssertionError):
                browser.call("Browser.close")
        finally:
            process.kill()
            for one in (from_browser[0], to_browser[1]):
                os.close(one)
