"""A replay on a terminal: the bar stays until all is delivered, no line tears it, and a summary follows."""

import re
import signal
from pathlib import Path

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.process import Agent, make_lines, start
from tests.helpers.terminal import Terminal, render

pytestmark = pytest.mark.process

LINES = 2000
BATCH = 50
FLAGS = ("-follow=false", "-num-outlets", "1", "-batch-size", str(BATCH), "-verbose")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_bytes(b"".join(make_lines(LINES)))
    return path


def finish(agent: Agent, terminal: Terminal) -> tuple[int, list[str]]:
    """Return the exit code, and what then stands on the screen."""
    code = agent.finish().code
    terminal.hang_up()
    return code, render(terminal.text)


def test_the_bar_stays_until_all_is_delivered_and_no_line_tears_it(log: Path) -> None:
    with (
        Terminal() as terminal,
        LocalDrain(Behaviour(delay=0.05)) as drain,
        start("-file", str(log), *FLAGS, "-logs-url", drain.url, stderr=terminal.fd) as agent,
    ):
        assert drain.wait_for(messages=LINES // 2)  # all is read long since
        place = len(terminal.text)
        code, screen = finish(agent, terminal)
    bars = [int(percent) for percent in re.findall(r"([ \d]{3})%\|", terminal.text[place:])]
    assert code == 0
    assert bars
    assert 40 <= bars[0] < 70
    assert bars == sorted(bars)
    assert screen.pop() == ""
    assert [line for line in screen if not re.fullmatch(r"ts=\S+ app=log-shuttle level=\w+ at=.*", line)] == []
    events = [line.split(" at=")[1].split()[0] for line in screen]
    assert events.count("post") == LINES // BATCH
    assert events[-2:] == ["replayed", "ledger"]
    size = log.stat().st_size
    assert re.search(rf" at=replayed bytes={size} lines={LINES} seconds=\d+\.\d+ lines/s=\d+$", screen[-2])


def test_a_replay_that_is_interrupted_leaves_no_bar(log: Path) -> None:
    with (
        Terminal() as terminal,
        LocalDrain(Behaviour(delay=0.05)) as drain,
        start("-file", str(log), *FLAGS, "-logs-url", drain.url, stderr=terminal.fd) as agent,
    ):
        terminal.wait_for("%|")
        agent.signal(signal.SIGTERM)
        _, screen = finish(agent, terminal)
    assert screen.pop() == ""
    assert [line for line in screen if "%|" in line] == []
    assert sum(" at=replayed " in line for line in screen) == 1


def test_without_a_terminal_there_is_no_bar_and_no_summary(log: Path) -> None:
    with LocalDrain() as drain, start("-file", str(log), *FLAGS, "-logs-url", drain.url) as agent:
        ended = agent.finish()
    assert ended.code == 0
    assert "%|" not in ended.err
    assert ended.named("replayed") == []
