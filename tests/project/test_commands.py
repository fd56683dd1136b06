"""The commands that the documents show behind `$ ` print what the documents show.

Each example is a session of its own, in an empty directory, with a local drain at the port that the documents name.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from shuttle.local_drain import LocalDrain
from tests.helpers.documents import ROOT, Example, list_examples
from tests.helpers.process import LONGEST, clean_environ, find_closed_port

DRAIN, DRAIN_PORT = "log-shuttle-drain", "9080"
MOTO_PORT = "5000"

# Examples that do not run here, by the beginning of their first command.
ELSEWHERE = {
    "app | log-shuttle -logs-url http://127.0.0.1:9080/ -back-buff 2": "how many lines are dropped depends on the time",
    "python -m tests.faults spool": "it takes minutes: faults/test_oracles.py runs shorter ones",
    "python -m tests.faults files": "it takes a minute: faults/test_oracles.py runs shorter ones",
}

VARYING = (
    (r"ts=\S+", "ts=TIME"),
    (r"\b\d\d:\d\d:\d\d\.\d+", "TIME"),
    (r"request_id=\w+", "request_id=ID"),
    (r"\(\d+ ms\)", "(N ms)"),
    (r"=[\d.]+ms", "=Nms"),
)


def normalize(lines: list[str]) -> list[str]:
    """Return the lines in one order, without what differs from run to run."""
    text = "\n".join(lines)
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text)
    return sorted(filter(None, text.splitlines()))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which both commands are those of this repository."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, module in ((DRAIN, "shuttle.local_drain"), ("log-shuttle", "shuttle")):
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        (programs / name).chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return clean_environ() | {"PATH": path, "PYTHONPATH": str(ROOT)}


@contextmanager
def start_server(command: str, place: Path, environ: dict[str, str], lines: list[str]) -> Iterator[None]:
    """Run a server until the end of the block, from its first line on; a local drain's output is added to `lines`."""
    options = {"cwd": place, "env": environ, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(["sh", "-c", f"exec {command}"], **options) as server:  # type: ignore[call-overload]
        try:
            first = server.stdout.readline()
            yield
        finally:
            server.terminate()
            rest = server.stdout.read()  # communicate() would not see what is in this buffer already
            if command.startswith(DRAIN):
                told = [first.rstrip("\n"), *rest.splitlines()]
                lines += [line for line in told if not line.startswith(f"{DRAIN}: requests=")]  # which comes at its end


def run_session(example: Example, place: Path, environ: dict[str, str]) -> list[str]:
    """Run the commands of an example, and return what they and the local drain among them print."""
    servers = [command.removesuffix("&").strip() for command in example.commands if command.endswith("&")]
    script = "\n".join(command for command in example.commands if not command.endswith("&"))
    ports = {MOTO_PORT: str(find_closed_port()), DRAIN_PORT: str(find_closed_port())}
    lines: list[str] = []
    with ExitStack() as stack:
        if not any(server.startswith(DRAIN) for server in servers):
            ports[DRAIN_PORT] = re.search(r":(\d+)/", stack.enter_context(LocalDrain()).url)[1]  # type: ignore[index]
        for server in servers:
            command = f"{server} -port {ports[DRAIN_PORT]}" if server == DRAIN else replace(server, ports)
            stack.enter_context(start_server(command, place, environ, lines))
        done = subprocess.run(
            ["sh", "-c", replace(script, ports)],
            check=False,
            cwd=place,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
        )
    lines += done.stdout.splitlines()
    return [replace(line, {port: name for name, port in ports.items()}) for line in lines]


def replace(text: str, ports: dict[str, str]) -> str:
    for port, other in ports.items():
        text = re.sub(rf"\b{port}\b", other, text)
    return text


EXAMPLES = list_examples()


def why_elsewhere(example: Example) -> str:
    return next((why for begin, why in ELSEWHERE.items() if example.commands[0].startswith(begin)), "")


@pytest.mark.process
@pytest.mark.parametrize(
    "example",
    [pytest.param(each, id=f"{each.page}:{each.line}") for each in EXAMPLES if not why_elsewhere(each)],
)
def test_an_example_prints_what_its_page_shows(example: Example, environ: dict[str, str], tmp_path: Path) -> None:
    if "moto_server" in example.text and not shutil.which("moto_server", path=environ["PATH"]):
        pytest.skip("moto is not installed")
    place = tmp_path / "place"
    place.mkdir()
    printed = run_session(example, place, environ)
    assert normalize(printed) == normalize(example.output)


def test_what_runs_elsewhere_is_on_a_page() -> None:
    first = [example.commands[0] for example in EXAMPLES]
    assert [begin for begin in ELSEWHERE if not any(command.startswith(begin) for command in first)] == []
