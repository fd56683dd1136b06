"""The command on a disk that is deleted under it, or cannot be written when it starts."""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from shuttle.local_drain import LocalDrain
from shuttle.store.promise import PromiseFile
from tests.helpers.disks import mounted, remount
from tests.helpers.process import find_closed_port, make_lines, run, start

pytestmark = pytest.mark.process

DEAD = f"http://127.0.0.1:{find_closed_port()}/"
SHORT = ("-wait", "10ms", "-land-timeout", "500ms")


@pytest.mark.parametrize("noticed", [True, False])
def test_a_deleted_spool_is_written_anew(tmp_path: Path, *, noticed: bool) -> None:
    """Also if it is deleted just before the end."""
    lines = make_lines(1000)
    spool = tmp_path / "spool"
    with start("-logs-url", DEAD, "-spool", str(spool), *SHORT, "-verbose") as agent:
        agent.stdin.write(b"".join(lines))
        agent.stdin.flush()
        agent.hear("at=post")
        shutil.rmtree(spool)
        if noticed:
            agent.hear("at=spool.salvaged")
            second = run("-logs-url", DEAD, "-spool", str(spool))
            assert second.err.endswith("is in use by another log-shuttle: give each its own directory\n")
        ended = agent.finish()
    assert ended.code == 4
    assert len(ended.named("spool.gone")) == 1
    assert (ended.ledger.read, ended.ledger.spooled, ended.ledger.lost) == (1000, 1000, 0)
    with LocalDrain() as drain:
        assert run("-logs-url", drain.url, "-spool", str(spool)).code == 0
        assert sorted(drain.messages) == lines


@pytest.mark.parametrize("side", ["", "-wal"])
def test_a_spool_that_is_cut_under_it_is_written_anew(tmp_path: Path, side: str) -> None:
    lines = make_lines(1000)
    spool = tmp_path / "spool"
    with start("-logs-url", DEAD, "-spool", str(spool), *SHORT, "-verbose") as agent:
        agent.stdin.write(b"".join(lines))
        agent.stdin.flush()
        agent.hear("at=post")
        os.truncate(spool / f"spool.sqlite{side}", 0)
        agent.hear("at=spool.salvaged")
        agent.signal(signal.SIGKILL)
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-spool", str(spool))
        assert (ended.code, ended.named("spool.salvaged")) == (0, [])
        assert sorted(drain.messages) == lines


@pytest.mark.parametrize("side", ["", "-wal"])
def test_a_spool_that_is_cut_behind_it_is_not_called_complete(tmp_path: Path, side: str) -> None:
    """And what is missing is counted, and the drain is told."""
    lines = make_lines(200_000)
    spool = tmp_path / "spool"
    with start("-logs-url", DEAD, "-spool", str(spool), *SHORT, "-drop=false") as agent:
        agent.stdin.write(b"".join(lines))
        agent.stdin.flush()
        promise = PromiseFile(spool / "spool.promise")
        while not (promised := promise.read()) or promised.before.lines < len(lines):
            time.sleep(0.01)
        agent.signal(signal.SIGKILL)
    os.truncate(spool / f"spool.sqlite{side}", 0)
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-spool", str(spool))
        assert ended.code == 3
        delivered = [message for message in drain.messages if not message.startswith(b"Error")]
        assert set(delivered) < set(lines)
        reported = sum(int(found[1]) for found in map(re.compile(rb"Error L13: (\d+) ").match, drain.messages) if found)
    assert (ended.ledger.read, ended.ledger.lost) == (len(lines), len(lines) - len(delivered))
    assert reported == ended.ledger.lost
    [salvaged] = ended.named("spool.salvaged")
    assert "complete=false" in salvaged


def test_a_read_only_spool_is_used_when_it_works(tmp_path: Path) -> None:
    lines = make_lines(1000)
    with mounted(tmp_path / "disk", "ro,size=24m") as disk:
        spool = ("-spool", str(disk / "spool"))
        with start("-logs-url", DEAD, *spool, *SHORT) as agent:
            agent.stdin.write(b"".join(lines))
            agent.stdin.flush()
            agent.hear("drain.down")
            remount(disk, "rw")
            agent.hear("at=spool.restored")
            ended = agent.finish()
        assert ended.code == 4
        assert len(ended.named("spool.failed")) == 1
        assert (ended.ledger.read, ended.ledger.spooled, ended.ledger.lost) == (1000, 1000, 0)
        with LocalDrain() as drain:
            assert run("-logs-url", drain.url, *spool).code == 0
            assert sorted(drain.messages) == lines


def test_a_read_only_spool_stops_nothing(tmp_path: Path) -> None:
    lines = make_lines(1000)
    with mounted(tmp_path / "disk", "ro,size=24m") as disk, LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-spool", str(disk / "spool"), data=b"".join(lines))
        assert ended.code == 0
        assert len(ended.named("spool.failed")) == 1
        assert sorted(drain.messages) == lines


def test_a_spool_on_a_small_disk_is_empty_once_all_is_delivered(tmp_path: Path) -> None:
    """Its log grew until it filled the disk, and what was settled came again at each start."""
    lines = make_lines(50_000)
    with mounted(tmp_path / "disk", "size=3m") as disk, LocalDrain() as drain:
        flags = ("-logs-url", drain.url, "-spool", str(disk / "spool"), "-spool-bytes", "1M", "-drop=false")
        ended = run(*flags, data=b"".join(lines))
        assert (ended.code, ended.err) == (0, "")
        assert sorted(drain.messages) == lines
        ended = run(*flags, data=b"new\n")
        assert (ended.code, ended.err) == (0, "")
        assert drain.messages[len(lines) :] == [b"new\n"]


def test_deleted_checkpoints_are_written_anew(tmp_path: Path) -> None:
    state, file = tmp_path / "state", tmp_path / "app.log"
    file.touch()
    with LocalDrain() as drain:
        flags = ("-logs-url", drain.url, "-file", str(file), "-state-dir", str(state), "-wait", "10ms")
        with start(*flags, "-from", "beginning", "-verbose") as agent:
            append(file, b"1\n")
            agent.hear("at=post")
            shutil.rmtree(state)
            agent.signal(signal.SIGTERM)
            ended = agent.finish()
        assert len(ended.named("state.gone")) == 1
        append(file, b"2\n")
        ended = run(*flags, "-follow=false")
        assert (ended.code, ended.err) == (0, "")
        assert drain.messages == [b"1\n", b"2\n"]


@pytest.mark.parametrize("what", ["broken", "gone"])
def test_checkpoints_that_are_lost_while_nothing_happens_are_written_anew(tmp_path: Path, what: str) -> None:
    state, file = tmp_path / "state", tmp_path / "app.log"
    file.touch()
    with LocalDrain() as drain:
        flags = ("-logs-url", drain.url, "-file", str(file), "-state-dir", str(state), "-wait", "10ms")
        with start(*flags, "-from", "beginning", "-verbose") as agent:
            append(file, b"1\n")
            agent.hear("at=post")
            if what == "broken":
                os.truncate(state / "checkpoints.sqlite", 0)
            else:
                state.rename(tmp_path / "moved")
            agent.hear(f"at=state.{what}")
            agent.signal(signal.SIGTERM)
            agent.finish()
        append(file, b"2\n")
        ended = run(*flags, "-follow=false")
        assert (ended.code, ended.err) == (0, "")
        assert drain.messages == [b"1\n", b"2\n"]


def test_read_only_checkpoints_are_read_and_stop_nothing(tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    file.touch()
    with mounted(tmp_path / "disk", "size=24m") as disk, LocalDrain() as drain:
        flags = ("-logs-url", drain.url, "-file", str(file), "-state-dir", str(disk / "state"), "-follow=false")
        append(file, b"1\n")
        assert run(*flags, "-from", "beginning").code == 0
        remount(disk, "ro")
        append(file, b"2\n")
        ended = run(*flags)
        assert ended.code == 0
        assert len(ended.named("state.failed")) == 1
        assert drain.messages == [b"1\n", b"2\n"]


def append(file: Path, data: bytes) -> None:
    with file.open("ab") as out:
        out.write(data)
