"""Rotation and truncation while the agent does not run: the next start catches up, nothing missing, nothing twice.

In virtual time, so that back-off and the slow looks cost nothing; the files are real.
"""

import os
from pathlib import Path

import pytest
import trio

from shuttle.input.files.rotation.rotated_path import QUIET
from shuttle.input.files.watcher import LOOK
from tests.helpers.following import SOON, Agent, append, compress, copytruncate, number_lines, rotate, soon
from tests.helpers.virtual import virtual


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def agent(log: Path, tmp_path: Path) -> Agent:
    """One that keeps checkpoints."""
    return Agent(log, state_dir=tmp_path / "state")


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@virtual
async def test_files_rotated_while_down_are_read_in_order(agent: Agent, log: Path, packed: bool) -> None:
    append(log, *number_lines(0, 10))
    await agent.run()
    append(log, *number_lines(10, 20))
    rotate(log)
    append(log, *number_lines(20, 30))
    rotate(log)
    append(log, *number_lines(30, 40))
    if packed:
        compress(log.with_name("app.log.2"))
    async with agent.following() as shuttle:
        await soon()
        append(log, b"line 40")
        await agent.delivers(*number_lines(0, 41))
    assert shuttle.ledger.lost == 0


@virtual
async def test_siblings_compressed_while_down_are_read(agent: Agent, log: Path) -> None:
    append(log, *number_lines(0, 10))
    await agent.run()
    append(log, *number_lines(10, 20))
    rotate(log)
    append(log, *number_lines(20, 30))
    rotate(log)
    for name in ("app.log.1", "app.log.2"):
        compress(log.with_name(name))
    async with agent.following():
        await agent.delivers(*number_lines(0, 30))


@virtual
async def test_a_deleted_sibling_loses_nothing_of_the_next_file(agent: Agent, log: Path) -> None:
    """It was read to its end; the one after it was not, and was rotated while nobody looked."""
    append(log, *number_lines(0, 10))
    async with agent.following():
        await soon()
        rotate(log)
        await agent.write(*number_lines(10, 20))
    append(log, *number_lines(20, 30))
    rotate(log)
    log.with_name("app.log.2").unlink()
    append(log, *number_lines(30, 40))
    async with agent.following():
        await agent.delivers(*number_lines(0, 40))


@virtual
async def test_a_restart_right_after_a_rotation_misses_nothing(agent: Agent, log: Path) -> None:
    append(log, b"one")
    async with agent.following():
        await soon()
        rotate(log)
        await agent.write(b"two")
    append(log, b"three")
    async with agent.following():
        await agent.delivers(b"one", b"two", b"three")
    assert agent.journal.events == []


@virtual
async def test_late_lines_after_a_rotation_before_the_start_are_read(agent: Agent, log: Path) -> None:
    """An application reopens its log when it is told to, which may be a while after the rename."""
    append(log, b"one")
    await agent.run()
    with log.open("ab", buffering=0) as old:
        rotate(log)
        async with agent.following():
            await soon()
            old.write(b"late\n")
            await agent.delivers(b"one", b"late", within=LOOK + SOON)


@virtual
async def test_a_file_made_long_after_a_deletion_is_read(agent: Agent, log: Path) -> None:
    append(log, b"one")
    async with agent.following():
        await soon()
        log.unlink()
        await trio.sleep(QUIET + LOOK)
        await agent.write(b"two")
    append(log, b"three")
    async with agent.following():
        await agent.delivers(b"one", b"two", b"three")
    assert agent.journal.events == []


@virtual
async def test_after_a_restart_a_pattern_reads_nothing_twice(agent: Agent, log: Path) -> None:
    append(log, b"one")
    async with agent.following(f"{log}*"):
        await soon()
    append(log, b"two")
    rotate(log, create=False)
    async with agent.following(f"{log}*"):
        await soon()
        append(log, b"three")
        await agent.delivers(b"one", b"two", b"three")


@virtual
async def test_a_truncation_while_down_is_noticed(agent: Agent, log: Path) -> None:
    append(log, *number_lines(0, 10))
    await agent.run()
    os.truncate(log, 0)
    append(log, *number_lines(1000, 1100))
    async with agent.following():
        await agent.delivers(*number_lines(0, 10), *number_lines(1000, 1100))
    assert len(agent.journal.named("file.missed")) == 1


@virtual
async def test_a_restart_after_a_truncation_logs_nothing_of_it(agent: Agent, log: Path) -> None:
    append(log, *number_lines(0, 10))
    async with agent.following():
        await soon()
        os.truncate(log, 0)
        await soon()
        await agent.write(b"new")
    agent.journal.events.clear()
    for number in range(2):
        append(log, b"more %d" % number)
        await agent.run()
    assert agent.drain.lines == [*number_lines(0, 10), b"new", b"more 0", b"more 1"]
    assert agent.journal.events == []


@virtual
async def test_copytruncate_while_down_loses_nothing(agent: Agent, log: Path) -> None:
    append(log, *number_lines(0, 10))
    await agent.run()
    append(log, *number_lines(10, 20))
    copytruncate(log)
    append(log, *number_lines(20, 30))
    async with agent.following():
        await agent.delivers(*number_lines(0, 30))


@virtual
async def test_lines_in_flight_during_copytruncate_are_sent_again(agent: Agent, log: Path) -> None:
    """Its lines waited for their batch to be old enough meanwhile."""
    agent.hold_up()
    append(log, *number_lines(0, 10))
    async with agent.following(wait=0.5, land_timeout=0.0):
        await trio.sleep(0.1)
        copytruncate(log)
        await soon()
        assert agent.drain.calls
    agent.release()
    async with agent.following(land_timeout=0.0) as shuttle:
        await agent.delivers(*number_lines(0, 10))
    assert len({call.id for call in agent.drain.calls if call.lines}) == 1
    assert shuttle.ledger.lost == 0
