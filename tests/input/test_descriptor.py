"""A descriptor that other processes share is read to its end as bytes come, and stays as it was."""

import errno
import fcntl
import functools
import os
import pty
import socket
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from shuttle.input.descriptor import read
from tests.helpers.loops import everywhere
from tests.helpers.virtual import run_in_virtual_time

HOURS = 10_000.0  # seconds; nobody waits for it
Ends = tuple[int, int]
"""The descriptor to read, and the one that writes to it."""


def open_pipe(_directory: Path) -> Ends:
    return os.pipe()


def open_fifo(directory: Path) -> Ends:
    path = directory / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    return reader, os.open(path, os.O_WRONLY)


def open_socket(_directory: Path) -> Ends:
    near, far = socket.socketpair()
    return near.detach(), far.detach()


def open_terminal(_directory: Path) -> Ends:
    controller, terminal = pty.openpty()
    tty.setraw(terminal)
    return terminal, controller


OPENERS = [open_pipe, open_fifo, open_socket, open_terminal]
every_kind = pytest.mark.parametrize("opener", OPENERS)
Opener = Callable[[Path], Ends]


@contextmanager
def opened(opener: Opener, directory: Path) -> Iterator[Ends]:
    ends = opener(directory)
    try:
        yield ends
    finally:
        for fd in ends:
            try:
                os.close(fd)
            except OSError:
                continue  # the test closed it


class Taken:
    """What was read so far."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self._changed = anyio.Event()

    async def write(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self._changed.set()
        self._changed = anyio.Event()

    @property
    def all(self) -> bytes:
        return b"".join(self.chunks)

    async def wait_for(self, data: bytes) -> None:
        while self.all != data:
            await self._changed.wait()


def get_flags(fd: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_GETFL)


@every_kind
@everywhere
async def test_its_flags_stay_as_they_are(opener: Opener, tmp_path: Path) -> None:
    taken = Taken()
    with opened(opener, tmp_path) as (reader, writer):
        before = get_flags(reader)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read, reader, taken.write)
            for number in range(1, 4):
                await anyio.wait_all_tasks_blocked()
                assert get_flags(reader) == before
                os.write(writer, b"line\n")
                await taken.wait_for(b"line\n" * number)
            tasks.cancel_scope.cancel()
        assert get_flags(reader) == before


@pytest.mark.parametrize("blocking", [True, False])
@every_kind
@everywhere
async def test_it_is_read_to_its_end(opener: Opener, blocking: bool, tmp_path: Path) -> None:
    """Whoever shares it may have made it non-blocking."""
    taken = Taken()
    with opened(opener, tmp_path) as (reader, writer):
        os.set_blocking(reader, blocking)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read, reader, taken.write)
            await anyio.wait_all_tasks_blocked()
            os.write(writer, b"one\n")
            await taken.wait_for(b"one\n")
            os.write(writer, b"two")
            if opener is open_terminal:  # its end is an error, as of a terminal that hangs up
                await taken.wait_for(b"one\ntwo")
                tasks.cancel_scope.cancel()
            os.close(writer)
    assert taken.all == b"one\ntwo"


@everywhere
async def test_a_fifo_waits_for_its_first_writer(tmp_path: Path) -> None:
    taken = Taken()
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read, reader, taken.write)
            await anyio.wait_all_tasks_blocked()
            writer = os.open(path, os.O_WRONLY)
            os.write(writer, b"line\n")
            os.close(writer)
    finally:
        os.close(reader)
    assert taken.all == b"line\n"


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("opener", [open_pipe, open_socket])
@everywhere
async def test_another_reader_may_be_faster(opener: Opener, blocking: bool, tmp_path: Path) -> None:
    """Both are told that there is something to read, and one of them finds nothing."""
    taken = Taken()
    with opened(opener, tmp_path) as (reader, writer):
        os.set_blocking(reader, blocking)
        other = os.dup(reader)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read, reader, taken.write)
                tasks.start_soon(read, other, taken.write)
                for number in range(1, 10):
                    await anyio.wait_all_tasks_blocked()
                    os.write(writer, b"line\n")
                    await taken.wait_for(b"line\n" * number)
                os.close(writer)
        finally:
            os.close(other)
    assert taken.all == b"line\n" * 9


@pytest.mark.parametrize("size", [0, 1, 100_000, 1_000_000])
@everywhere
async def test_a_regular_file_is_read_from_where_it_stands(size: int, tmp_path: Path) -> None:
    taken = Taken()
    path = tmp_path / "app.log"
    path.write_bytes(b"read before\n" + b"x" * size)
    with path.open("rb", buffering=0) as file:
        file.read(12)
        await read(file.fileno(), taken.write)
        assert file.tell() == 12 + size
    assert taken.all == b"x" * size


@everywhere
async def test_dev_null_has_an_end() -> None:
    taken = Taken()
    with open(os.devnull, "rb") as null:  # noqa: PTH123, ASYNC230  # a descriptor is what it is about
        await read(null.fileno(), taken.write)
    assert taken.chunks == []


@everywhere
async def test_much_at_once_comes_in_order() -> None:
    taken = Taken()
    data = b"".join(b"%07d\n" % number for number in range(200_000))
    reader, writer = os.pipe()

    def write_all() -> None:
        with open(writer, "wb") as file:  # noqa: PTH123
            file.write(data)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, reader, taken.write)
        await anyio.to_thread.run_sync(write_all)
    os.close(reader)
    assert taken.all == data


@everywhere
async def test_a_cancellation_loses_nothing() -> None:
    taken = Taken()
    reader, writer = os.pipe()
    for number in range(20):
        with anyio.move_on_after(0):
            await read(reader, taken.write)
        os.write(writer, b"%d\n" % number)
    os.close(writer)
    await read(reader, taken.write)
    os.close(reader)
    assert taken.all == b"".join(b"%d\n" % number for number in range(20))


@pytest.mark.parametrize("opener", [open_pipe, open_fifo, open_socket])
@everywhere
async def test_its_end_cuts_a_rest_short(opener: Opener, tmp_path: Path) -> None:
    taken = Taken()
    with opened(opener, tmp_path) as (reader, writer):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(functools.partial(read, reader, taken.write, rest=HOURS))
            for line in (b"one\n", b"two\n"):  # the second follows closely
                await anyio.wait_all_tasks_blocked()
                os.write(writer, line)
                await taken.wait_for(b"one\n" if line == b"one\n" else b"one\ntwo\n")
            await anyio.wait_all_tasks_blocked()
            os.write(writer, b"three")
            await anyio.wait_all_tasks_blocked()
            assert taken.all == b"one\ntwo\n"
            os.close(writer)
    assert taken.all == b"one\ntwo\nthree"


@everywhere
async def test_a_cancelled_rest_loses_nothing() -> None:
    taken = Taken()
    reader, writer = os.pipe()
    for number in range(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(functools.partial(read, reader, taken.write, rest=HOURS))
            for part in (b"%d" % number, b"\n"):
                await anyio.wait_all_tasks_blocked()
                before = taken.all
                os.write(writer, part)
                await taken.wait_for(before + part)
            await anyio.wait_all_tasks_blocked()
            os.write(writer, b"left ")
            tasks.cancel_scope.cancel()
        await anyio.lowlevel.checkpoint()
        os.set_blocking(reader, False)
        assert os.read(reader, 100) == b"left "
    os.close(writer)
    os.close(reader)
    assert taken.all == b"".join(b"%d\n" % number for number in range(20))


REST = 0.02


def test_lines_are_late_by_a_rest_at_most_and_wake_it_seldom() -> None:
    """A thousand a second for a second, then one after a silence."""
    late: list[float] = []
    reader, writer = os.pipe()

    async def follow() -> None:
        async def write(chunk: bytes) -> None:
            late.append(max(anyio.current_time() - float(line) for line in chunk.splitlines()))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(functools.partial(read, reader, write, rest=REST))
            for _ in range(1000):
                await anyio.sleep(0.001)
                os.write(writer, b"%f\n" % anyio.current_time())
            await anyio.sleep(1)
            os.write(writer, b"%f\n" % anyio.current_time())
            await anyio.wait_all_tasks_blocked()
            os.close(writer)

    run_in_virtual_time(follow)
    os.close(reader)
    assert max(late) < REST + 0.001
    assert late[-1] < 0.001
    assert len(late) < 1 / REST + 5


@pytest.mark.parametrize(
    ("open_it", "number"),
    [
        (lambda directory: os.open(directory, os.O_RDONLY), errno.EISDIR),
        (lambda directory: os.open(directory / "new", os.O_WRONLY | os.O_CREAT), errno.EBADF),
        (lambda _: os.open(os.devnull, os.O_WRONLY), errno.EBADF),
        (lambda directory: os.open(directory, os.O_PATH), errno.EBADF),
        (lambda _: os.open("/proc/self/mem", os.O_RDONLY), errno.EIO),
        (lambda _: os.pipe()[1], errno.EBADF),
    ],
    ids=[
        "a directory",
        "a file to be written",
        "a device to be written",
        "a path",
        "a bad medium",
        "a pipe's other end",
    ],
)
@everywhere
async def test_what_cannot_be_read_is_an_error(open_it: Callable[[Path], int], number: int, tmp_path: Path) -> None:
    fd = open_it(tmp_path)
    try:
        with pytest.raises(OSError) as caught, anyio.fail_after(1):  # noqa: PT011  # its number is checked below
            await read(fd, Taken().write)
    finally:
        os.close(fd)
    assert caught.value.errno == number


@everywhere
async def test_nothing_stays_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for _ in range(3):
        reader, writer = os.pipe()
        with anyio.move_on_after(0):
            await read(reader, Taken().write)
        os.close(writer)
        await read(reader, Taken().write)
        os.close(reader)
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208
