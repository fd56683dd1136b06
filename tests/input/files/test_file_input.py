"""Following files: where it begins, what it makes of a line that is not complete, and of each kind of path."""

import os
from pathlib import Path

import anyio
import pytest

from tests.helpers.following import Catcher, append, following
from tests.helpers.loops import on_every_loop
from tests.helpers.virtual import Journal


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@on_every_loop
async def test_what_is_written_to_a_file_is_delivered(log: Path) -> None:
    drain = Catcher()
    append(log, b"old")
    async with following(drain, log):
        await drain.until(lambda: True)
        await anyio.lowlevel.checkpoint()
        append(log, b"one", b"two")
        await drain.until_lines(b"one", b"two")
        append(log, b"three")
        await drain.until_lines(b"one", b"two", b"three")
    assert drain.lines == [b"one", b"two", b"three"]


@on_every_loop
async def test_from_beginning_takes_what_is_there(log: Path) -> None:
    drain = Catcher()
    append(log, b"old")
    async with following(drain, log, from_="beginning"):
        append(log, b"new")
        await drain.until_lines(b"old", b"new")


@on_every_loop
async def test_a_file_that_appears_later_is_read_whole(log: Path) -> None:
    drain = Catcher()
    async with following(drain, log):
        await anyio.lowlevel.checkpoint()
        append(log, b"one")
        await drain.until_lines(b"one")


@on_every_loop
async def test_without_following_it_ends_when_all_is_read(log: Path) -> None:
    drain = Catcher()
    append(log, *(b"%d" % number for number in range(5000)))
    with log.open("ab") as file:
        file.write(b"no newline")
    async with following(drain, log, follow=False) as shuttle:
        await drain.until(lambda: len(drain.lines) == 5001)
    assert drain.lines[-1] == b"no newline"
    assert str(shuttle.ledger) == "read=5001 delivered=5001 dropped=0 lost=0 held=0"


@on_every_loop
async def test_a_line_without_newline_is_sent_after_a_while(log: Path) -> None:
    drain = Catcher()
    async with following(drain, log, partial_timeout=0.1):
        await anyio.lowlevel.checkpoint()
        log.write_bytes(b"one\ntw")
        await drain.until_lines(b"one", b"tw")
        append(log, b"o")
        await drain.until_lines(b"one", b"tw", b"o")


@on_every_loop
async def test_a_line_written_in_parts_is_one(log: Path) -> None:
    drain = Catcher()
    async with following(drain, log):
        await anyio.lowlevel.checkpoint()
        log.write_bytes(b"one\ntw")
        await drain.until_lines(b"one")
        append(log, b"o")
        await drain.until_lines(b"one", b"two")


@on_every_loop
async def test_a_renamed_file_is_read_on(log: Path) -> None:
    drain = Catcher()
    log.touch()
    async with following(drain, log):
        await anyio.lowlevel.checkpoint()
        with log.open("ab", buffering=0) as old:
            old.write(b"one\n")
            await drain.until_lines(b"one")
            log.rename(log.with_name("app.log.1"))
            old.write(b"two\n")
            await drain.until_lines(b"one", b"two")
            append(log, b"three")
            await drain.until_lines(b"one", b"two", b"three")
            old.write(b"late\n")
            await drain.until_lines(b"one", b"two", b"three", b"late")


@on_every_loop
async def test_a_deleted_file_is_read_to_its_end(log: Path) -> None:
    drain = Catcher()
    log.touch()
    async with following(drain, log):
        await anyio.lowlevel.checkpoint()
        drain.held = True
        append(log, b"one")
        await drain.until(lambda: len(drain.calls) == 1)
        append(log, b"two")
        log.unlink()
        append(log, b"three")
        drain.held = False
        drain.change()
        await drain.until_lines(b"one", b"two", b"three")


@on_every_loop
async def test_copytruncate_loses_nothing(log: Path) -> None:
    drain = Catcher()
    async with following(drain, log):
        await anyio.lowlevel.checkpoint()
        append(log, b"one")
        await drain.until_lines(b"one")
        with log.open("ab") as file:
            file.write(b"two\nthr")
        log.with_name("app.log.1").write_bytes(log.read_bytes() + b"ee\n")
        os.truncate(log, 0)
        append(log, b"four")
        await drain.until_lines(b"one", b"two", b"three", b"four")


@on_every_loop
async def test_lines_truncated_unread_are_reported_lost(log: Path) -> None:
    drain, journal = Catcher(), Journal()
    async with following(drain, log, log=journal, num_outlets=1, batch_size=1, back_buff=1) as shuttle:
        await anyio.lowlevel.checkpoint()
        drain.held = True
        append(log, *(b"%d" % number for number in range(10)))
        await drain.until(lambda: len(drain.calls) == 1)
        await anyio.sleep(0.3)
        append(log, *(b"%d" % number for number in range(10, 15)))
        await anyio.sleep(0.3)
        os.truncate(log, 0)
        await anyio.sleep(0.3)
        append(log, b"new")
        drain.held = False
        drain.change()
        await drain.until(lambda: bool(drain.lines) and drain.lines[-1] == b"new")
    assert shuttle.ledger.lost == 5
    assert len(drain.lines) == 11
    assert [call.reports for call in drain.taken if call.reports] == [{"L13": 5}]


@on_every_loop
async def test_a_pattern_follows_files_that_come_later(tmp_path: Path) -> None:
    drain = Catcher()
    append(tmp_path / "a.log", b"a")
    async with following(drain, tmp_path / "*.log", from_="beginning", appname="app-{stem}", procid="{name}"):
        await drain.until_lines(b"a")
        append(tmp_path / "b.log", b"b")
        await drain.until_lines(b"a", b"b")
    assert b" app-a a.log " in drain.taken[0].body
    assert b" app-b b.log " in drain.taken[1].body


@on_every_loop
async def test_a_restart_goes_on_at_the_checkpoint(log: Path, tmp_path: Path) -> None:
    drain = Catcher()
    append(log, b"one")
    for number in range(3):
        async with following(drain, log, from_="beginning", state_dir=tmp_path / "state"):
            await drain.until(lambda number=number: len(drain.lines) == number + 1)  # type: ignore[misc]
        append(log, b"more %d" % number)
    assert drain.lines == [b"one", b"more 0", b"more 1"]


@on_every_loop
async def test_a_batch_in_flight_is_sent_again_unchanged(log: Path, tmp_path: Path) -> None:
    drain = Catcher()
    append(log, b"one", b"two")
    drain.status = 503
    async with following(drain, log, from_="beginning", state_dir=tmp_path / "state", land_timeout=0.0) as shuttle:
        await drain.until(lambda: len(drain.calls) == 1)
    assert (shuttle.ledger.lost, shuttle.ledger.held) == (0, 2)
    drain.status = 204
    async with following(drain, log, from_="end", state_dir=tmp_path / "state"):
        await drain.until_lines(b"one", b"two")
    assert len({(call.id, call.body) for call in drain.calls}) == 1
