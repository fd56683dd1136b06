"""Opening the checkpoints fails as a whole: no descriptor and no claim on the directory is left."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shuttle.errors import ConfigError
from shuttle.store.checkpoints import FILE, Checkpoints
from shuttle.store.schema import MOST_BROKEN
from tests.helpers.checkpoints import is_claimed, make_fingerprint, opened, read
from tests.helpers.descriptors import descriptors_left, list_descriptors
from tests.helpers.faulty_logger import FaultyLogger
from tests.helpers.virtual import Journal

ENOUGH = 20  # descriptors, for any start


def leave_nothing(directory: Path) -> None:
    """Leave the directory as it is where no agent has been."""


def leave_files(directory: Path) -> None:
    with opened(directory) as store:
        store.enroll(Path("app.log"), make_fingerprint())


def leave_garbage(directory: Path) -> None:
    directory.mkdir()
    (directory / FILE).write_bytes(b"broken")


LEFT = {"nothing": leave_nothing, "files": leave_files, "garbage": leave_garbage}
left_by_the_last_agent = pytest.mark.parametrize("leave", LEFT.values(), ids=LEFT)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


@left_by_the_last_agent
def test_a_lack_of_descriptors_leaves_nothing_open(leave: Callable[[Path], None], directory: Path) -> None:
    """However many there are when they run out."""
    leave(directory)
    before = list_descriptors()
    refused = 0
    for count in range(ENOUGH):
        try:
            with descriptors_left(count):
                store = Checkpoints.open(directory, Journal())
        except ConfigError:
            refused += 1
        else:
            store.close()
        assert list_descriptors() == before
        assert not is_claimed(directory)
    assert 1 <= refused < ENOUGH


def test_an_error_of_the_logger_leaves_nothing_open(directory: Path) -> None:
    leave_garbage(directory)
    before = list_descriptors()
    with pytest.raises(RuntimeError, match=r"^state\.broken$"):
        Checkpoints.open(directory, FaultyLogger("state.broken"))
    assert list_descriptors() == before
    assert not is_claimed(directory)


def test_a_broken_database_in_the_way_leaves_nothing_open(directory: Path) -> None:
    """It can be given no other name."""
    leave_garbage(directory)
    for number in range(1, MOST_BROKEN + 1):
        (directory / f"{FILE}.broken-{number}").mkdir()
    before = list_descriptors()
    with pytest.raises(ConfigError, match=r"^-state-dir "):
        Checkpoints.open(directory, Journal())
    assert list_descriptors() == before
    assert not is_claimed(directory)


def test_a_refused_agent_leaves_the_claim_to_the_first(directory: Path) -> None:
    with opened(directory) as store:
        before = list_descriptors()
        with pytest.raises(ConfigError, match="in use by another log-shuttle"):
            Checkpoints.open(directory, Journal())
        assert list_descriptors() == before
        assert is_claimed(directory)
        store.enroll(Path("app.log"), make_fingerprint())
        assert len(read(store).files) == 1


@left_by_the_last_agent
def test_close_leaves_nothing_open(leave: Callable[[Path], None], directory: Path) -> None:
    leave(directory)
    before = list_descriptors()
    store = Checkpoints.open(directory, Journal())
    assert is_claimed(directory)
    store.close()
    assert list_descriptors() == before
    assert not is_claimed(directory)
