"""Opening files and reading them end as a whole: no descriptor, inotify instance or claim is left."""

import os
import time
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trio

from shuttle.config import Config
from shuttle.core.position import Span
from shuttle.errors import ConfigError
from shuttle.input.files.file_input import FileInput
from shuttle.observe.log import Logger
from tests.helpers.checkpoints import is_claimed, opened
from tests.helpers.descriptors import descriptors_left, list_descriptors
from tests.helpers.drains import Drain
from tests.helpers.faulty_logger import FaultyLogger
from tests.helpers.following import SOON, Catcher, append, following
from tests.helpers.loops import on_every_loop
from tests.helpers.virtual import Journal, virtual

ENOUGH = 20  # descriptors, for any start
STEPS = 60  # checkpoints of the event loop: more than a start and the first lines need


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Files of every kind: two to read, one that rotation left, a FIFO and a link."""
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("a.log", "b.log", "b.log.1"):
        append(logs / name, b"one", b"two")
    os.mkfifo(logs / "c.log")
    (logs / "d.log").symlink_to("a.log")
    return logs


def open_files(state: Path | None, log: Logger) -> FileInput:
    config = Config(logs_url="http://drain.example/", file=("app.log",), state_dir=state)
    return FileInput.open(config, log=log, clock=time.monotonic)


@virtual
async def test_a_lack_of_descriptors_leaves_nothing_open(state: Path) -> None:
    """However many there are when they run out."""
    before = list_descriptors()
    refused = 0
    for count in range(ENOUGH):
        try:
            with descriptors_left(count):
                files = open_files(state, Journal())
        except ConfigError:
            refused += 1
        else:
            await files.release()
        assert list_descriptors() == before
        assert not is_claimed(state)
    assert 1 <= refused < ENOUGH


@virtual
async def test_a_second_input_is_refused_and_leaves_nothing_open(state: Path) -> None:
    with opened(state):
        before = list_descriptors()
        with pytest.raises(ConfigError, match="in use by another log-shuttle"):
            open_files(state, Journal())
        assert list_descriptors() == before
    assert not is_claimed(state)


@pytest.mark.parametrize("event", ["state.none", "state.broken"])
@virtual
async def test_an_error_of_the_logger_leaves_nothing_open(event: str, state: Path) -> None:
    state.mkdir()
    (state / "checkpoints.sqlite").write_bytes(b"broken")
    before = list_descriptors()
    with pytest.raises(RuntimeError, match=event):
        open_files(None if event == "state.none" else state, FaultyLogger(event))
    assert list_descriptors() == before
    assert not is_claimed(state)


@virtual
async def test_measure_and_leave_answer_before_reading_begins(state: Path) -> None:
    files = open_files(state, Journal())
    assert files.measure() == (0, 0)
    assert files.leave() is False
    assert files.count_kept([Span(1, 0, 9, 3, "")]) == 3
    await files.release()


@virtual
async def test_a_second_release_does_nothing(state: Path) -> None:
    files = open_files(state, Journal())
    assert is_claimed(state)
    await files.release()
    await files.release()
    assert not is_claimed(state)


@virtual
async def test_a_cancellation_at_any_point_leaves_nothing_open(logs: Path, state: Path) -> None:
    before = list_descriptors()
    for steps in range(STEPS):
        async with following(Drain(), logs / "*.log", from_="beginning", state_dir=state / str(steps)):
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
        assert list_descriptors() == before
        assert not is_claimed(state / str(steps))


@on_every_loop
async def test_a_cancellation_on_asyncio_leaves_nothing_open(logs: Path, state: Path) -> None:
    await anyio.lowlevel.checkpoint()  # what the event loop opens for itself is open
    before = list_descriptors()
    for steps in range(0, STEPS, 3):
        async with following(Catcher(), logs / "*.log", from_="beginning", state_dir=state):
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
        assert list_descriptors() == before


@virtual
async def test_an_error_as_the_reading_begins_leaves_nothing_open(logs: Path, state: Path) -> None:
    """A directory cannot be read, and to say so fails; some files are open by then, and a FIFO is read."""
    (logs / "e.log").mkdir()
    before = list_descriptors()
    settings: dict[str, Any] = {"from_": "beginning", "state_dir": state}
    with pytest.raises(ExceptionGroup) as caught:
        async with following(Drain(), logs / "*.log", log=FaultyLogger("file.unreadable"), **settings):
            await trio.sleep(SOON)
    assert caught.group_contains(RuntimeError, match=r"^file\.unreadable$")
    assert list_descriptors() == before
    assert not is_claimed(state)
