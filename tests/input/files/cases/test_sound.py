"""What has always been sound, and must stay so."""

import errno
import os
import signal
from pathlib import Path

import inotify_simple
import pytest

from shuttle.local_drain import LocalDrain
from tests.helpers.following import append, number_lines, rotate, soon
from tests.helpers.process import start
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual

NAMES = [b"app log.log", b"app\nlog.log", b"app[1].log", b"app*.log", b"-app.log", b"app-\xff.log", "äöü.log".encode()]


@both
@virtual
async def test_many_rotations_within_milliseconds_lose_nothing(log: Path, state: Path, down: bool) -> None:
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 1)
        await soon()
        async with trial.away(down):
            for _ in range(30):
                trial.write(log, 5)
                rotate(log)
        trial.write(log, 1)
        await trial.expect_all(LONG, ordered=True)


@pytest.mark.parametrize("name", NAMES)
@both
@virtual
async def test_a_file_with_an_odd_name_is_followed_through_a_rotation(
    logs: Path, state: Path, name: bytes, down: bool
) -> None:
    log = logs / os.fsdecode(name)
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 5)
        await soon()
        async with trial.away(down):
            trial.write(log, 5)
            rotate(log)
            trial.write(log, 5)
        await trial.expect_all(LONG)


@pytest.mark.parametrize("count", [5, 500])
@both
@virtual
async def test_a_file_cut_and_grown_again_is_read_from_its_top(log: Path, state: Path, count: int, down: bool) -> None:
    """Past the offset, or not as far."""
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 50)
        await soon()
        async with trial.away(down):
            os.truncate(log, 0)
            trial.write(log, count)
        await trial.expect_all(LONG)


@pytest.mark.parametrize("name", ["add_watch", "__init__"], ids=["no watches", "no instance"])
@virtual
async def test_rotation_is_noticed_without_inotify(log: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(inotify_simple.INotify, name, refuse)
    log.touch()
    async with Trial(log) as trial:
        for _ in range(5):
            trial.write(log, 5)
            await soon()
            rotate(log)
        trial.write(log, 5)
        await trial.expect_all(LONG)


@pytest.mark.process
def test_an_agent_that_was_stopped_across_rotations_loses_nothing(tmp_path: Path, log: Path) -> None:
    log.touch()
    flags = ("-file", str(log), "-from", "beginning", "-state-dir", str(tmp_path / "state"), "-verbose")
    with LocalDrain() as drain, start("-logs-url", drain.url, *flags) as agent:
        append(log, *number_lines(0, 100))
        assert drain.wait_for(messages=100)
        agent.signal(signal.SIGSTOP)
        for first in (100, 200, 300):
            append(log, *number_lines(first, first + 100))
            rotate(log)
        append(log, *number_lines(400, 500))
        agent.signal(signal.SIGCONT)
        assert drain.wait_for(messages=500)
        agent.signal(signal.SIGTERM)
        ended = agent.finish()
        assert (ended.code, ended.ledger.read) == (0, 500)
        assert sorted(drain.messages) == sorted(line + b"\n" for line in number_lines(0, 500))
