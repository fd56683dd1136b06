"""`make demo-page`: an application whose metrics are on the drain's page until it is told to end."""

import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.helpers.process import LONGEST, clean_environ

ROOT = Path(__file__).parents[2]
INSTALLED = (Path(sys.executable).parent / "log-shuttle-drain").exists()

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not INSTALLED, reason="needs the commands where Python is: pip install -e ."),
]


def wait_for_metrics(url: str, *names: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ends = time.monotonic() + LONGEST
    text = ""
    while not all(f'name="{name}"' in text for name in names):
        assert time.monotonic() < ends, text
        with opener.open(f"{url}metrics") as answer:
            text = answer.read().decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_shows_the_applications_metrics_and_the_agents(number: signal.Signals) -> None:
    command = [sys.executable, "demo/page.py", "-port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=clean_environ()) as process:
        try:
            assert process.stdout
            url = next(found[1] for line in process.stdout if (found := re.match(r"Open (http://\S+/) ", line)))
            wait_for_metrics(url, "checkout", "db.latency", "db.size", "router.status.200", "log-shuttle.lines.read")
        finally:
            process.send_signal(number)
            rest = process.communicate(timeout=LONGEST)[0]
    assert process.returncode == 0
    [written] = re.findall(r"app \| (\d+) lines written", rest)
    [messages] = re.findall(r"refused=0 messages=(\d+) duplicates=0 dropped=0 lost=0", rest)
    assert int(messages) > int(written)  # with the agent's statistics


def test_why_the_drain_does_not_start_is_said() -> None:
    command = [sys.executable, "demo/page.py", "-port", "x"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=clean_environ(), check=False)
    assert ended.returncode == 2
    assert "-port" in ended.stdout
