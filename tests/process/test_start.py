"""What the start of the command does not load: each module costs every start, and few uses need these."""

import subprocess
import sys

import pytest

from tests.helpers.process import clean_environ

pytestmark = pytest.mark.process

SELDOM = (
    *("h11", "httpcore", "sqlite3", "botocore", "tqdm", "inotify_simple", "gunicorn", "prometheus_client"),
    *("shuttle.command.check", "shuttle.observe.web"),
)


def test_a_plain_start_loads_nothing_that_few_need() -> None:
    program = (
        "import sys; from shuttle.command.cli import main;"
        "main(['-logs-url', 'http://127.0.0.1:9/', '-land-timeout', '0s']);"
        f"print([name for name in {SELDOM!r} if name in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, input="", env=clean_environ(), capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
