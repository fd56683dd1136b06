"""The command's own log: JSON where that is wanted, colours and a live line on a terminal and nowhere else."""

import json
import signal
import subprocess
import sys

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.process import LONGEST, clean_environ, find_closed_port, run, start
from tests.helpers.terminal import Terminal, render

pytestmark = pytest.mark.process

URL = ("-logs-url", f"http://127.0.0.1:{find_closed_port()}/")


def test_every_line_is_an_object_of_json() -> None:
    ended = run(*URL, "-log-format", "json", "-land-timeout", "1s", "-verbose", data=b"one\n")
    events = [json.loads(line) for line in ended.err.splitlines()]
    assert {"post", "drain.down", "lines.lost", "ledger"} <= {event["at"] for event in events}
    assert next(event for event in events if event["at"] == "ledger")["lost"] == 1


def test_without_a_terminal_there_are_no_colours_and_no_live_line() -> None:
    ended = run(*URL, "-land-timeout", "1s", data=b"one\n")
    assert "\x1b" not in ended.err


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}], ids=str)
def test_on_a_terminal_levels_are_coloured_unless_somebody_minds(environ: dict[str, str]) -> None:
    with Terminal() as terminal, start(*URL, "-land-timeout", "1s", stderr=terminal.fd, environ=environ) as agent:
        agent.finish(b"one\n")
        terminal.hang_up()
    assert ("level=\x1b[33mwarning\x1b[0m at=drain.down" in terminal.text) == (not environ)
    assert any(" level=warning at=drain.down " in line for line in render(terminal.text))


def test_an_outage_shows_one_live_line_that_is_gone_at_the_end() -> None:
    with Terminal() as terminal, start(*URL, "-land-timeout", "2s", stderr=terminal.fd) as agent:
        agent.stdin.write(b"one\n" * 3)
        agent.stdin.flush()
        terminal.wait_for("3 lines held, drain down for ")
        agent.signal(signal.SIGTERM)
        agent.stdin.close()
        terminal.wait_for("landing: 3 lines held, gives up in ")
        agent.finish()
        terminal.hang_up()
    screen = render(terminal.text)
    assert screen.pop() == ""
    assert [line for line in screen if not line.startswith("ts=")] == []


def test_a_landing_says_how_long_it_may_take() -> None:
    with (
        Terminal() as terminal,
        LocalDrain(Behaviour(delay=0.2)) as drain,
        start("-logs-url", drain.url, "-batch-size", "1", "-num-outlets", "1", stderr=terminal.fd) as agent,
    ):
        agent.finish(b"one\n" * 10)
        terminal.hang_up()
    assert "landing: " in terminal.text
    assert " lines held, about " in terminal.text
    assert len(drain.messages) == 10


def test_a_crash_is_told_in_objects_of_json_too() -> None:
    program = (
        "from shuttle.command.launch import launch; from shuttle.config import Config;"
        "launch(Config(logs_url='http://u:zq9-pass-word@drain.example/', log_format='json'),"
        " lambda config, views: [][len('zq9-pass-word')])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environ(),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    events = [json.loads(line) for line in ended.stderr.splitlines()]
    assert {event["at"] for event in events} == {"traceback"}
    assert events[-1]["line"] == "IndexError: list index out of range"
    assert "zq9" not in ended.stderr
