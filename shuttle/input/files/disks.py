"""Disks: who calls a file system that may hang, and who waits for it.

Theory of operation. A file is on one disk, as the table of mounts tells. One that is local answers, and is called
directly: a thread would cost more than the call. One that may hang has a thread of its own, which makes its calls one
after the other, and only tasks of its own wait for it. If it hangs, so do these and nothing else. Nobody can interrupt
the thread, and nobody waits for its end.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import sniffio

from shuttle.input.files.home_thread import HomeThread
from shuttle.input.files.mounts import find_hanging, read_hanging

_Answer = TypeVar("_Answer")


_Calls = SimpleQueue[tuple[Callable[[], Any], "Future[Any]"] | None]


class Disk:
    """The file system that is mounted at `point`; or, without one, all that are local."""

    def __init__(self, point: Path | None, home: HomeThread) -> None:
        self.point = point
        self.may_hang = point is not None
        self.home = home
        self._calls: _Calls | None = None
        self._left: set[Future[Any]] = set()  # calls that are made or wait for it

    @property
    def busy(self) -> bool:
        """A call is made, or waits for one."""
        return bool(self._left)

    async def run(self, call: Callable[[], _Answer]) -> _Answer:
        """Return what `call` returns.

        If the disk may hang, its thread makes the call; who is cancelled meanwhile does not wait for it.
        """
        calls = self._begin() if self.may_hang else None
        if calls is None:
            return call()
        answer: Future[_Answer] = Future()
        self._left.add(answer)
        answer.add_done_callback(self._left.discard)
        calls.put((call, answer))
        try:
            return await _wait_for(answer)
        finally:
            answer.cancel()
            self.home.catch_up()

    def close(self) -> None:
        """Let the thread end, as soon as it can."""
        if self._calls:
            self._calls.put(None)
            self._calls = None

    def _begin(self) -> _Calls | None:
        """Return the calls of the thread, which is begun; None if none can be started."""
        if self._calls is None:
            calls: _Calls = SimpleQueue()
            try:
                threading.Thread(target=_work, args=(calls, self.home), name=f"disk {self.point}", daemon=True).start()
            except RuntimeError:  # there are too many
                return None
            self._calls = calls
        return self._calls


class Disks:
    """The disks on which files are."""

    def __init__(self, home: HomeThread) -> None:
        self.home = home
        self.local = Disk(None, home)
        self._hanging = read_hanging()
        self._disks: dict[Path | None, Disk] = {None: self.local}
        self._found: dict[Path, Disk] = {}

    def find(self, path: Path) -> Disk:
        """Return the disk on which `path` leads to a file; nothing is asked of one that may hang."""
        disk = self._found.get(path)
        if disk is None:
            disk = self._found[path] = self._get(find_hanging(path, self._hanging))
        return disk

    def find_below(self, directory: Path) -> Disk:
        """Return the disk of a directory and what is below it; if one of several may hang, that one."""
        disk = self.find(directory)
        if disk.may_hang:
            return disk
        points = [each for each, hangs in self._hanging.items() if hangs and each.is_relative_to(directory.absolute())]
        return self._get(min(points)) if points else disk

    def close(self) -> None:
        """Let the threads end, as soon as they can."""
        for disk in self._disks.values():
            disk.close()

    def _get(self, point: Path | None) -> Disk:
        if point not in self._disks:
            self._disks[point] = Disk(point, self.home)
        return self._disks[point]


def _work(calls: _Calls, home: HomeThread) -> None:
    home.leave()
    while task := calls.get():
        call, answer = task
        if answer.set_running_or_notify_cancel():
            try:
                answer.set_result(call())
            except BaseException as error:  # noqa: BLE001  # the caller gets it
                answer.set_exception(error)


async def _wait_for(answer: "Future[_Answer]") -> _Answer:
    if sniffio.current_async_library() == "asyncio":
        return await asyncio.wrap_future(answer)
    import trio  # noqa: PLC0415  # only who runs on it has it

    token, done = trio.lowlevel.current_trio_token(), trio.Event()
    answer.add_done_callback(lambda _: token.run_sync_soon(done.set))
    await done.wait()
    return answer.result()
