"""One agent at a time has the lock of a directory, and who only looks whether there is one is in nobody's way."""

import fcntl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shuttle.store.lock import DirectoryLock, InUseError, is_locked
from tests.helpers.process import LONGEST


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir(mode=0o700)
    (tmp_path / "spool" / "spool.lock").touch(mode=0o600)
    return tmp_path / "spool"


def test_an_agent_is_refused_at_once_where_another_is(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    first, second = DirectoryLock(directory, "spool"), DirectoryLock(directory, "spool")
    first.acquire()
    with pytest.raises(InUseError):
        second.acquire()
    assert slept == []
    assert is_locked(directory / "spool.lock")
    first.release()
    second.acquire()
    second.release()


def test_an_agent_waits_for_whoever_looks(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = threading.Event()
    flock = fcntl.flock

    def note(descriptor: int, operation: int) -> None:
        try:
            flock(descriptor, operation)
        except BlockingIOError:
            refused.set()
            raise

    monkeypatch.setattr("fcntl.flock", note)
    lock = DirectoryLock(directory, "spool")
    with (directory / "spool.lock").open() as looker, ThreadPoolExecutor() as threads:
        flock(looker.fileno(), fcntl.LOCK_SH)
        starting = threads.submit(lock.acquire)
        assert refused.wait(LONGEST)
        flock(looker.fileno(), fcntl.LOCK_UN)
        starting.result(LONGEST)
    assert lock.held
    lock.release()


def test_who_shares_the_lock_for_good_is_in_the_way(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with (directory / "spool.lock").open() as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        with pytest.raises(InUseError):
            DirectoryLock(directory, "spool").acquire()
