"""Rotation by rename, by copy and by compression, while the agent runs and while it does not: nothing missing, nothing
twice. In virtual time, so that back-off and the slow looks cost nothing; the files are real.
"""

import contextlib
import gzip
import os
from pathlib import Path
from typing import Any

import pytest
import trio

from shuttle.input.followed import QUIET
from shuttle.input.watch import LOOK
from tests.helpers.drains import TAKE, Answer, Call, Drain
from tests.helpers.following import SOON, append, copytruncate, following, number_lines, rotate
from tests.helpers.virtual import Journal, virtual

DOWN = Answer(503)
NARROW: dict[str, Any] = {
    "num_outlets": 1,
    "batch_size": 1,
    "back_buff": 1,
}  # one request holds up the reading two lines later
RECOVERY = 60.0  # seconds of virtual time in which one outlet has gone through some back-off and many lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def answer(drain: Drain, answer: Answer) -> None:
    drain.script = lambda _: answer


@virtual
async def test_rotation_during_back_off_costs_nothing(log: Path) -> None:
    drain = Drain(DOWN)
    log.touch()
    async with following(drain, log, from_="beginning", num_outlets=1):
        for number in range(5):
            append(log, b"%d" % number)
            await trio.sleep(SOON)
            append(log, b"%d, right before" % number)
            rotate(log)
            await trio.sleep(SOON)
        append(log, b"last")
        assert drain.lines == []
        answer(drain, TAKE)
        await trio.sleep(RECOVERY)
        lines = [line for number in range(5) for line in (b"%d" % number, b"%d, right before" % number)]
        assert drain.lines == [*lines, b"last"]


@virtual
async def test_what_rotates_several_times_while_the_drain_holds_up_the_reading_is_read_in_order(log: Path) -> None:
    drain = Drain(DOWN)
    log.touch()
    async with following(drain, log, from_="beginning", **NARROW) as shuttle:
        for start in (0, 100, 200):
            append(log, *number_lines(start, start + 100))
            await trio.sleep(SOON)
            rotate(log)
            await trio.sleep(SOON)
        append(log, *number_lines(300, 400))
        answer(drain, TAKE)
        await trio.sleep(RECOVERY)
        assert drain.lines == number_lines(0, 400)
    assert str(shuttle.ledger) == "read=400 delivered=400 dropped=0 lost=0 held=0"


@virtual
async def test_two_rotations_between_two_looks_cost_nothing(log: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, log, from_="beginning"):
        append(log, b"one")
        await trio.sleep(SOON)
        append(log, b"two")
        rotate(log)
        append(log, b"three")
        rotate(log)
        append(log, b"four")
        await trio.sleep(SOON)
        assert drain.lines == [b"one", b"two", b"three", b"four"]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@virtual
async def test_files_that_were_rotated_while_nobody_looked_are_caught_up_in_order(
    log: Path, tmp_path: Path, packed: bool
) -> None:
    drain = Drain()
    settings: dict[str, Any] = {"state_dir": tmp_path / "state"}
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
    append(log, *number_lines(10, 20))
    rotate(log)
    append(log, *number_lines(20, 30))
    rotate(log)
    append(log, *number_lines(30, 40))
    if packed:
        plain = tmp_path / "app.log.2"
        plain.with_name("app.log.2.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    async with following(drain, log, from_="beginning", **settings) as shuttle:
        await trio.sleep(SOON)
        append(log, b"line 40")
        await trio.sleep(SOON)
        assert drain.lines == number_lines(0, 41)
    assert shuttle.ledger.lost == 0


@virtual
async def test_every_sibling_may_be_compressed_meanwhile(log: Path, tmp_path: Path) -> None:
    drain = Drain()
    settings: dict[str, Any] = {"state_dir": tmp_path / "state"}
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
    append(log, *number_lines(10, 20))
    rotate(log)
    append(log, *number_lines(20, 30))
    rotate(log)
    for name in ("app.log.1", "app.log.2"):
        plain = tmp_path / name
        plain.with_name(f"{name}.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
        assert drain.lines == number_lines(0, 30)


@virtual
async def test_a_file_that_was_rotated_away_and_deleted_costs_nothing_of_the_next_one(
    log: Path, tmp_path: Path
) -> None:
    """It was read to its end; the one after it was not, and was rotated while nobody looked."""
    drain = Drain()
    settings: dict[str, Any] = {"state_dir": tmp_path / "state"}
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
        rotate(log)
        append(log, *number_lines(10, 20))
        await trio.sleep(SOON)
    append(log, *number_lines(20, 30))
    rotate(log)
    (tmp_path / "app.log.2").unlink()
    append(log, *number_lines(30, 40))
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
        assert drain.lines == number_lines(0, 40)


@virtual
async def test_a_restart_within_a_minute_of_a_rotation_misses_nothing_and_says_nothing(
    log: Path, tmp_path: Path
) -> None:
    drain, journal = Drain(), Journal()
    settings: dict[str, Any] = {"state_dir": tmp_path / "state"}
    append(log, b"one")
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
        rotate(log)
        append(log, b"two")
        await trio.sleep(SOON)
    append(log, b"three")
    async with following(drain, log, from_="beginning", log=journal, **settings):
        await trio.sleep(SOON)
        assert drain.lines == [b"one", b"two", b"three"]
    assert journal.events == []


@virtual
async def test_late_lines_of_a_file_that_was_rotated_right_before_the_start_are_read(log: Path, tmp_path: Path) -> None:
    """An application reopens its log when it is told to, which may be a while after the rename."""
    drain = Drain()
    settings: dict[str, Any] = {"state_dir": tmp_path / "state"}
    append(log, b"one")
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
    with log.open("ab", buffering=0) as old:
        rotate(log)
        async with following(drain, log, from_="beginning", **settings):
            await trio.sleep(SOON)
            old.write(b"late\n")
            await trio.sleep(LOOK + SOON)
            assert drain.lines == [b"one", b"late"]


@virtual
async def test_late_lines_of_a_file_that_was_seen_only_after_its_rotation_are_read(log: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, log, from_="beginning"):
        append(log, b"one")
        await trio.sleep(SOON)
        rotate(log)
        with log.open("ab", buffering=0) as middle:
            middle.write(b"two\n")
            rotate(log)
            await trio.sleep(SOON)
            middle.write(b"late\n")
            await trio.sleep(LOOK + SOON)
        assert drain.lines == [b"one", b"two", b"late"]


@virtual
async def test_late_lines_of_a_rotated_file_are_seen_as_soon_as_others(log: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, log, from_="beginning"):
        with log.open("ab", buffering=0) as old:
            await trio.sleep(SOON)
            rotate(log)
            await trio.sleep(SOON)
            old.write(b"late\n")
            await trio.sleep(SOON)
        assert drain.lines == [b"late"]


@virtual
async def test_a_moved_file_is_let_go_when_it_has_been_quiet_and_its_descriptor_is_closed(
    log: Path, tmp_path: Path
) -> None:
    drain = Drain()
    append(log, b"one")
    async with following(drain, log, from_="beginning", state_dir=tmp_path / "state"):
        await trio.sleep(SOON)
        for _ in range(5):
            rotate(log)
            await trio.sleep(SOON)
        await trio.sleep(QUIET + LOOK)
        assert _list_open(log) == [str(log)]
        append(log, b"two")
        await trio.sleep(SOON)
        assert drain.lines == [b"one", b"two"]


def _list_open(log: Path) -> list[str]:
    """Return the names of the file and its siblings that are open."""
    names = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # what listing it opens
            names.append(str(link.readlink()))
    return [name for name in names if name.startswith(str(log))]


@virtual
async def test_a_file_that_was_empty_and_moved_is_let_go(log: Path) -> None:
    drain = Drain()
    async with following(drain, log, from_="beginning"):
        await trio.sleep(SOON)
        log.touch()
        await trio.sleep(SOON)
        log.rename(log.with_name("elsewhere"))
        await trio.sleep(QUIET + LOOK)
        append(log, b"one")
        await trio.sleep(SOON)
        assert drain.lines == [b"one"]


@virtual
async def test_a_file_that_comes_long_after_the_last_was_deleted_is_read_and_a_restart_says_nothing(
    log: Path, tmp_path: Path
) -> None:
    drain, journal = Drain(), Journal()
    settings: dict[str, Any] = {"state_dir": tmp_path / "state"}
    append(log, b"one")
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
        log.unlink()
        await trio.sleep(QUIET + LOOK)
        append(log, b"two")
        await trio.sleep(SOON)
    append(log, b"three")
    async with following(drain, log, from_="beginning", log=journal, **settings):
        await trio.sleep(SOON)
        assert drain.lines == [b"one", b"two", b"three"]
    assert journal.events == []


@virtual
async def test_a_file_that_is_moved_away_and_back_is_not_read_twice(log: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, log, from_="beginning"):
        append(log, b"one")
        await trio.sleep(SOON)
        log.rename(log.with_name("aside"))
        await trio.sleep(SOON)
        log.with_name("aside").rename(log)
        await trio.sleep(SOON)
        append(log, b"two")
        await trio.sleep(SOON)
        assert drain.lines == [b"one", b"two"]


@virtual
async def test_a_last_line_of_a_moved_file_is_sent_when_its_newline_stays_away(log: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, log, from_="beginning", partial_timeout=5.0):
        log.write_bytes(b"one\ntw")
        await trio.sleep(SOON)
        rotate(log)
        await trio.sleep(5.0 + SOON)
        assert drain.lines == [b"one", b"tw"]


@virtual
async def test_a_last_line_of_a_deleted_file_is_sent_when_it_is_let_go(log: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, log, from_="beginning", partial_timeout=1000.0):
        log.write_bytes(b"one\ntw")
        await trio.sleep(SOON)
        log.unlink()
        await trio.sleep(QUIET + LOOK)
        assert drain.lines == [b"one", b"tw"]


@virtual
async def test_the_beginning_of_a_line_whose_rest_was_truncated_away_is_sent_or_counted(log: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, log, from_="beginning", partial_timeout=1000.0) as shuttle:
        log.write_bytes(b"one\ntw")
        await trio.sleep(SOON)
        os.truncate(log, 0)
        await trio.sleep(SOON)
        append(log, b"new")
        await trio.sleep(SOON)
    assert shuttle.ledger.read == 3
    assert shuttle.ledger.delivered + shuttle.ledger.lost == 3


@virtual
async def test_what_a_copy_holds_of_a_truncated_file_is_read_also_if_nothing_more_is_written(log: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, log, from_="beginning"):
        append(log, b"one")
        await trio.sleep(SOON)
        append(log, b"two")
        copytruncate(log)
        await trio.sleep(SOON)
        assert drain.lines == [b"one", b"two"]


@virtual
async def test_copytruncate_while_the_drain_holds_up_the_reading_costs_nothing(log: Path) -> None:
    drain, journal = Drain(DOWN), Journal()
    log.touch()
    async with following(drain, log, from_="beginning", log=journal, **NARROW) as shuttle:
        append(log, *number_lines(0, 100))
        await trio.sleep(SOON)
        append(log, *number_lines(100, 200))
        await trio.sleep(SOON)
        copytruncate(log)
        await trio.sleep(SOON)
        append(log, *number_lines(200, 300))
        answer(drain, TAKE)
        await trio.sleep(RECOVERY)
        assert drain.lines == number_lines(0, 300)
    assert str(shuttle.ledger) == "read=300 delivered=300 dropped=0 lost=0 held=0"


@virtual
async def test_truncation_without_a_copy_while_the_drain_holds_up_the_reading_is_counted(log: Path) -> None:
    drain, journal = Drain(DOWN), Journal()
    log.touch()
    async with following(drain, log, from_="beginning", log=journal, **NARROW) as shuttle:
        append(log, *number_lines(0, 100))
        await trio.sleep(SOON)
        append(log, *number_lines(100, 200))
        await trio.sleep(SOON)
        os.truncate(log, 0)
        await trio.sleep(SOON)
        append(log, *number_lines(200, 300))
        answer(drain, TAKE)
        await trio.sleep(RECOVERY)
        assert drain.lines == number_lines(0, 100) + number_lines(200, 300)
    assert str(shuttle.ledger) == "read=300 delivered=200 dropped=0 lost=100 held=0"
    assert drain.told("L13") == 100
    assert [event["lines"] for event in journal.named("file.missed")] == [100]


@virtual
async def test_two_truncations_while_the_drain_holds_up_the_reading_are_both_counted(log: Path) -> None:
    drain = Drain(DOWN)
    log.touch()
    async with following(drain, log, from_="beginning", **NARROW) as shuttle:
        append(log, *number_lines(0, 100))
        await trio.sleep(SOON)
        for start in (100, 200):
            append(log, *number_lines(start, start + 100))
            await trio.sleep(SOON)
            os.truncate(log, 0)
            await trio.sleep(SOON)
        append(log, b"new")
        answer(drain, TAKE)
        await trio.sleep(RECOVERY)
        assert drain.lines == [*number_lines(0, 100), b"new"]
    assert str(shuttle.ledger) == "read=301 delivered=101 dropped=0 lost=200 held=0"


@virtual
async def test_a_truncated_file_that_has_grown_past_the_offset_is_read_from_its_beginning(log: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, log, from_="beginning"):
        append(log, *number_lines(0, 10))
        await trio.sleep(SOON)
        os.truncate(log, 0)
        append(log, *number_lines(1000, 1100))
        await trio.sleep(SOON)
        assert drain.lines == number_lines(0, 10) + number_lines(1000, 1100)


@virtual
async def test_a_truncation_while_nobody_looked_is_noticed_also_if_the_file_has_grown_past_the_offset(
    log: Path, tmp_path: Path
) -> None:
    drain, journal = Drain(), Journal()
    settings: dict[str, Any] = {"state_dir": tmp_path / "state"}
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
    os.truncate(log, 0)
    append(log, *number_lines(1000, 1100))
    async with following(drain, log, from_="beginning", log=journal, **settings):
        await trio.sleep(SOON)
        assert drain.lines == number_lines(0, 10) + number_lines(1000, 1100)
    assert len(journal.named("file.missed")) == 1


@virtual
async def test_a_restart_after_a_truncation_says_nothing_of_it(log: Path, tmp_path: Path) -> None:
    drain, journal = Drain(), Journal()
    settings: dict[str, Any] = {"state_dir": tmp_path / "state"}
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
        os.truncate(log, 0)
        await trio.sleep(SOON)
        append(log, b"new")
        await trio.sleep(SOON)
    for number in range(2):
        append(log, b"more %d" % number)
        async with following(drain, log, from_="beginning", log=journal, **settings):
            await trio.sleep(SOON)
    assert drain.lines == [*number_lines(0, 10), b"new", b"more 0", b"more 1"]
    assert journal.events == []


@virtual
async def test_copytruncate_while_nobody_looked_costs_nothing(log: Path, tmp_path: Path) -> None:
    drain = Drain()
    settings: dict[str, Any] = {"state_dir": tmp_path / "state"}
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
    append(log, *number_lines(10, 20))
    copytruncate(log)
    append(log, *number_lines(20, 30))
    async with following(drain, log, from_="beginning", **settings):
        await trio.sleep(SOON)
        assert drain.lines == number_lines(0, 30)


@virtual
async def test_what_was_in_flight_when_its_file_was_copied_and_truncated_is_sent_again_after_a_restart(
    log: Path, tmp_path: Path
) -> None:
    """Its lines waited for their batch to be old enough meanwhile."""
    drain = Drain(DOWN)
    settings: dict[str, Any] = {"state_dir": tmp_path / "state", "land_timeout": 0.0}
    append(log, *number_lines(0, 10))
    async with following(drain, log, from_="beginning", wait=0.5, **settings):
        await trio.sleep(0.1)
        copytruncate(log)
        await trio.sleep(SOON)
        assert drain.calls
    answer(drain, TAKE)
    async with following(drain, log, from_="beginning", **settings) as shuttle:
        await trio.sleep(SOON)
        assert drain.lines == number_lines(0, 10)
    assert len({call.id for call in drain.calls if call.lines}) == 1
    assert shuttle.ledger.lost == 0


@virtual
async def test_a_pattern_that_matches_what_rotation_leaves_reads_nothing_twice(log: Path, tmp_path: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, f"{log}*", from_="beginning"):
        for number in range(3):
            append(log, b"%d" % number)
            await trio.sleep(SOON)
            rotate(log)
            await trio.sleep(LOOK + SOON)
        append(log, b"last")
        await trio.sleep(LOOK + SOON)
        assert drain.lines == [b"0", b"1", b"2", b"last"]


@virtual
async def test_nor_does_it_while_the_application_has_not_made_the_next_file_yet(log: Path) -> None:
    drain = Drain()
    log.touch()
    async with following(drain, f"{log}*", from_="beginning"):
        append(log, b"one")
        await trio.sleep(SOON)
        rotate(log, create=False)
        await trio.sleep(LOOK + SOON)
        append(log, b"two")
        await trio.sleep(LOOK + SOON)
        assert drain.lines == [b"one", b"two"]


@virtual
async def test_nor_does_it_after_a_restart(log: Path, tmp_path: Path) -> None:
    drain = Drain()
    settings: dict[str, Any] = {"state_dir": tmp_path / "state"}
    append(log, b"one")
    async with following(drain, f"{log}*", from_="beginning", **settings):
        await trio.sleep(SOON)
    append(log, b"two")
    rotate(log, create=False)
    async with following(drain, f"{log}*", from_="beginning", **settings):
        await trio.sleep(SOON)
        append(log, b"three")
        await trio.sleep(SOON)
        assert drain.lines == [b"one", b"two", b"three"]


@virtual
async def test_lines_of_rotated_files_stand_in_frames_of_the_path_that_is_followed(log: Path) -> None:
    drain = Drain()
    bodies: list[bytes] = []

    def take(call: Call) -> Answer:
        bodies.append(call.body)
        return TAKE

    drain.script = take
    log.touch()
    async with following(drain, log, from_="beginning", procid="{name}"):
        append(log, b"one")
        await trio.sleep(SOON)
        append(log, b"two")
        rotate(log)
        append(log, b"three")
        await trio.sleep(SOON)
    assert all(b" app.log " in body for body in bodies)
    assert drain.lines == [b"one", b"two", b"three"]
