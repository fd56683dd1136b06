"""The handler of logging under gunicorn, with four workers that are forked before the first request."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from shuttle.local_drain import LocalDrain
from tests.helpers.process import LONGEST, clean_environ, find_closed_port

pytestmark = pytest.mark.process

WORKERS = 4
# The module logs while the master imports it: its worker thread is there before the fork.
APPLICATION = """
import logging, os
from shuttle.logging import ShuttleHandler
logging.getLogger().addHandler(ShuttleHandler())
logging.getLogger().setLevel("INFO")
logging.info("imported")
def application(environ, start_response):
    logging.info("request %s in %d", environ["PATH_INFO"], os.getpid())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


@contextmanager
def serve(directory: Path, drain: LocalDrain) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    (directory / "application.py").write_text(APPLICATION)
    port = find_closed_port()
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", str(WORKERS), "--log-level", "warning"]
    command += ["--bind", f"127.0.0.1:{port}", "--chdir", str(directory), "application"]
    environ = clean_environ() | {"LOGS_URL": drain.url, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(command, env=environ) as process:
        try:
            assert drain.wait_for(messages=1)
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def ask(url: str) -> int:
    """Make a request and return which process has answered it."""
    for _ in range(1000):
        try:
            with urllib.request.urlopen(url, timeout=LONGEST) as answer:
                return int(answer.read())
        except ConnectionError:  # the worker was killed
            continue
        except OSError as error:
            if not isinstance(getattr(error, "reason", None), ConnectionError):
                raise
    raise AssertionError("nobody answers")


def read_requests(drain: LocalDrain) -> list[int]:
    return sorted(int(message.split(b"/")[1].split()[0]) for message in drain.messages if b"request" in message)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_everything_is_delivered_when_it_is_stopped(number: signal.Signals, tmp_path: Path) -> None:
    with LocalDrain() as drain:
        with serve(tmp_path, drain) as (process, url), ThreadPoolExecutor(8) as pool:
            asked = [*pool.map(lambda n: ask(f"{url}/{n}"), range(400))]
            process.send_signal(number)
            process.wait(LONGEST)
        assert len({*asked}) > 1
        assert read_requests(drain) == [*range(400)]
        assert drain.messages.count(b"imported\n") == 1


def test_a_worker_that_is_killed_costs_what_it_held_and_no_more(tmp_path: Path) -> None:
    with LocalDrain() as drain:
        with serve(tmp_path, drain) as (process, url):
            before = [ask(f"{url}/{n}") for n in range(200)]
            assert drain.wait_for(messages=1 + 200)
            os.kill(before[0], signal.SIGKILL)
            for n in range(200, 400):
                ask(f"{url}/{n}")
            process.send_signal(signal.SIGTERM)
            process.wait(LONGEST)
        assert read_requests(drain) == [*range(400)]
