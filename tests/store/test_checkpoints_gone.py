"""Checkpoints whose directory is deleted under them, or cannot be written when they start."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from shuttle.errors import ConfigError
from shuttle.store.checkpoints import FILE, LOCK, Checkpoints
from tests.helpers.checkpoints import State, kill, make_fingerprint, make_plan, read, restart
from tests.helpers.disks import mounted, reachable, remount, without_rights
from tests.helpers.virtual import Journal

NEXT: dict[str, Callable[[Checkpoints], object]] = {
    "record": lambda store: store.record(planned=[make_plan(5, 1)]),
    "enroll": lambda store: store.enroll(Path("b"), make_fingerprint()),
    "nothing to record": lambda store: store.record(),
    "close": lambda store: store.close(),
}


def start(directory: Path) -> tuple[Checkpoints, Journal]:
    journal = Journal()
    return Checkpoints.open(directory, journal), journal


def fill(store: Checkpoints) -> State:
    number = store.enroll(Path("a"), make_fingerprint(100))
    store.record(planned=[make_plan(1, number), make_plan(2, number)], settled=[make_plan(1).id])
    return read(store)


@pytest.mark.parametrize("what", [shutil.rmtree, lambda directory: (directory / FILE).unlink()])
@pytest.mark.parametrize("next_call", NEXT)
def test_a_database_that_is_deleted_is_written_anew(
    what: Callable[[Path], object], next_call: str, tmp_path: Path
) -> None:
    directory = tmp_path / "state"
    store, journal = start(directory)
    fill(store)
    what(directory)
    NEXT[next_call](store)
    recorded = read(store)
    assert kill(directory) == recorded
    store.close()
    assert [event for event, _ in journal.events] == ["state.gone"]
    assert restart(directory) == recorded


def test_the_new_directory_is_locked(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    store, _ = start(directory)
    shutil.rmtree(directory)
    store.record()
    with pytest.raises(ConfigError, match="another running log-shuttle"):
        start(directory)
    (directory / LOCK).unlink()
    store.record()
    with pytest.raises(ConfigError, match="another running log-shuttle"):
        start(directory)
    store.close()


def test_a_read_only_disk_does_not_stop_the_start(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=8m,ro") as disk:
        store, journal = start(disk / "state")
        assert store.new
        recorded = fill(store)
        remount(disk, "rw")
        store.record()
        assert kill(disk / "state") == recorded
        assert [event for event, _ in journal.events] == ["state.failed", "state.restored"]
        store.close()


@pytest.mark.parametrize("ended", ["closed", "killed"])
def test_what_a_read_only_disk_has_is_gone_on_with(ended: str, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=8m") as disk:
        store, _ = start(disk / "state")
        recorded = fill(store)
        if ended == "killed":
            shutil.copytree(disk / "state", disk / "copy")
        store.close()
        directory = disk / ("copy" if ended == "killed" else "state")
        remount(disk, "ro")
        store, journal = start(directory)
        assert not store.new
        assert read(store) == recorded
        store.record(settled=[make_plan(2).id])
        recorded = read(store)
        remount(disk, "rw")
        store.enroll(Path("b"), make_fingerprint())
        store.close()
        assert restart(directory).files == [*recorded.files, *read(store).files[1:]]
        assert restart(directory).plans == []
        assert [event for event, _ in journal.events] == ["state.failed", "state.restored"]


def test_a_directory_without_rights_does_not_stop_the_start() -> None:
    with reachable() as place:
        directory = place / "state"
        directory.mkdir(mode=0o555)
        with without_rights(directory):
            store, journal = start(directory)
            recorded = fill(store)
            assert [event for event, _ in journal.events] == ["state.failed"]
        directory.chmod(0o700)
        store.close()
        assert restart(directory) == recorded
        assert [event for event, _ in journal.events] == ["state.failed", "state.restored"]


@pytest.mark.parametrize("closed", ["directory", "file"])
def test_unreadable_checkpoints_are_a_configuration_error(closed: str) -> None:
    """To begin without them would pass over lines."""
    with reachable() as place:
        directory = place / "state"
        store, _ = start(directory)
        fill(store)
        store.close()
        directory.chmod(0 if closed == "directory" else 0o755)
        (directory / FILE).chmod(0)
        with without_rights(directory), pytest.raises(ConfigError, match=r"^-state-dir .*Permission denied"):
            start(directory)
        directory.chmod(0o700)
