"""Which disk a path leads to, and that nobody but who asks waits for one that may hang."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import pytest

from shuttle.input.files.disks import Disk
from shuttle.input.files.home_thread import HomeThread
from shuttle.input.files.mounts import find_hanging
from tests.helpers.loops import on_every_loop
from tests.helpers.sockets import GUARD


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """The point of a mount that may hang; it is not asked, and so need not be one."""
    return tmp_path / "remote"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("remote", True),
        ("remote/logs/app.log", True),
        ("remote/../local/app.log", True),
        ("local/app.log", False),
        ("local", False),
        ("remotely/app.log", False),
        ("link/app.log", True),
        ("local/today.log", True),
        ("circle/app.log", False),
        ("remote/inner/app.log", True),
    ],
)
def test_a_path_is_on_the_disk_to_which_its_links_lead(tmp_path: Path, remote: Path, path: str, found: bool) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "link").symlink_to("remote/logs")
    (tmp_path / "local" / "today.log").symlink_to(remote / "app.log")
    (tmp_path / "circle").symlink_to("circle")
    mounts = {Path("/"): False, remote: True, tmp_path / "local": False, remote / "inner": False}
    assert find_hanging(tmp_path / path, mounts) == (remote if found else None)


@on_every_loop
async def test_who_is_cancelled_does_not_wait_for_a_disk_that_hangs() -> None:
    home, loop = HomeThread(), asyncio.get_running_loop()
    disk, hung, told = Disk(Path("/remote"), home), threading.Event(), list[str]()

    def call() -> str:
        home.call(told.append, "at home")
        return "answer"

    try:
        with anyio.CancelScope() as waited:
            await disk.run(partial(_hang, hung, partial(loop.call_soon_threadsafe, waited.cancel)))
        assert waited.cancelled_caught
        busy = disk.busy
        hung.set()
        assert await disk.run(call) == "answer"
        assert told == ["at home"]
        assert (busy, disk.busy) == (True, False)
        with pytest.raises(OSError, match="stale"):
            await disk.run(_fail)
    finally:
        hung.set()
        disk.close()


@on_every_loop
async def test_a_local_disk_is_called_by_whoever_asks() -> None:
    assert await Disk(None, HomeThread()).run(threading.get_ident) == threading.get_ident()


def _hang(hung: threading.Event, begun: Callable[[], object]) -> None:
    begun()
    hung.wait(GUARD)


def _fail() -> None:
    raise OSError(116, "stale")
