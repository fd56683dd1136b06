"""Truncation, with a copy and without, while the agent runs: what a copy holds is read there, and the rest is counted.

In virtual time, so that back-off and the slow looks cost nothing; the files are real.
"""

import os
from pathlib import Path

import pytest

from tests.helpers.drains import TAKE, Answer, Call
from tests.helpers.following import RECOVERY, Agent, append, copytruncate, number_lines, soon
from tests.helpers.virtual import virtual


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.touch()
    return path


@pytest.fixture
def agent(log: Path) -> Agent:
    return Agent(log)


@virtual
async def test_the_start_of_a_truncated_line_is_sent_or_counted(agent: Agent, log: Path) -> None:
    async with agent.following(partial_timeout=1000.0) as shuttle:
        log.write_bytes(b"one\ntw")
        await soon()
        os.truncate(log, 0)
        await soon()
        await agent.write(b"new")
    assert shuttle.ledger.read == 3
    assert shuttle.ledger.delivered + shuttle.ledger.lost == 3


@virtual
async def test_the_copy_of_a_truncated_file_is_read_without_new_lines(agent: Agent, log: Path) -> None:
    async with agent.following():
        await agent.write(b"one")
        append(log, b"two")
        copytruncate(log)
        await agent.delivers(b"one", b"two")


@virtual
async def test_copytruncate_during_a_stall_loses_nothing(agent: Agent, log: Path) -> None:
    async with agent.held_up() as shuttle:
        await agent.write(*number_lines(0, 100))
        await agent.write(*number_lines(100, 200))
        copytruncate(log)
        await soon()
        append(log, *number_lines(200, 300))
        agent.release()
        await agent.delivers(*number_lines(0, 300), within=RECOVERY)
    assert str(shuttle.ledger) == "read=300 delivered=300 dropped=0 lost=0 held=0"


@virtual
async def test_truncation_without_a_copy_is_counted(agent: Agent, log: Path) -> None:
    async with agent.held_up() as shuttle:
        await agent.write(*number_lines(0, 100))
        await agent.write(*number_lines(100, 200))
        os.truncate(log, 0)
        await soon()
        append(log, *number_lines(200, 300))
        agent.release()
        await agent.delivers(*number_lines(0, 100), *number_lines(200, 300), within=RECOVERY)
    assert str(shuttle.ledger) == "read=300 delivered=200 dropped=0 lost=100 held=0"
    assert agent.drain.told("L13") == 100
    assert [event["lines"] for event in agent.journal.named("file.missed")] == [100]


@pytest.mark.parametrize("follow", [True, False])
@virtual
async def test_what_nobody_could_count_is_one_line_and_a_stretch(agent: Agent, log: Path, follow: bool) -> None:
    """Nothing held up the reading, and so nothing was counted."""
    append(log, *number_lines(0, 500_000))

    def cut(_: Call) -> Answer:
        if log.stat().st_size:
            os.truncate(log, 0)
        return TAKE

    agent.drain.script = cut
    async with agent.following(follow=follow, batch_size=100) as shuttle:
        await soon()
    ledger = shuttle.ledger
    assert (ledger.lost, ledger.missed, ledger.held) == (1, 1, 0)
    assert 0 < ledger.delivered < 500_000
    assert str(ledger).endswith(" missed=1")
    assert agent.drain.told("L13") == 1
    [told] = agent.journal.named("file.missed")
    assert told["uncounted"] is True


@virtual
async def test_a_file_that_was_read_to_its_end_misses_nothing(agent: Agent, log: Path) -> None:
    async with agent.following() as shuttle:
        await agent.write(*number_lines(0, 100))
        os.truncate(log, 0)
        await soon()
    assert str(shuttle.ledger) == "read=100 delivered=100 dropped=0 lost=0 held=0"


@virtual
async def test_two_truncations_during_a_stall_are_both_counted(agent: Agent, log: Path) -> None:
    async with agent.held_up() as shuttle:
        await agent.write(*number_lines(0, 100))
        for start in (100, 200):
            await agent.write(*number_lines(start, start + 100))
            os.truncate(log, 0)
            await soon()
        append(log, b"new")
        agent.release()
        await agent.delivers(*number_lines(0, 100), b"new", within=RECOVERY)
    assert str(shuttle.ledger) == "read=301 delivered=101 dropped=0 lost=200 held=0"


@virtual
async def test_a_truncated_file_grown_past_the_offset_is_read_anew(agent: Agent, log: Path) -> None:
    async with agent.following():
        await agent.write(*number_lines(0, 10))
        os.truncate(log, 0)
        append(log, *number_lines(1000, 1100))
        await agent.delivers(*number_lines(0, 10), *number_lines(1000, 1100))
