"""A replay (-follow=false) ends with an honest exit code, so that `... && rm FILE` destroys nothing."""

import signal
from pathlib import Path

import pytest

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.process import LONGEST, make_lines, run, start

pytestmark = pytest.mark.process


def test_a_complete_replay_exits_with_0(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"".join(make_lines(100)))
    with LocalDrain() as drain:
        assert run("-logs-url", drain.url, "-follow=false", "-file", str(tmp_path / "app.log")).code == 0
    assert drain.messages == make_lines(100)


@pytest.mark.parametrize("state", [True, False])
def test_an_interrupted_replay_exits_with_the_signal(state: bool, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(make_lines(200_000)))
    flags = ["-follow=false", "-file", str(log), "-back-bytes", "64KiB", "-land-timeout", "500ms"]
    flags += ["-state-dir", str(tmp_path / "state")] if state else []
    with LocalDrain(Behaviour(delay=LONGEST)) as drain, start("-logs-url", drain.url, "-timeout", "0", *flags) as agent:
        assert drain.wait_for(requests=1)
        agent.signal(signal.SIGTERM)
        ended = agent.finish()
    assert ended.code == 128 + signal.SIGTERM
    [told] = ended.named("replay.interrupted")
    unread = int(told.partition("unread=")[2].split()[0])
    assert 0 < unread < log.stat().st_size


def test_a_replay_that_holds_lines_says_so_and_does_not_exit_with_0(tmp_path: Path) -> None:
    """The checkpoints say where the next start goes on; who removes the files destroys the rest."""
    (tmp_path / "app.log").write_bytes(b"".join(make_lines(100)))
    flags = ("-follow=false", "-file", str(tmp_path / "app.log"), "-state-dir", str(tmp_path / "state"))
    with LocalDrain(Behaviour(status=401)) as drain:
        ended = run("-logs-url", drain.url, *flags)
    assert ended.code == 4
    assert "held=100" in ended.named("replay.incomplete")[0]
    assert (ended.ledger.read, ended.ledger.held) == (100, 100)
    with LocalDrain() as drain:
        assert run("-logs-url", drain.url, *flags).code == 0
    assert drain.messages == make_lines(100)


def test_a_replay_with_a_path_that_is_not_trusted_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"".join(make_lines(100)))
    (tmp_path / "null.log").symlink_to("/dev/null")
    with LocalDrain() as drain:
        assert run("-logs-url", drain.url, "-follow=false", "-file", str(tmp_path / "*.log")).code == 1
    assert drain.messages == make_lines(100)


def test_a_file_without_a_size_is_read_once() -> None:
    with LocalDrain() as drain:
        assert run("-logs-url", drain.url, "-follow=false", "-file", "/proc/version").code == 0
    assert drain.messages == Path("/proc/version").read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("missing", ["gone.log", "*.gone"])
def test_a_replay_with_a_missing_file_delivers_the_rest(missing: str, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"".join(make_lines(3)))
    files = ("-file", str(tmp_path / missing), "-file", str(tmp_path / "app.log"))
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-follow=false", *files)
    assert ended.code == 1
    assert missing in ended.named("file.unreadable")[0]
    assert drain.messages == make_lines(3)


def test_an_interrupted_follower_exits_with_0(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"".join(make_lines(3)))
    flags = ("-file", str(tmp_path / "app.log"), "-from", "beginning")
    with LocalDrain() as drain, start("-logs-url", drain.url, *flags) as agent:
        assert drain.wait_for(messages=3)
        agent.signal(signal.SIGTERM)
        assert agent.finish().code == 0
