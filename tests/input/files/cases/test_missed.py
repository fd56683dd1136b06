"""What is known to be gone and cannot be counted: a warning, `missed=` in the books, exit code 3, and a report."""

import re
import signal

import pytest

from shuttle.local_drain import LocalDrain
from tests.helpers.following import append, number_lines
from tests.helpers.process import Ended, start

pytestmark = pytest.mark.process
REPORT = re.compile(rb"Error L1\d: ")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, list[bytes]]:
    """How an agent ended, and what the drain has, when a file was deleted while none ran."""
    place = tmp_path_factory.mktemp("missed")
    log = place / "app.log"
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", str(place / "state"), "-stats-interval", "1h")
    append(log, *number_lines(0, 10))
    with LocalDrain() as drain:
        for messages in (10, 20):
            with start("-logs-url", drain.url, *flags) as agent:
                assert drain.wait_for(messages=messages)
                agent.signal(signal.SIGTERM)
                ended = agent.finish()
            append(log, *number_lines(10, 20))
            with log.open():  # as long as it is open its inode is not used again, by which it would seem to be cut
                log.unlink()
                append(log, *number_lines(20, 30))
        return ended, drain.messages


def test_what_was_there_arrives(found: tuple[Ended, list[bytes]]) -> None:
    messages = [message for message in found[1] if not REPORT.match(message)]
    assert sorted(messages) == sorted(line + b"\n" for line in (*number_lines(0, 10), *number_lines(20, 30)))


def test_a_warning_names_the_file(found: tuple[Ended, list[bytes]]) -> None:
    assert [line for line in found[0].named("file.missed") if "level=warning" in line and "app.log" in line]


def test_the_exit_code_is_3(found: tuple[Ended, list[bytes]]) -> None:
    assert found[0].code == 3


def test_the_ledger_line_has_the_stretch(found: tuple[Ended, list[bytes]]) -> None:
    assert [line for line in found[0].named("ledger") if re.search(r"\bmissed=1\b", line)]


def test_the_statistics_have_the_stretch(found: tuple[Ended, list[bytes]]) -> None:
    assert re.search(r"\bmissed\S*[ =:]+1\b", found[0].out), found[0].out


def test_the_drain_is_told(found: tuple[Ended, list[bytes]]) -> None:
    assert [message for message in found[1] if REPORT.match(message)]
