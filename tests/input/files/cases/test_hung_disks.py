"""A file system that hangs stops its own files, and no others: no call about a file blocks the event loop."""

import asyncio
import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from shuttle.input.files import mounts
from tests.helpers.following import Catcher, append, following, rotate
from tests.helpers.system_calls import system_calls

HUNG = 1.0  # seconds that a call takes, if nothing arrives meanwhile
DETACH = 2  # MNT_DETACH of umount2(2)


class Witness(Catcher):
    """A drain that tells other threads when a line has come."""

    def __init__(self, line: bytes) -> None:
        super().__init__()
        self.came = threading.Event()
        self._line = line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if self._line in self.lines:
            self.came.set()
        return response


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is on a server, as the table of mounts has it."""
    directory, table = tmp_path / "hung", tmp_path / "mountinfo"
    directory.mkdir()
    table.write_text(f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:50 / {directory} rw - nfs4 server:/logs rw\n")
    monkeypatch.setattr(mounts, "TABLE", table)
    return directory


@pytest.mark.parametrize("kind", ["stat", "read", "open", "list"])
def test_a_call_that_hangs_stops_no_other_file(tmp_path: Path, remote: Path, kind: str) -> None:
    assert remote == tmp_path / "hung"
    asyncio.run(follow_a_hung_file(tmp_path, kind))


async def follow_a_hung_file(tmp_path: Path, kind: str) -> None:
    hung, well = tmp_path / "hung" / "app.log", tmp_path / "well" / "app.log"
    drain = Witness(b"meanwhile")
    passed: list[bool] = []

    def hang(called: str, path: Path) -> None:
        if called == kind and not passed:
            passed.append(False)
            append(well, b"meanwhile")
            passed[0] = drain.came.wait(HUNG)

    for log in (hung, well):
        log.parent.mkdir(exist_ok=True)
        append(log, b"one of %b" % log.parent.name.encode())
    with system_calls(hung.parent) as calls:
        async with following(drain, hung, well, from_="beginning"):
            await drain.until(lambda: len(drain.lines) == 2)
            calls.before = hang
            with calls.own():
                append(hung, b"two")
                rotate(hung)
                append(hung, b"three")
            await drain.until(lambda: len(drain.lines) == 5)
    assert passed == [True]


@contextmanager
def mounted_without_an_answer(directory: Path) -> Iterator[None]:
    """Mount a file system in user space whose server answers nothing; skip the test where that is not possible."""
    directory.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        server = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"/dev/fuse cannot be opened: {error.strerror}")
    try:
        options = f"fd={server},rootmode=40000,user_id={os.geteuid()},group_id={os.getegid()}".encode()
        if libc.mount(b"hung", os.fsencode(directory), b"fuse", 0, options):
            pytest.skip(f"nothing can be mounted: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            libc.umount2(os.fsencode(directory), DETACH)
    finally:
        os.close(server)  # whoever still waits for an answer gets an error


@pytest.mark.parametrize("follow", [True, False])
def test_a_mount_that_never_answers_stops_no_other_file(tmp_path: Path, follow: bool) -> None:
    """Neither a file on it that is named, nor a pattern, nor the end."""
    with mounted_without_an_answer(tmp_path / "hung"):
        asyncio.run(follow_beside_a_dead_mount(tmp_path, follow=follow))


async def follow_beside_a_dead_mount(tmp_path: Path, *, follow: bool) -> None:
    well, drain = tmp_path / "well.log", Catcher()
    append(well, b"one")
    dead = (tmp_path / "hung" / "app.log", tmp_path / "hung" / "*.log")
    async with following(drain, *dead, well, from_="beginning", follow=follow):
        await drain.until(lambda: drain.lines == [b"one"])
        if follow:
            append(well, b"two")
            rotate(well)
            append(well, b"three")
            await drain.until(lambda: drain.lines == [b"one", b"two", b"three"])
