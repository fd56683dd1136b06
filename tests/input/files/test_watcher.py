"""Watching: whatever happens to a file is told, once for all that happens together, on every event loop."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import inotify_simple
import pytest
import trio

from shuttle.input.files.changes import Changes
from shuttle.input.files.watcher import LOOK, POLL, REST, Watcher
from shuttle.observe.log import SILENT, Logger
from tests.helpers.loops import everywhere
from tests.helpers.sockets import GUARD
from tests.helpers.virtual import Journal, virtual

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
LONGEST_QUEUE = int(QUEUE.read_text("ascii")) if QUEUE.exists() else 0

pytestmark = pytest.mark.skipif(not LONGEST_QUEUE, reason="inotify is Linux's")


@contextmanager
def watching(*directories: Path, log: Logger = SILENT) -> Iterator[Watcher]:
    watcher = Watcher(log)
    try:
        for directory in directories:
            watcher.add(directory)
        yield watcher
    finally:
        watcher.close()


async def see(watcher: Watcher, *paths: Path) -> None:
    """Return as soon as each path itself has been told. The slow look tells nothing that inotify should have told."""
    missing = set(paths)
    with anyio.fail_after(GUARD):
        while missing:
            changes = await watcher.wait()
            assert not changes.everything
            missing -= changes.paths


async def see_directory(watcher: Watcher, directory: Path) -> None:
    with anyio.fail_after(GUARD):
        while directory not in (changes := await watcher.wait()).directories:
            assert not changes.everything


async def see_all(watcher: Watcher) -> list[Changes]:
    """Return what is told until nothing more has happened."""
    told = []
    while (changes := await watcher.wait(until=anyio.current_time() + 2 * REST)) != Changes():
        told.append(changes)
    return told


def append(path: Path, data: bytes = b"line\n") -> None:
    with path.open("ab") as file:
        file.write(data)


# What happens to the file `a` of the watched directory `in`, beside which there is `out`; and which names are told.
HAPPENINGS: dict[str, tuple[Callable[[Path, Path], object], list[str]]] = {
    "grows": (lambda inside, _: append(inside / "a"), ["a"]),
    "shrinks": (lambda inside, _: os.truncate(inside / "a", 0), ["a"]),
    "goes": (lambda inside, _: (inside / "a").unlink(), ["a"]),
    "is made": (lambda inside, _: (inside / "b").touch(), ["b"]),
    "is linked": (lambda inside, _: (inside / "b").symlink_to("a"), ["b"]),
    "is a FIFO": (lambda inside, _: os.mkfifo(inside / "b"), ["b"]),
    "moves within": (lambda inside, _: (inside / "a").rename(inside / "b"), ["a", "b"]),
    "moves out": (lambda inside, outside: (inside / "a").rename(outside / "a"), ["a"]),
    "moves in": (lambda inside, outside: (outside / "c").rename(inside / "b"), ["b"]),
    "replaces": (lambda inside, outside: (outside / "c").replace(inside / "a"), ["a"]),
    "gets other rights": (lambda inside, _: (inside / "a").chmod(0o600), ["a"]),
}


@pytest.mark.parametrize("happening", HAPPENINGS)
@everywhere
async def test_a_change_is_told_by_the_name_of_the_file(tmp_path: Path, happening: str) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for directory in (inside, outside):
        directory.mkdir()
    append(inside / "a")
    append(outside / "c")
    act, names = HAPPENINGS[happening]
    with watching(inside) as watcher:
        await see_directory(watcher, inside)
        act(inside, outside)
        await see(watcher, *(inside / name for name in names))


@everywhere
async def test_a_line_wakes_a_waiting_watcher(tmp_path: Path) -> None:
    append(tmp_path / "a")
    with watching(tmp_path) as watcher:
        await see_directory(watcher, tmp_path)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(see, watcher, tmp_path / "a")
            await anyio.wait_all_tasks_blocked()
            append(tmp_path / "a")


@everywhere
async def test_a_renamed_file_is_told_by_its_new_name(tmp_path: Path) -> None:
    with watching(tmp_path) as watcher, (tmp_path / "a").open("ab", buffering=0) as file:
        (tmp_path / "a").rename(tmp_path / "a.1")
        await see(watcher, tmp_path / "a.1")
        file.write(b"line\n")
        await see(watcher, tmp_path / "a.1")
        (tmp_path / "a.1").unlink()
        await see(watcher, tmp_path / "a.1")
        assert await see_all(watcher) == []
        file.write(b"line\n")
        await see(watcher, tmp_path / "a.1")


@pytest.mark.parametrize("name", [b"\xff\xfe", b"\xc3\xa4 \n\x1b", b"\\040", b"-" * 255])
@everywhere
async def test_a_name_may_be_any_bytes(tmp_path: Path, name: bytes) -> None:
    directory = tmp_path / os.fsdecode(name)
    with watching(directory) as watcher:
        directory.mkdir()
        await see_directory(watcher, directory)
        append(directory / os.fsdecode(name))
        await see(watcher, directory / os.fsdecode(name))


@everywhere
async def test_a_directory_that_comes_and_goes_is_told_each_time(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b" / "c"
    with watching(directory) as watcher:
        for _ in range(3):
            (tmp_path / "a").mkdir()
            assert await see_all(watcher) == []
            (tmp_path / "a" / "b").mkdir()
            directory.mkdir()
            await see_directory(watcher, directory)
            append(directory / "file")
            await see(watcher, directory / "file")
            shutil.rmtree(tmp_path / "a")
            await see_directory(watcher, directory)
            await see_all(watcher)


@everywhere
async def test_a_replaced_directory_is_no_longer_watched(tmp_path: Path) -> None:
    directory, old = tmp_path / "logs", tmp_path / "logs.old"
    directory.mkdir()
    with watching(directory) as watcher:
        await see_directory(watcher, directory)
        directory.rename(old)
        directory.mkdir()
        await see_directory(watcher, directory)
        append(directory / "new")
        append(old / "old")
        assert [changes.paths for changes in await see_all(watcher)] == [{directory / "new"}]


@everywhere
async def test_a_directory_in_place_of_a_file_is_watched(tmp_path: Path) -> None:
    append(tmp_path / "a")
    with watching(tmp_path / "a") as watcher:
        (tmp_path / "a").unlink()
        (tmp_path / "a").mkdir()
        await see_directory(watcher, tmp_path / "a")
        append(tmp_path / "a" / "b")
        await see(watcher, tmp_path / "a" / "b")


@everywhere
async def test_a_directory_is_told_under_each_name_added(
    tmp_path: Path,
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with watching(tmp_path / "real", tmp_path / "link", tmp_path, tmp_path / "later") as watcher:
        append(tmp_path / "real" / "a")
        await see(watcher, tmp_path / "real" / "a", tmp_path / "link" / "a")
        watcher.remove(tmp_path / "real")
        await see_all(watcher)
        append(tmp_path / "real" / "a")
        assert {path for changes in await see_all(watcher) for path in changes.paths} == {tmp_path / "link" / "a"}
        watcher.remove(tmp_path)
        (tmp_path / "later").mkdir()
        await see_directory(watcher, tmp_path / "later")
        append(tmp_path / "later" / "a")
        await see(watcher, tmp_path / "later" / "a")


@everywhere
async def test_a_removed_directory_can_be_added_again(tmp_path: Path) -> None:
    with watching(tmp_path) as watcher:
        watcher.add(tmp_path)
        watcher.remove(tmp_path)
        watcher.remove(tmp_path)
        await see_all(watcher)
        append(tmp_path / "a")
        assert await see_all(watcher) == []
        watcher.add(tmp_path)
        await see_directory(watcher, tmp_path)
        append(tmp_path / "a")
        await see(watcher, tmp_path / "a")


@everywhere
async def test_an_added_directory_wakes_a_waiting_watcher(tmp_path: Path) -> None:
    with watching() as watcher:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(see_directory, watcher, tmp_path)
            await anyio.wait_all_tasks_blocked()
            watcher.add(tmp_path)


@pytest.mark.skipif(LONGEST_QUEUE > 200_000, reason="fs.inotify.max_queued_events takes too long to reach here")
@everywhere
async def test_when_inotifys_queue_overflows_everything_is_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        append(tmp_path / name)
    with watching(tmp_path, tmp_path / "later") as watcher:
        for _ in range(
            LONGEST_QUEUE // 2 + 1
        ):  # one after the other: only what repeats the last event is merged with it
            os.utime(tmp_path / "a")
            os.utime(tmp_path / "b")
        (tmp_path / "later").mkdir()
        with anyio.fail_after(GUARD):
            changes = await watcher.wait()
        assert changes.everything
        assert tmp_path / "later" in changes.directories
        append(tmp_path / "later" / "c")
        await see(watcher, tmp_path / "later" / "c")


@virtual
async def test_only_the_deadline_and_the_slow_look_end_a_wait(tmp_path: Path) -> None:
    append(tmp_path / "a")
    with watching(tmp_path, tmp_path / "later") as watcher:
        assert await watcher.wait() == Changes(directories=frozenset({tmp_path}))
        assert await watcher.wait(until=4.0) == Changes()
        assert trio.current_time() == 4.0
        assert await watcher.wait() == Changes(everything=True)
        assert trio.current_time() == LOOK
        assert await watcher.wait() == Changes(everything=True)
        assert trio.current_time() == 2 * LOOK


@virtual
async def test_without_a_directory_there_is_no_slow_look() -> None:
    with watching() as watcher:
        assert await watcher.wait(until=1000.0) == Changes()
        assert trio.current_time() == 1000.0


@virtual
async def test_the_slow_look_finds_a_replaced_directory(tmp_path: Path) -> None:
    """Its parent was renamed, or a link was turned: nobody tells of that."""
    directories = [tmp_path / "parent" / "logs", tmp_path / "link"]
    for directory in (directories[0], tmp_path / "old", tmp_path / "new"):
        directory.mkdir(parents=True)
    (tmp_path / "link").symlink_to("old")
    with watching(*directories) as watcher:
        await watcher.wait()
        (tmp_path / "parent").rename(tmp_path / "other")
        directories[0].mkdir(parents=True)
        (tmp_path / "link").unlink()
        (tmp_path / "link").symlink_to("new")
        changes = await watcher.wait()
        assert changes == Changes(directories=frozenset(directories), everything=True)
        assert trio.current_time() == LOOK
        for directory in directories:
            append(directory / "a")
        assert (await watcher.wait()).paths == {directory / "a" for directory in directories}
        assert trio.current_time() < LOOK + 2 * REST


@virtual
async def test_a_quiet_files_first_line_is_told_at_once(tmp_path: Path) -> None:
    with watching(tmp_path) as watcher:
        await watcher.wait()
        for second in (1.0, 2.0):
            await trio.sleep_until(second)
            append(tmp_path / "a")
            assert (await watcher.wait()).paths == {tmp_path / "a"}
            assert trio.current_time() == second
            append(tmp_path / "b")
            append(tmp_path / "c")
            assert (await watcher.wait()).paths == {tmp_path / "b", tmp_path / "c"}
            assert trio.current_time() == pytest.approx(second + REST)


@virtual
async def test_a_thousand_lines_a_second_are_told_fifty_times(tmp_path: Path) -> None:
    told = 0

    async def write() -> None:
        for number in range(1000):
            append(tmp_path / f"file{number % 3}")
            await trio.sleep(0.001)

    with watching(tmp_path) as watcher:
        await watcher.wait()
        async with trio.open_nursery() as tasks:
            tasks.start_soon(write)
            while trio.current_time() < 1.0:
                told += bool((await watcher.wait(until=1.0)).paths)
    assert told <= 1.0 / REST + 1


@virtual
async def test_a_cancellation_loses_nothing(tmp_path: Path) -> None:
    """Neither one that comes at once nor one that comes while it rests."""
    with watching(tmp_path) as watcher:
        append(tmp_path / "a")
        await watcher.wait()
        append(tmp_path / "b")
        for seconds in (0.0, REST / 2, 0.0):
            with trio.move_on_after(seconds) as scope:
                await watcher.wait()
            assert scope.cancelled_caught
        assert (await watcher.wait()).paths == {tmp_path / "b"}
        with trio.move_on_after(1.0) as scope:
            await watcher.wait()
        assert scope.cancelled_caught
        append(tmp_path / "c")
        assert (await watcher.wait()).paths == {tmp_path / "c"}


@everywhere
async def test_a_cancellation_as_a_line_comes_loses_nothing(tmp_path: Path) -> None:
    with watching(tmp_path) as watcher:
        await see_directory(watcher, tmp_path)
        for number in range(20):
            path = tmp_path / f"{number}"
            told: list[Changes] = []

            async def take(told: list[Changes] = told) -> None:
                told.append(await watcher.wait())

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(take)
                await anyio.wait_all_tasks_blocked()
                append(path)
                for _ in range(number % 4):
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            if not any(path in changes for changes in told):
                await see(watcher, path)


REFUSALS: dict[str, dict[str, Exception]] = {
    "init": {
        "max_user_instances": OSError(errno.EMFILE, "Too many open files"),
        "Function not implemented": OSError(errno.ENOSYS, "Function not implemented"),
        "no inotify": AttributeError("undefined symbol: inotify_init1"),
    },
    "add": {
        "max_user_watches": OSError(errno.ENOSPC, "No space left on device"),
        "Cannot allocate memory": OSError(errno.ENOMEM, "Cannot allocate memory"),
    },
}


@pytest.mark.parametrize(("call", "reason"), [(call, reason) for call in REFUSALS for reason in REFUSALS[call]])
@virtual
async def test_without_inotify_directories_are_polled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, reason: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise REFUSALS[call][reason]

    name = {"init": "__init__", "add": "add_watch"}[call]
    directories = frozenset({tmp_path, tmp_path / "later"})
    journal = Journal()
    with monkeypatch.context() as patch:
        patch.setattr(inotify_simple.INotify, name, refuse)
        with watching(*directories, log=journal) as watcher:
            assert await watcher.wait() == Changes(directories=directories)
            assert await watcher.wait() == Changes(directories=directories)
            assert trio.current_time() == POLL
            assert await watcher.wait(until=1.5 * POLL) == Changes()
            times = {}
            while trio.current_time() < 2 * LOOK:
                times[trio.current_time()] = await watcher.wait()
            assert sum(changes.everything for changes in times.values()) == 2
            assert len(times) == pytest.approx(2 * LOOK / POLL, abs=4)
            watcher.remove(tmp_path)
            assert (await watcher.wait()).directories == {tmp_path / "later"}
    (told,) = journal.named("watch.polling")
    assert reason in str(told["reason"])


@virtual
async def test_the_slow_look_watches_what_inotify_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with watching() as watcher:
        with monkeypatch.context() as patch:
            patch.setattr(inotify_simple.INotify, "add_watch", refuse)
            watcher.add(tmp_path)
        while not (await watcher.wait()).everything:
            pass
        append(tmp_path / "a")
        assert (await watcher.wait()).paths == {tmp_path / "a"}
        assert await watcher.wait(until=LOOK + 2 * POLL) == Changes()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@virtual
async def test_a_directory_that_cannot_be_listed_is_polled(tmp_path: Path) -> None:
    directory = tmp_path / "dark"
    directory.mkdir(mode=0o300)
    journal = Journal()
    with watching(directory, log=journal) as watcher:
        assert await watcher.wait() == Changes(directories=frozenset({directory}))
        assert (await watcher.wait()).directories == {directory}
        assert trio.current_time() == POLL
        assert journal.named("watch.polling")
        directory.chmod(0o700)
        while not (await watcher.wait()).everything:
            pass
        append(directory / "a")
        assert (await watcher.wait()).paths == {directory / "a"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@everywhere
async def test_a_closed_directory_is_watched_once_it_opens(tmp_path: Path) -> None:
    directory = tmp_path / "dark"
    directory.mkdir(mode=0)
    with watching(directory) as watcher:
        assert await see_all(watcher) == []
        directory.chmod(0o700)
        await see_directory(watcher, directory)
        append(directory / "a")
        await see(watcher, directory / "a")


@virtual
async def test_a_directory_in_proc_is_polled(tmp_path: Path) -> None:
    journal = Journal()
    proc = Path("/proc/self")
    with watching(proc, proc / "net" / "none", tmp_path, log=journal) as watcher:
        assert (await watcher.wait()).directories == {proc, proc / "net" / "none", tmp_path}
        assert (await watcher.wait(until=POLL)).directories == {proc, proc / "net" / "none"}
    (told,) = journal.named("watch.polling")
    assert "proc" in str(told["reason"])


def test_a_line_in_a_polled_directory_is_told_within_250_ms() -> None:
    assert POLL + REST < 0.25


def test_changes_contain_a_path_or_all_of_its_directory() -> None:
    path = Path("/logs/a")
    assert path in Changes(paths=frozenset({path}))
    assert path in Changes(directories=frozenset({path.parent}))
    assert path in Changes(everything=True)
    assert path not in Changes(paths=frozenset({path.parent}), directories=frozenset({path, Path("/")}))
