"""Copies that rotation makes of a file before anybody has looked at it: all of it is read there, once."""

import errno
import gzip
from os import truncate as resize
from pathlib import Path
from typing import Any

import inotify_simple
import pytest
import trio

from shuttle.input.files.rotation.rotated_path import QUIET
from tests.helpers.drains import Answer, Drain
from tests.helpers.following import SOON, Catcher, append, copytruncate, following, number_lines, rotate
from tests.helpers.virtual import virtual

DOWN = Answer(503)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def copy_and_truncate(log: Path) -> None:
    log.with_name("app.log.1").rename(log.with_name("app.log.2"))
    copytruncate(log)


@pytest.mark.parametrize("since", [SOON, QUIET + SOON], ids=["while the file before it is open", "after that"])
@pytest.mark.parametrize("kept", [False, True], ids=["no checkpoints", "checkpoints"])
@virtual
async def test_an_unread_file_is_read_from_its_copy(log: Path, tmp_path: Path, since: float, kept: bool) -> None:
    drain = Drain()
    settings: dict[str, Any] = {"state_dir": tmp_path / "state"} if kept else {}
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", num_outlets=1, **settings):
        await trio.sleep(SOON)
        rotate(log)
        await trio.sleep(since)
        append(log, *number_lines(10, 13))
        copy_and_truncate(log)
        await trio.sleep(SOON)
        append(log, *number_lines(13, 20))
        await trio.sleep(SOON)
        rotate(log)
        await trio.sleep(SOON)
        append(log, *number_lines(20, 30))
        await trio.sleep(QUIET + SOON)
    assert drain.lines == number_lines(0, 30)


@pytest.mark.parametrize("seen", ["the copy as it begins", "the copy"])
@virtual
async def test_a_copy_seen_before_the_truncation_is_read_once(log: Path, seen: str) -> None:
    drain = Drain()
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", num_outlets=1):
        await trio.sleep(SOON)
        rotate(log)
        await trio.sleep(SOON)
        append(log, *number_lines(10, 13))
        log.with_name("app.log.1").rename(log.with_name("app.log.2"))
        copy = log.with_name("app.log.1")
        if seen == "the copy as it begins":
            copy.touch()
        else:
            copy.write_bytes(log.read_bytes())
        await trio.sleep(SOON)
        copy.write_bytes(log.read_bytes())
        resize(log, 0)
        append(log, *number_lines(13, 20))
        await trio.sleep(SOON)
    assert drain.lines == number_lines(0, 20)


@virtual
async def test_a_copy_in_a_polled_directory_is_found(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no more watches")

    monkeypatch.setattr(inotify_simple.INotify, "add_watch", refuse)
    drain = Drain()
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", num_outlets=1):
        await trio.sleep(SOON)
        rotate(log)
        await trio.sleep(SOON)
        append(log, *number_lines(10, 13))
        copy_and_truncate(log)
        await trio.sleep(SOON)
    assert drain.lines == number_lines(0, 13)


@pytest.mark.parametrize("taken", [10, 15, 20, 25, 30, 35, 40])
@virtual
async def test_a_file_compressed_before_it_was_read_is_read(log: Path, tmp_path: Path, taken: int) -> None:
    """Only its inode was known, and that is gone: its place is between those of others, at the next starts too."""
    drain, state = Catcher(), tmp_path / "state"
    narrow: dict[str, Any] = {"state_dir": state, "back_buff": 1, "num_outlets": 1, "batch_size": 1}
    append(log, *number_lines(0, 1))
    async with following(Drain(), log, from_="beginning", state_dir=state):
        await trio.sleep(SOON)
    append(log, *number_lines(0, 10))
    async with following(Drain(DOWN), log, land_timeout=0.0, **narrow):
        for start in (10, 20, 30):
            rotate(log)
            await trio.sleep(SOON)
            append(log, *number_lines(start, start + 10))
        await trio.sleep(SOON)
    second = log.with_name("app.log.2")
    log.with_name("app.log.2.gz").write_bytes(gzip.compress(second.read_bytes()))
    second.unlink()
    async with following(drain, log, land_timeout=0.0, **narrow):
        await drain.until(lambda: len(drain.lines) >= taken)
        drain.held = True
        await trio.sleep(SOON)
    drain.held = False
    async with following(drain, log, **narrow):
        await trio.sleep(QUIET + SOON)
    assert drain.lines == number_lines(0, 40)


@virtual
async def test_a_file_compressed_while_it_is_read_is_read_once(log: Path) -> None:
    drain = Catcher()
    narrow: dict[str, Any] = {"back_buff": 1, "num_outlets": 1, "batch_size": 1000}
    append(log, *number_lines(0, 50_000))
    async with following(drain, log, from_="beginning", **narrow):
        await drain.until(lambda: len(drain.lines) >= 1000)
        drain.held = True
        await trio.sleep(SOON)
        log.with_name("app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
        await trio.sleep(SOON)
        drain.held = False
        drain.change()
        await drain.until(lambda: len(drain.lines) >= 50_000)
        append(log, b"later")
        await trio.sleep(SOON)
    assert drain.lines == [*number_lines(0, 50_000), b"later"]
