"""Checkpoints whose directory is deleted under them, whose files are cut, or which cannot be written at the start."""

import os
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
    "check": lambda store: store.check(),
    "close": lambda store: store.close(),
}


def cut(side: str, parts: int) -> Callable[[Path], None]:
    def do(directory: Path) -> None:
        path = directory / f"{FILE}{side}"
        os.truncate(path, path.stat().st_size * parts // 2)

    return do


CUTS = {
    "the file to nothing": cut("", 0),
    "half of the file": cut("", 1),
    "the log to nothing": cut("-wal", 0),
    "half of the log": cut("-wal", 1),
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


@pytest.mark.parametrize("what", CUTS)
@pytest.mark.parametrize("next_call", NEXT)
def test_a_database_that_is_cut_is_written_anew(what: str, next_call: str, tmp_path: Path) -> None:
    directory = tmp_path / "state"
    store, journal = start(directory)
    fill(store)
    CUTS[what](directory)
    NEXT[next_call](store)
    recorded = read(store)
    assert kill(directory) == recorded
    store.close()
    assert [event for event, _ in journal.events] == ["state.broken"]
    assert "cut" in str(journal.events[0][1]["error"])
    assert restart(directory) == recorded


@pytest.mark.parametrize("call", ["check", "close"])
def test_a_database_that_is_written_over_is_written_anew(call: str, tmp_path: Path) -> None:
    """Its size stays as it is."""
    directory = tmp_path / "state"
    store, journal = start(directory)
    fill(store)
    recorded = read(store)
    for side in ("", "-wal"):
        with (directory / f"{FILE}{side}").open("r+b") as file:
            file.write(bytes((directory / f"{FILE}{side}").stat().st_size))
    NEXT[call](store)
    assert kill(directory) == recorded
    assert [event for event, _ in journal.events] == ["state.broken"]
    store.close()
    assert restart(directory) == recorded


def test_a_database_that_was_only_touched_is_gone_on_with(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    store, journal = start(directory)
    for call in ("check", "record", "nothing to record", "check", "enroll", "close"):
        fill(store)
        for side in ("", "-wal"):
            os.utime(directory / f"{FILE}{side}", (1.0, 1.0))
        NEXT[call](store)
    assert journal.events == []
    assert restart(directory) == read(store)


def test_a_log_whose_file_was_emptied_is_set_aside_whole(tmp_path: Path) -> None:
    """SQLite would delete it, and what was recorded would seem to be nothing."""
    directory = tmp_path / "state"
    store, _ = start(directory)
    fill(store)
    left = Path(shutil.copytree(directory, tmp_path / "left"))
    store.close()
    for what in (cut("", 0), lambda directory: (directory / FILE).unlink()):
        copy = Path(shutil.copytree(left, tmp_path / "copy"))
        what(copy)
        store, journal = start(copy)
        assert not store.new
        assert [event for event, _ in journal.events] == ["state.broken"]
        assert (copy / f"{FILE}.broken-1-wal").stat().st_size
        store.close()
        shutil.rmtree(copy)


def test_the_new_directory_is_locked(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    store, _ = start(directory)
    shutil.rmtree(directory)
    store.record()
    with pytest.raises(ConfigError, match="in use by another log-shuttle"):
        start(directory)
    (directory / LOCK).unlink()
    store.record()
    with pytest.raises(ConfigError, match="in use by another log-shuttle"):
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
