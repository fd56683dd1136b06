"""Files that are no logs: none of them ends the agent, or is read for ever."""

import contextlib
import signal
from pathlib import Path

import pytest

from shuttle.input.files.data_reader import SHORT
from shuttle.local_drain import LocalDrain
from tests.helpers.process import start

pytestmark = pytest.mark.process


@pytest.mark.parametrize("strange", ["/proc/self/mem", "/dev/zero", "/"])
def test_a_link_to_a_strange_file_stops_no_other(tmp_path: Path, strange: str) -> None:
    (tmp_path / "a.log").symlink_to(strange)
    flags = ("-file", str(tmp_path / "*.log"), "-from", "beginning")
    with LocalDrain() as drain, start("-logs-url", drain.url, *flags) as agent:
        (tmp_path / "b.log").write_text("line\n")
        assert drain.wait_for(messages=1)
        agent.signal(signal.SIGTERM)
        assert agent.finish().code == 0
        assert drain.messages == [b"line\n"]


def test_a_named_file_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    flags = ("-file", "/proc/self/mem", "-file", str(tmp_path / "b.log"), "-from", "beginning")
    (tmp_path / "b.log").write_text("line\n")
    with LocalDrain() as drain, start("-logs-url", drain.url, *flags) as agent:
        assert drain.wait_for(messages=1)
        agent.signal(signal.SIGTERM)
        ended = agent.finish()
    assert ended.code == 0
    assert ended.named("file.unreadable")


def test_a_huge_deleted_file_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """It is all gaps, and takes seconds to count. What was counted is a lower bound."""
    path = tmp_path / "a.log"
    path.write_text("first\n")
    flags = ("-file", str(path), "-from", "beginning", "-land-timeout", "2s")
    with contextlib.ExitStack() as stack:
        with LocalDrain() as drain:
            agent = stack.enter_context(start("-logs-url", drain.url, *flags))
            assert drain.wait_for(messages=1)
        with path.open("ab") as file:  # the drain is gone: what is written now waits
            file.write(b"second\n" * 1000)
        agent.hear("at=drain.down")
        with path.open("ab") as file:
            file.write((b"second\n" + bytes(SHORT)) * 200_000)
        path.unlink()
        agent.signal(signal.SIGTERM)
        ended = agent.finish()
    assert ended.code == 3
    [missed] = ended.named("file.missed")
    assert "uncounted=true" in missed
    assert ended.ledger.missed == 1
