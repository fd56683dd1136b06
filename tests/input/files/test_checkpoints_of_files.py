"""Starts after stops: each line comes once, whatever has become of the files, the store or the agent meanwhile."""

import resource
import shutil
from os import truncate as resize
from pathlib import Path
from typing import Any

import pytest
import trio

from shuttle.config import MIB
from shuttle.errors import ConfigError
from shuttle.input.files.rotation.rotated_path import QUIET
from shuttle.store.checkpoints import FILE
from tests.helpers.checkpoints import kill
from tests.helpers.drains import HANG, TAKE, Answer, Drain
from tests.helpers.following import SOON, Catcher, append, copytruncate, following, number_lines, rotate
from tests.helpers.virtual import Journal, virtual

DOWN = Answer(503)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def inode(path: Path) -> int:
    return path.stat().st_ino


@virtual
async def test_a_new_file_with_a_reused_inode_is_read_whole(log: Path, state: Path) -> None:
    """Written over in place, which gives the same inode as its reuse does."""
    drain, journal = Drain(), Journal()
    append(log, *number_lines(0, 10))
    before = inode(log)
    async with following(drain, log, from_="beginning", state_dir=state):
        await trio.sleep(SOON)
    log.write_bytes(b"".join(b"other %d\n" % number for number in range(50)))
    assert inode(log) == before
    async with following(drain, log, log=journal, state_dir=state):
        await trio.sleep(SOON)
    assert drain.lines == number_lines(0, 10) + [b"other %d" % number for number in range(50)]
    assert len(journal.named("file.missed")) == 1


@virtual
async def test_two_files_that_change_places_are_told_apart(tmp_path: Path, state: Path) -> None:
    """Two files have changed their places."""
    drain = Drain()
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    append(first, *number_lines(0, 10))
    append(second, *number_lines(100, 130))
    async with following(drain, first, second, from_="beginning", state_dir=state, num_outlets=1):
        await trio.sleep(SOON)
    drain.heard.clear()
    aside = tmp_path / "aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    append(first, b"one")
    append(second, b"two")
    async with following(drain, first, second, state_dir=state):
        await trio.sleep(SOON)
    assert {b"one", b"two"} <= set(drain.lines)


@virtual
async def test_a_file_recorded_empty_is_read_from_its_start(log: Path, state: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, log, state_dir=state):
        await trio.sleep(SOON)
    append(log, b"one")
    async with following(drain, log, state_dir=state):
        await trio.sleep(SOON)
    assert drain.lines == [b"one"]


@virtual
async def test_a_copy_with_lines_after_the_last_read_is_found(log: Path, state: Path) -> None:
    """Nothing of the truncated file is known but its inode: the file before it says where the copy stands."""
    drain = Drain()
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", state_dir=state):
        await trio.sleep(SOON)
        rotate(log)
        await trio.sleep(QUIET + SOON)
    append(log, *number_lines(10, 13))
    log.with_name("app.log.1").rename(log.with_name("app.log.2"))
    copytruncate(log)
    append(log, *number_lines(13, 20))
    async with following(drain, log, state_dir=state, num_outlets=1):
        await trio.sleep(SOON)
    assert drain.lines == number_lines(0, 20)


@virtual
async def test_a_copy_in_place_of_its_original_is_read_once(log: Path, state: Path) -> None:
    """As a backup that is restored, or an editor that saves."""
    drain = Drain()
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", state_dir=state):
        await trio.sleep(SOON)
    backup = log.with_name("backup")
    shutil.copy(log, backup)
    append(backup, b"line 10")
    backup.rename(log)
    async with following(drain, log, state_dir=state):
        await trio.sleep(SOON)
    assert drain.lines == number_lines(0, 11)


@virtual
async def test_a_copy_put_in_place_while_running_is_read_once(log: Path) -> None:
    drain = Drain()
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning"):
        await trio.sleep(SOON)
        backup = log.with_name("backup")
        shutil.copy(log, backup)
        append(backup, b"line 10")
        backup.rename(log)
        await trio.sleep(SOON)
        assert drain.lines == number_lines(0, 11)


@virtual
async def test_an_older_backup_is_read_again_and_logged(log: Path, state: Path) -> None:
    drain, journal = Drain(), Journal()
    append(log, *number_lines(0, 5))
    shutil.copy(log, log.with_name("backup"))
    append(log, *number_lines(5, 10))
    async with following(drain, log, from_="beginning", state_dir=state):
        await trio.sleep(SOON)
    log.with_name("backup").rename(log)
    async with following(drain, log, log=journal, state_dir=state):
        await trio.sleep(SOON)
    assert drain.lines == number_lines(0, 10) + number_lines(0, 5)
    assert len(journal.named("file.missed")) == 1


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(20_000)], ids=["empty", "garbage", "zeros"])
@virtual
async def test_a_broken_store_is_logged_and_the_start_goes_on(log: Path, state: Path, content: bytes) -> None:
    """At the beginnings of the files: lines come twice, and none is passed over."""
    drain, journal = Drain(), Journal()
    append(log, b"one")
    async with following(drain, log, from_="beginning", state_dir=state):
        await trio.sleep(SOON)
    (state / FILE).write_bytes(content)
    for side in state.glob(f"{FILE}-*"):
        side.unlink()
    async with following(drain, log, log=journal, state_dir=state):
        await trio.sleep(SOON)
        append(log, b"two")
        await trio.sleep(SOON)
    assert drain.lines == [b"one", b"one", b"two"]
    assert len(journal.named("state.broken")) == 1
    append(log, b"three")
    async with following(drain, log, state_dir=state):
        await trio.sleep(SOON)
    assert drain.lines == [b"one", b"one", b"two", b"three"]


@virtual
async def test_after_a_full_disk_the_checkpoints_catch_up(log: Path, state: Path) -> None:
    """A limit of the process stands for the disk's: no file can grow."""
    drain, journal = Drain(), Journal()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    append(log, *number_lines(0, 10))
    async with following(drain, log, log=journal, from_="beginning", state_dir=state):
        await trio.sleep(SOON)
        append(log, *number_lines(10, 1000))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
        try:
            await trio.sleep(SOON)
            assert drain.lines == number_lines(0, 1000)
            assert len(journal.named("state.failed")) == 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        append(log, b"line 1000")
        await trio.sleep(SOON)
        assert len(journal.named("state.restored")) == 1
    append(log, b"line 1001")
    async with following(drain, log, state_dir=state):
        await trio.sleep(SOON)
    assert drain.lines == number_lines(0, 1002)


@virtual
async def test_a_second_agent_on_the_same_store_is_refused(log: Path, state: Path) -> None:
    async with following(Drain(), log, state_dir=state):
        with pytest.raises(ConfigError, match="is in use by another log-shuttle"):
            async with following(Drain(), log, state_dir=state):
                pass


@virtual
async def test_running_without_a_store_is_logged_once(log: Path, tmp_path: Path) -> None:
    journal = Journal()
    async with following(Drain(), log, tmp_path / "*.txt", log=journal):
        await trio.sleep(SOON)
        append(log, b"one")
        await trio.sleep(SOON)
    assert len(journal.named("state.none")) == 1


@virtual
async def test_the_rest_is_held_with_a_store_and_lost_without(log: Path, state: Path) -> None:
    append(log, *number_lines(0, 10))
    settings: dict[str, Any] = {"from_": "beginning", "land_timeout": 0.0}
    async with following(Drain(DOWN), log, **settings) as shuttle:
        await trio.sleep(SOON)
    assert str(shuttle.ledger) == "read=10 delivered=0 dropped=0 lost=10 held=0"
    async with following(Drain(DOWN), log, state_dir=state, **settings) as shuttle:
        await trio.sleep(SOON)
    assert str(shuttle.ledger) == "read=10 delivered=0 dropped=0 lost=0 held=10"


@virtual
async def test_refused_lines_are_not_sent_again_by_the_next_start(log: Path, state: Path) -> None:
    append(log, *number_lines(0, 10))
    async with following(Drain(Answer(400)), log, from_="beginning", state_dir=state) as shuttle:
        await trio.sleep(SOON)
    assert shuttle.ledger.lost == 10
    drain = Drain()
    append(log, b"line 10")
    async with following(drain, log, state_dir=state):
        await trio.sleep(SOON)
    assert drain.lines == [b"line 10"]


@virtual
async def test_a_line_written_around_a_restart_is_one(log: Path, state: Path) -> None:
    drain = Drain()
    log.write_bytes(b"one\ntw")
    async with following(drain, log, from_="beginning", state_dir=state):
        await trio.sleep(SOON)
    append(log, b"o")
    async with following(drain, log, state_dir=state):
        await trio.sleep(SOON)
    assert drain.lines == [b"one", b"two"]


@pytest.mark.parametrize("parts", [(b"th", b"re"), (b"t", b"h", b"r", b"e"), (b"x" * 300_000, b"y" * 300_000)])
@virtual
async def test_a_partial_line_does_not_disturb_a_checkpoint(log: Path, state: Path, parts: tuple[bytes, ...]) -> None:
    drain, journal = Drain(), Journal()
    async with following(drain, log, from_="beginning", state_dir=state, wait=2.0):
        append(log, *number_lines(0, 100))
        await trio.sleep(0.1)
        for part in parts:
            with log.open("ab") as file:
                file.write(part)
            await trio.sleep(0.1)
    append(log, b"e")
    async with following(drain, log, log=journal, state_dir=state):
        await trio.sleep(SOON)
    assert b"".join(drain.lines) == b"".join([*number_lines(0, 100), *parts, b"e"])
    assert journal.events == []


@virtual
async def test_overlong_lines_survive_restarts(log: Path, state: Path) -> None:
    """Each piece of them is a line of its own, and a restart may come between two pieces."""
    drain = Drain()
    text = b"".join(b"%08d" % number for number in range(MIB * 3 // 8))
    settings: dict[str, Any] = {"from_": "beginning", "state_dir": state, "max_line_length": 10_000}
    log.write_bytes(text[: MIB * 3 // 2])
    for start, end in ((MIB * 3 // 2, MIB * 2), (MIB * 2, len(text))):
        async with following(drain, log, **settings):
            await trio.sleep(SOON)
        with log.open("ab") as file:
            file.write(text[start:end])
    append(log, b"", b"next")
    async with following(drain, log, **settings):
        await trio.sleep(SOON)
    assert b"".join(drain.lines) == text + b"next"
    assert drain.lines[-1] == b"next"


@virtual
async def test_pieces_of_a_long_line_in_flight_are_sent_again(log: Path, state: Path) -> None:
    drain = Drain(DOWN)
    settings: dict[str, Any] = {"from_": "beginning", "state_dir": state, "land_timeout": 0.0, "num_outlets": 1}
    log.write_bytes(b"first\n" + "ä".encode() * MIB + b"\nlast\n")
    async with following(drain, log, **settings):
        await trio.sleep(SOON)
    before = {call.id: call.body for call in drain.calls}
    drain.script = lambda _: TAKE
    async with following(drain, log, **settings) as shuttle:
        await trio.sleep(10 * SOON)
    assert b"".join(drain.lines) == b"first" + "ä".encode() * MIB + b"last"
    again = {call.id: call.body for call in drain.calls}
    assert {id_: again[id_] for id_ in before} == before
    assert shuttle.ledger.read == shuttle.ledger.delivered


@virtual
async def test_batches_of_several_files_in_flight_are_sent_again(tmp_path: Path, state: Path) -> None:
    drain = Drain(DOWN)
    settings: dict[str, Any] = {
        "state_dir": state,
        "land_timeout": 0.0,
        "procid": "{name}",
        "from_": "beginning",
        "wait": 0.5,
    }
    for name in "abc":
        append(tmp_path / f"{name}.log", *number_lines(0, 10))
    async with following(drain, tmp_path / "*.log", **settings):
        await trio.sleep(SOON)
    before = {call.id: call.body for call in drain.calls}
    drain.script = lambda _: TAKE
    async with following(drain, tmp_path / "*.log", **settings):
        await trio.sleep(SOON)
    assert {call.id: call.body for call in drain.heard} == before
    assert sorted(drain.lines) == sorted(number_lines(0, 10) * 3)


@virtual
async def test_a_vanished_file_in_flight_is_counted_alone(tmp_path: Path, state: Path) -> None:
    drain = Drain(DOWN)
    settings: dict[str, Any] = {"state_dir": state, "land_timeout": 0.0, "from_": "beginning", "wait": 0.5}
    append(tmp_path / "a.log", *number_lines(0, 10))
    append(tmp_path / "b.log", *number_lines(10, 20))
    async with following(drain, tmp_path / "*.log", **settings):
        await trio.sleep(SOON)
    (tmp_path / "a.log").unlink()
    drain.script = lambda _: TAKE
    async with following(drain, tmp_path / "*.log", **settings) as shuttle:
        await trio.sleep(SOON)
    assert drain.lines == number_lines(10, 20)
    assert shuttle.ledger.lost == 10


@virtual
async def test_a_file_made_while_the_agent_is_down_is_read_whole(tmp_path: Path, state: Path) -> None:
    """An agent that has run before is no new one on old files."""
    drain = Drain()
    append(tmp_path / "a.log", b"old")
    async with following(drain, tmp_path / "*.log", state_dir=state):
        await trio.sleep(SOON)
    append(tmp_path / "b.log", b"one")
    async with following(drain, tmp_path / "*.log", state_dir=state):
        await trio.sleep(SOON)
    assert drain.lines == [b"one"]


@virtual
async def test_a_named_file_made_before_a_restart_is_read_whole(log: Path, state: Path) -> None:
    drain = Drain()
    async with following(drain, log, state_dir=state):
        await trio.sleep(SOON)
    append(log, b"one")
    async with following(drain, log, state_dir=state):
        await trio.sleep(SOON)
    assert drain.lines == [b"one"]


@virtual
async def test_a_checkpoint_counts_without_following_too(log: Path, state: Path) -> None:
    drain = Drain()
    for number in range(3):
        append(log, b"%d" % number)
        async with following(drain, log, follow=False, state_dir=state):
            await trio.sleep(SOON)
    assert drain.lines == [b"0", b"1", b"2"]


@virtual
async def test_a_store_forgets_files_that_come_and_go(tmp_path: Path, state: Path) -> None:
    drain = Drain()
    async with following(drain, tmp_path / "*.log", state_dir=state):
        await trio.sleep(SOON)
        for number in range(20):
            path = tmp_path / f"{number}.log"
            append(path, b"%d" % number)
            await trio.sleep(SOON)
            path.unlink()
        await trio.sleep(200.0)
        assert len(drain.lines) == 20
        assert kill(state).files == []
        assert not [link for link in Path("/proc/self/fd").iterdir() if link.resolve().parent == tmp_path]


@virtual
async def test_a_file_truncated_unread_is_known_after_a_restart(log: Path, state: Path) -> None:
    """As long as an older file is open the checkpoint of what was lost stands too, and has the same inode."""
    drain, journal = Catcher(), Journal()
    drain.held = True
    append(log, *number_lines(0, 10))
    narrow = {"back_buff": 1, "batch_size": 1, "num_outlets": 1}
    async with following(drain, log, from_="beginning", state_dir=state, log=journal, **narrow):
        await trio.sleep(SOON)
        rotate(log)
        await trio.sleep(SOON)
        append(log, *number_lines(10, 20))
        await trio.sleep(SOON)
        resize(log, 0)
        await trio.sleep(SOON)
        drain.held = False
        drain.change()
        await trio.sleep(SOON)
        append(log, *number_lines(20, 30))
        await trio.sleep(SOON)
    assert [told["lines"] for told in journal.named("file.missed")] == [10]
    async with following(drain, log, state_dir=state):
        await trio.sleep(SOON)
    assert drain.lines == number_lines(0, 10) + number_lines(20, 30)


@virtual
async def test_an_hour_without_the_drain_loses_nothing(log: Path) -> None:
    append(log, *number_lines(0, 100))
    drain = Drain(lambda *_: DOWN if trio.current_time() < 3600 else TAKE)
    async with following(drain, log, from_="beginning", batch_size=10) as shuttle:
        await trio.sleep(3700)
    assert sorted(drain.lines) == sorted(number_lines(0, 100))
    assert shuttle.ledger.lost == 0


@virtual
async def test_a_landing_that_gives_up_loses_no_line_of_a_file(log: Path, state: Path) -> None:
    """A flush waits for room in the queue, and another line is in the batch that is being filled."""
    settings: dict[str, Any] = {"num_outlets": 1, "back_buff": 1, "batch_size": 100, "land_timeout": 1.0}
    log.touch()
    async with following(Drain(HANG), log, state_dir=state, **settings) as shuttle:
        await trio.sleep(SOON)
        for number in range(4):
            append(log, b"%d" % number)
            await trio.sleep(SOON)
    assert str(shuttle.ledger) == "read=4 delivered=0 dropped=0 lost=0 held=4"
