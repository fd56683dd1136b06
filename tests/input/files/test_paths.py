"""What a path may be: a link, a directory, a FIFO, a descriptor, a pattern, not there, not readable, many of them."""

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.helpers.drains import TAKE, Answer, Call, Drain
from tests.helpers.following import SOON, append, following, number_lines
from tests.helpers.virtual import Journal, virtual

POLLED = 11.0  # seconds of virtual time; longer than the slow look at everything takes to come


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


async def open_writer(path: Path) -> int:
    """Open a FIFO as a writer, as soon as somebody reads it, and return the descriptor."""
    with trio.fail_after(POLLED):
        while True:
            try:
                return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:  # nobody reads
                    raise
                await trio.sleep(0.1)


async def write_all(path: Path, data: bytes) -> None:
    fd = await open_writer(path)
    os.write(fd, data)
    os.close(fd)


@virtual
async def test_a_link_to_another_directory_is_followed_at_once(log: Path, tmp_path: Path) -> None:
    drain = Drain()
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "target.log"
    target.touch()
    log.symlink_to(target)
    async with following(drain, log, from_="beginning"):
        await trio.sleep(SOON)
        append(target, b"one")
        await trio.sleep(SOON)
        assert drain.lines == [b"one"]


@virtual
async def test_a_link_switched_to_another_file_is_followed(log: Path, tmp_path: Path) -> None:
    drain = Drain()
    first, second = tmp_path / "first", tmp_path / "second"
    append(first, b"one")
    log.symlink_to(first)
    async with following(drain, log, from_="beginning"):
        await trio.sleep(SOON)
        append(first, b"two")
        append(second, b"three")
        _switch(log, second)
        await trio.sleep(SOON)
        append(first, b"late")
        append(second, b"four")
        await trio.sleep(POLLED)
        assert sorted(drain.lines) == sorted([b"one", b"two", b"three", b"late", b"four"])


@virtual
async def test_a_link_switched_back_goes_on_where_it_was(log: Path, tmp_path: Path) -> None:
    drain = Drain()
    first, second = tmp_path / "first", tmp_path / "second"
    append(first, b"one")
    append(second, b"two")
    log.symlink_to(first)
    async with following(drain, log, from_="beginning"):
        await trio.sleep(SOON)
        _switch(log, second)
        await trio.sleep(SOON)
        append(first, b"three")
        _switch(log, first)
        await trio.sleep(SOON)
        assert sorted(drain.lines) == sorted([b"one", b"two", b"three"])


def _switch(link: Path, target: Path) -> None:
    """Let a link lead elsewhere, as ln -sf and a rename do."""
    new = link.with_name("new link")
    new.symlink_to(target)
    new.rename(link)


@virtual
async def test_a_link_to_nothing_is_read_when_its_target_appears(log: Path, tmp_path: Path) -> None:
    drain = Drain()
    log.symlink_to(tmp_path / "target")
    async with following(drain, log):
        await trio.sleep(SOON)
        append(tmp_path / "target", b"one")
        await trio.sleep(POLLED)
        assert drain.lines == [b"one"]


@virtual
async def test_a_directory_is_logged_once_and_the_rest_followed(log: Path, tmp_path: Path) -> None:
    drain, journal = Drain(), Journal()
    (tmp_path / "directory").mkdir()
    append(log, b"one")
    async with following(drain, tmp_path / "directory", log, log=journal, from_="beginning"):
        await trio.sleep(2 * POLLED)
        assert drain.lines == [b"one"]
    assert [event["path"] for event in journal.named("file.unreadable")] == [tmp_path / "directory"]


@virtual
async def test_a_file_in_place_of_a_directory_is_followed(log: Path) -> None:
    drain = Drain()
    log.mkdir()
    async with following(drain, log):
        await trio.sleep(SOON)
        log.rmdir()
        append(log, b"one")
        await trio.sleep(SOON)
        assert drain.lines == [b"one"]


@virtual
async def test_a_file_in_a_directory_that_appears_later_is_read(tmp_path: Path) -> None:
    drain = Drain()
    async with following(drain, tmp_path / "a" / "b" / "app.log"):
        await trio.sleep(SOON)
        (tmp_path / "a" / "b").mkdir(parents=True)
        append(tmp_path / "a" / "b" / "app.log", b"one")
        await trio.sleep(SOON)
        assert drain.lines == [b"one"]


@virtual
async def test_a_pattern_in_a_directory_made_later_is_followed(tmp_path: Path) -> None:
    drain = Drain()
    async with following(drain, tmp_path / "later" / "*.log"):
        await trio.sleep(SOON)
        (tmp_path / "later").mkdir()
        append(tmp_path / "later" / "app.log", b"one")
        await trio.sleep(POLLED)
        assert drain.lines == [b"one"]


@pytest.mark.parametrize("pattern", ["*/app.log", "**/app.log"])
@virtual
async def test_a_pattern_finds_directories_that_appear_later(tmp_path: Path, pattern: str) -> None:
    drain = Drain()
    (tmp_path / "first").mkdir()
    append(tmp_path / "first" / "app.log", b"one")
    async with following(drain, tmp_path / pattern, from_="beginning"):
        await trio.sleep(SOON)
        (tmp_path / "second").mkdir()
        append(tmp_path / "second" / "app.log", b"two")
        await trio.sleep(POLLED)
        assert drain.lines == [b"one", b"two"]


@virtual
async def test_a_file_that_two_patterns_match_is_read_once(log: Path, tmp_path: Path) -> None:
    drain = Drain()
    append(log, b"one")
    async with following(drain, log, tmp_path / "*.log", tmp_path / "app*", from_="beginning"):
        await trio.sleep(SOON)
        append(log, b"two")
        await trio.sleep(SOON)
        assert drain.lines == [b"one", b"two"]


@virtual
async def test_without_following_rotated_files_match_patterns(tmp_path: Path) -> None:
    """It names these files, and there is nobody else who would have read them."""
    drain = Drain()
    append(tmp_path / "app.log.2", b"one")
    append(tmp_path / "app.log.1", b"two")
    append(tmp_path / "app.log", b"three")
    async with following(drain, tmp_path / "app.log*", follow=False):
        await trio.sleep(SOON)
    assert sorted(drain.lines) == sorted([b"one", b"two", b"three"])


@virtual
async def test_a_relative_path_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drain = Drain()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    async with following(drain, "app.log", "logs/*.log", "./logs/../other.log"):
        await trio.sleep(SOON)
        append(tmp_path / "app.log", b"one")
        await trio.sleep(SOON)
        append(tmp_path / "logs" / "app.log", b"two")
        await trio.sleep(SOON)
        append(tmp_path / "other.log", b"three")
        await trio.sleep(SOON)
        assert drain.lines == [b"one", b"two", b"three"]


@virtual
async def test_a_name_that_is_not_utf8_survives_a_restart(tmp_path: Path) -> None:
    drain = Drain()
    log = tmp_path / os.fsdecode(b"app-\xff\xe4.log")
    for number in range(3):
        append(log, b"%d" % number)
        settings: dict[str, Any] = {
            "from_": "beginning",
            "state_dir": tmp_path / "state",
            "procid": "{name}",
            "appname": "{path}",
        }
        async with following(drain, log, **settings):
            await trio.sleep(SOON)
    assert drain.lines == [b"0", b"1", b"2"]


@virtual
async def test_an_existing_name_with_wildcards_is_followed(tmp_path: Path) -> None:
    drain = Drain()
    log = tmp_path / "app[1].log"
    append(log, b"one")
    async with following(drain, log, from_="beginning"):
        await trio.sleep(SOON)
        assert drain.lines == [b"one"]


@virtual
async def test_a_fifo_is_read_from_each_writer_that_comes(tmp_path: Path) -> None:
    drain = Drain()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    async with following(drain, fifo):
        for number in range(3):
            await write_all(fifo, b"%d\nno newline %d" % (number, number))
            await trio.sleep(SOON)
        assert drain.lines == [line for n in range(3) for line in (b"%d" % n, b"no newline %d" % n)]


@virtual
async def test_a_fifo_accepts_the_next_writer_at_once(tmp_path: Path) -> None:
    drain = Drain()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    async with following(drain, fifo):
        await write_all(fifo, b"one\n")
        await trio.sleep(SOON)
        with trio.fail_after(SOON):
            await write_all(fifo, b"two\n")
        await trio.sleep(SOON)
        assert drain.lines == [b"one", b"two"]


@virtual
async def test_a_file_that_takes_the_place_of_a_fifo_is_read_once(tmp_path: Path) -> None:
    drain = Drain()
    fifo = tmp_path / "app.log"
    os.mkfifo(fifo)
    async with following(drain, fifo):
        fd = await open_writer(fifo)
        append(tmp_path / "other", b"two")
        (tmp_path / "other").rename(fifo)
        os.write(fd, b"one\n")
        os.close(fd)
        await trio.sleep(SOON)
        append(fifo, b"three")
        await trio.sleep(SOON)
        assert drain.lines == [b"one", b"two", b"three"]


@virtual
async def test_without_following_a_fifo_is_read_until_its_writer_goes(tmp_path: Path) -> None:
    drain = Drain()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    append(tmp_path / "app.log", b"of the file")
    async with following(drain, fifo, tmp_path / "app.log", follow=False) as shuttle:
        fd = await open_writer(fifo)
        os.write(fd, b"one\n")
        await trio.sleep(SOON)
        assert sorted(drain.lines) == [b"of the file", b"one"]
        os.write(fd, b"two")
        os.close(fd)
        await trio.sleep(SOON)
    assert sorted(drain.lines) == [b"of the file", b"one", b"two"]
    assert str(shuttle.ledger) == "read=3 delivered=3 dropped=0 lost=0 held=0"


@virtual
async def test_a_stop_delivers_what_was_read_of_a_fifo(
    tmp_path: Path,
) -> None:
    """Nobody can read it again."""
    drain = Drain()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    async with following(drain, fifo):
        fd = await open_writer(fifo)
        os.write(fd, b"one\ntwo")
        await trio.sleep(SOON)
    os.close(fd)
    assert drain.lines == [b"one", b"two"]


@virtual
async def test_undelivered_lines_of_a_fifo_are_lost(tmp_path: Path) -> None:
    drain = Drain(Answer(503))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    append(tmp_path / "app.log", b"of the file")
    settings: dict[str, Any] = {"from_": "beginning", "state_dir": tmp_path / "state", "land_timeout": 0.0}
    async with following(drain, fifo, tmp_path / "app.log", **settings) as shuttle:
        await write_all(fifo, b"one\ntwo\n")
        await trio.sleep(SOON)
    assert str(shuttle.ledger) == "read=3 delivered=0 dropped=0 lost=2 held=1"


@virtual
async def test_a_slow_drain_drops_nothing_of_a_fifo(tmp_path: Path) -> None:
    drain = Drain(Answer(delay=1.0))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    async with following(drain, fifo, num_outlets=1, batch_size=1, back_buff=1) as shuttle:
        await write_all(fifo, b"".join(line + b"\n" for line in number_lines(0, 50)))
        await trio.sleep(60.0)
    assert drain.lines == number_lines(0, 50)
    assert shuttle.ledger.dropped == 0


@pytest.mark.parametrize("form", ["/dev/fd/{}", "/proc/self/fd/{}"])
@virtual
async def test_a_descriptor_of_a_pipe_is_read_to_its_end(form: str) -> None:
    drain = Drain()
    read, write = os.pipe()
    async with following(drain, form.format(read), follow=False):
        os.write(write, b"one\ntwo\n")
        await trio.sleep(SOON)
        os.write(write, b"three")
        os.close(write)
        await trio.sleep(SOON)
    os.close(read)
    assert drain.lines == [b"one", b"two", b"three"]


@virtual
async def test_a_descriptor_of_a_file_is_read(log: Path) -> None:
    drain = Drain()
    append(log, b"one")
    fd = os.open(log, os.O_RDONLY)
    async with following(drain, f"/dev/fd/{fd}", follow=False):
        await trio.sleep(SOON)
    os.close(fd)
    assert drain.lines == [b"one"]


@pytest.mark.parametrize("make", [lambda path: path.touch(), lambda path: None], ids=["empty", "not there"])
@virtual
async def test_without_following_an_empty_file_sends_nothing(log: Path, make: Callable[[Path], None]) -> None:
    drain = Drain()
    make(log)
    async with following(drain, log, follow=False) as shuttle:
        await trio.sleep(SOON)
    assert drain.calls == []
    assert shuttle.ledger.read == 0


@virtual
async def test_without_following_a_missing_file_is_logged(log: Path) -> None:
    journal = Journal()
    async with following(Drain(), log, log=journal, follow=False):
        await trio.sleep(SOON)
    assert log in [data.get("path") for _, data in journal.events]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user and back")
@virtual
async def test_an_unreadable_file_is_logged_once_and_read_later() -> None:
    drain, journal = Drain(), Journal()
    with tempfile.TemporaryDirectory() as name:  # pytest's own is closed to other users
        Path(name).chmod(0o755)
        log = Path(name) / "app.log"
        append(log, b"one")
        log.chmod(0)
        os.seteuid(65534)
        try:
            async with following(drain, log, log=journal):
                await trio.sleep(3 * POLLED)
                assert len(journal.named("file.unreadable")) == 1
                os.seteuid(0)
                log.chmod(0o644)
                append(log, b"two")
                os.seteuid(65534)
                await trio.sleep(SOON)
                assert drain.lines == [b"one", b"two"]
        finally:
            os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user and back")
@virtual
async def test_a_rotated_file_is_read_on_until_the_next_opens() -> None:
    drain, journal = Drain(), Journal()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        log = Path(name) / "app.log"
        append(log, b"one")
        os.seteuid(65534)
        try:
            async with following(drain, log, log=journal, from_="beginning"):
                await trio.sleep(SOON)
                os.seteuid(0)
                append(log, b"two")
                log.rename(log.with_name("app.log.1"))
                os.close(os.open(log, os.O_WRONLY | os.O_CREAT, 0o600))
                append(log, b"four")
                append(log.with_name("app.log.1"), b"three")
                os.seteuid(65534)
                await trio.sleep(SOON)
                assert drain.lines == [b"one", b"two", b"three"]
                assert len(journal.named("file.unreadable")) == 1
                os.seteuid(0)
                log.chmod(0o644)
                os.seteuid(65534)
                await trio.sleep(SOON)
                assert drain.lines == [b"one", b"two", b"three", b"four"]
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("drop", [True, False])
@virtual
async def test_a_slow_drain_stops_the_reading_and_drops_nothing(log: Path, drop: bool) -> None:
    drain = Drain(Answer(delay=1.0))
    append(log, *number_lines(0, 5000))
    settings: dict[str, Any] = {"num_outlets": 1, "batch_size": 50, "back_buff": 1, "drop": drop, "patience": 0.0}
    async with following(drain, log, from_="beginning", **settings) as shuttle:
        await trio.sleep(200.0)
    assert drain.lines == number_lines(0, 5000)
    assert str(shuttle.ledger) == "read=5000 delivered=5000 dropped=0 lost=0 held=0"


@virtual
async def test_a_slow_drain_bounds_what_is_read_of_a_large_file(log: Path) -> None:
    drain = Drain(Answer(delay=1.0))
    log.write_bytes(b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * 200_000)
    settings: dict[str, Any] = {"num_outlets": 1, "back_bytes": 1024 * 1024, "land_timeout": 0.0}
    async with following(drain, log, from_="beginning", **settings) as shuttle:
        await trio.sleep(3.0)
        assert shuttle.ledger.held < 30_000


@virtual
async def test_a_large_file_does_not_keep_a_small_one_waiting(tmp_path: Path) -> None:
    """Neither one that was there, nor one that comes later."""
    seen: dict[bytes, int] = {}  # lines of the large file that came before

    def take(call: Call) -> Answer:
        for line in {b"small", b"later"}.intersection(call.lines):
            seen[line] = seen[b"large"]
        seen[b"large"] = seen.get(b"large", 0) + len(call.lines)
        return Answer(delay=0.01)

    (tmp_path / "a.log").write_bytes(b"large\n" * 500_000)
    append(tmp_path / "b.log", b"small")
    settings: dict[str, Any] = {"num_outlets": 1, "batch_size": 5000, "back_bytes": 64 * 1024, "land_timeout": 0.0}
    async with following(Drain(take), tmp_path / "*.log", from_="beginning", **settings):
        await trio.sleep(0.2)
        before = seen[b"large"]
        append(tmp_path / "c.log", b"later")
        await trio.sleep(5 * SOON)
    assert seen[b"small"] < 100_000
    assert before < seen[b"later"] < before + 100_000
    assert seen[b"large"] > 500_000


@virtual
async def test_several_large_files_are_mixed(tmp_path: Path) -> None:
    drain = Drain()
    for name in "abc":
        (tmp_path / f"{name}.log").write_bytes(name.encode() * 50 + b"\n" + (name.encode() * 50 + b"\n") * 100_000)
    async with following(drain, tmp_path / "*.log", follow=False):
        await trio.sleep(SOON)
    first = drain.lines[:30_000]
    assert {bytes([line[0]]): True for line in first} == {b"a": True, b"b": True, b"c": True}
    assert len(drain.lines) == 300_003


@virtual
async def test_the_header_names_the_file(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    def take(call: Call) -> Answer:
        bodies.append(call.body)
        return TAKE

    drain = Drain(take)
    append(tmp_path / "web.1.log", b"one")
    append(tmp_path / "worker.log", b"two")
    settings: dict[str, Any] = {"from_": "beginning", "appname": "x-{stem}", "procid": "{name}:{path}"}
    async with following(drain, tmp_path / "*.log", **settings):
        await trio.sleep(SOON)
    body = b"".join(bodies)
    for stem, line in ((b"web.1", b"one"), (b"worker", b"two")):
        path = os.fsencode(tmp_path / f"{stem.decode()}.log")
        assert b" x-%b %b.log:%b - - %b\n" % (stem, stem, path, line) in body.replace(path[-len(path) :], path)


@virtual
async def test_one_file_among_thousands_is_seen_to_grow(tmp_path: Path) -> None:
    drain = Drain()
    for number in range(2000):
        (tmp_path / f"{number}.log").touch()
    async with following(drain, tmp_path / "*.log"):
        await trio.sleep(3 * POLLED)
        append(tmp_path / "1234.log", b"one")
        await trio.sleep(SOON)
        assert drain.lines == [b"one"]
