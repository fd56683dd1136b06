"""Compressed files that are followed or replayed: decompressed, in whichever state they are met."""

import gzip
import os
import sys
import zlib
from pathlib import Path
from typing import BinaryIO

import anyio
import pytest

from tests.helpers.compression import FORMATS, compress_zstd, make_text, pack
from tests.helpers.following import rotate, soon
from tests.helpers.trial import LONG, Trial
from tests.helpers.virtual import virtual


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where the logs are; the name of none of them says that it is compressed."""
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "app.log"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def join(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


class Flushing:
    """An application that writes its log compressed, and flushes after some lines."""

    def __init__(self, file: BinaryIO, trial: Trial) -> None:
        self._file = file
        self._trial = trial
        self._gzip = zlib.compressobj(wbits=31)

    def write(self, count: int) -> None:
        self._file.write(self._gzip.compress(join(self._trial.make(count))) + self._gzip.flush(zlib.Z_SYNC_FLUSH))

    def end(self) -> None:
        self._file.write(self._gzip.flush())


@virtual
async def test_a_log_that_is_written_compressed_is_read_as_it_is_flushed(log: Path, state: Path) -> None:
    log.touch()
    trial = Trial(log, state_dir=state)
    with log.open("ab", buffering=0) as file:
        async with trial:
            for _ in range(3):
                application = Flushing(file, trial)
                for _ in range(3):
                    application.write(10)
                    await trial.expect_all(ordered=True)
                await anyio.sleep(LONG)  # it is silent
                application.write(10)
                await trial.stop()
                application.write(10)
                await trial.start()
                await trial.expect_all(ordered=True)
                application.end()
            await trial.expect_all(LONG, ordered=True)
    assert trial.log.warnings == []


@pytest.mark.parametrize("ending", FORMATS)
@virtual
async def test_a_file_that_is_being_compressed_is_read_when_it_is_there(log: Path, ending: str) -> None:
    """It appears empty and is written in pieces, with pauses in which nobody takes it for damaged."""
    trial = Trial(log.with_name("*.packed"))
    path = log.with_name("app.packed")
    async with trial:
        data = FORMATS[ending](join(trial.make(10_000)))
        with path.open("wb", buffering=0) as file:
            await soon()
            for start in range(0, len(data), len(data) // 5 + 1):
                file.write(data[start : start + len(data) // 5 + 1])
                await anyio.sleep(LONG)
        await trial.expect_all(ordered=True)
    assert {event for event, _ in trial.log.warnings} <= {"file.absent"}, "there was nothing when it started"


@pytest.mark.parametrize("ending", FORMATS)
@virtual
async def test_what_was_read_of_a_compressed_file_is_not_read_again_after_a_restart(
    log: Path, state: Path, ending: str
) -> None:
    log.write_bytes(b"")
    trial = Trial(log, state_dir=state)
    for _ in range(3):
        with log.open("ab") as file:
            file.write(FORMATS[ending](join(trial.make(100))))
        async with trial:
            await trial.expect_all(ordered=True)


@pytest.mark.parametrize("lines", [10, 10_000])
@pytest.mark.parametrize("ending", FORMATS)
@virtual
async def test_a_compressed_file_is_over_for_who_begins_at_the_end(
    log: Path, state: Path, ending: str, lines: int
) -> None:
    """Nothing of it is read, not at a later start either, nor what is appended; one that appears later is."""
    log.write_bytes(FORMATS[ending](b"long ago\n" * lines))
    trial = Trial(log.with_name("*"), state_dir=state, from_="")
    for number in range(3):
        async with trial:
            pack_lines(log.with_name(f"new-{number}"), ending, trial)
            await trial.expect_all(LONG)
        with log.open("ab") as file:
            file.write(FORMATS[ending](b"long ago\n" * lines))
    assert trial.log.warnings == []


def pack_lines(path: Path, ending: str, trial: Trial) -> None:
    trial.write(path, 100)
    pack(path, ending)


@virtual
async def test_a_compressed_file_is_read_on_when_it_is_renamed_or_replaced(log: Path) -> None:
    """As logrotate renames app.log.1.gz when it makes a new one, which no pattern but this one follows by itself."""
    trial = Trial(log)
    async with trial:
        for ending in FORMATS:
            trial.write(log, 100)
            packed = pack(log, ending)
            packed.rename(log)
            await trial.expect_all(ordered=True)
            log.unlink()
        await trial.expect_all(LONG, ordered=True)


@pytest.mark.parametrize("ending", FORMATS)
@virtual
async def test_a_file_that_is_truncated_and_written_compressed_is_read(log: Path, ending: str) -> None:
    """And written plain again."""
    trial = Trial(log)
    async with trial:
        trial.write(log, 100)
        await soon()
        for _ in range(2):
            data = FORMATS[ending](join(trial.make(100)))
            os.truncate(log, 0)
            log.write_bytes(data)
            await soon()
            os.truncate(log, 0)
            trial.write(log, 50)
            await trial.expect_all(ordered=True)


@pytest.mark.parametrize("ending", ["gz", "xz", "bz2"])
@virtual
async def test_a_damaged_file_that_is_followed_is_told_of_once(log: Path, state: Path, ending: str) -> None:
    """At once, not at the end; what is beside it arrives."""
    data = bytearray(FORMATS[ending](make_text(2_000_000)))
    data[len(data) * 3 // 4 : len(data) * 3 // 4 + 1000] = bytes(1000)
    log.write_bytes(data)
    trial = Trial(log.with_name("app*"), state_dir=state)
    async with trial:
        trial.write(log.with_name("app2.log"), 100)
        await anyio.sleep(LONG)
        assert len(trial.log.about(log)) == 1
        trial.write(log.with_name("app2.log"), 100)
        await soon()
    sums = trial.sums
    assert (sums.missing, sums.doubled, sums.missed) == (0, 0, 1)
    assert sums.foreign > 10_000


@virtual
async def test_a_compressed_file_that_was_cut_off_is_told_of_when_nobody_can_write_to_it_any_more(log: Path) -> None:
    log.touch()
    trial = Trial(log)
    async with trial:
        log.write_bytes(gzip.compress(join(trial.make(1000)))[:-4])
        await anyio.sleep(LONG)
        assert trial.log.about(log) == []
        log.rename(log.with_name("old"))
        log.touch()
        await anyio.sleep(LONG)
        assert len(trial.log.about(log)) == 1
        assert trial.sums.missing == 0


@pytest.mark.parametrize("seen", [True, False])
@virtual
async def test_of_a_deleted_compressed_file_what_was_not_read_is_counted(log: Path, seen: bool) -> None:
    """If there was no time to look after it was deleted, it is known that there was more, and not how much."""
    trial = Trial(log, batch_size=1, back_buff=1)
    trial.hold_up()
    trial.write(log, 100_000)
    pack(log, "gz").rename(log)
    async with trial:
        log.unlink()
        if seen:
            await soon()
    assert trial.sums.missed == (0 if seen else 1)
    await trial.expect_counted()


@virtual
async def test_a_zip_that_is_written_to_an_empty_file_is_told_of_once_and_not_sent(log: Path) -> None:
    """Which holds up nothing: what the path leads to later is read."""
    log.touch()
    trial = Trial(log)
    async with trial:
        await soon()
        for _ in range(3):
            with log.open("ab") as file:
                file.write(b"PK\3\4" + b"\n\0" * 100)
            await soon()
        assert len(trial.log.about(log)) == 1
        rotate(log, create=False)
        trial.write(log, 10)
        await anyio.sleep(LONG)
        sums = trial.sums
        assert (sums.missing, sums.doubled, sums.foreign, sums.missed) == (0, 0, 0, 1), "the zip is a missed stretch"
        assert len(trial.log.about(log)) == 1


@pytest.mark.parametrize("follow", [False, True], ids=["replay", "followed"])
@virtual
async def test_zstd_without_its_package_is_told_of_once_with_advice(
    log: Path, follow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd", None)
    log.with_name("other.zst").write_bytes(compress_zstd(b"some line\n" * 100))
    trial = Trial(log.with_name("*"), follow=follow)
    trial.write(log, 10)
    async with trial:
        await trial.expect_all(LONG)
    ((_, told),) = trial.log.about(log.with_name("other.zst"))
    assert "install the package backports.zstd" in str(told["error"])


@virtual
async def test_compressed_files_are_read_one_after_another(log: Path) -> None:
    """Each needs memory while it is decompressed. Plain files have their turns meanwhile."""
    trial = Trial(log.with_name("*"), follow=False)
    for name in ("a", "b", "c"):
        text = b"".join(b"%b %0100d\n" % (name.encode(), number) for number in range(10_000))
        log.with_name(name).write_bytes(FORMATS["xz"](text))
    log.with_name("d").write_bytes(b"d\n" * 300_000)
    async with trial:
        await soon()
    letters = bytes(line[0] for line in trial.lines)
    packed = letters.replace(b"d", b"")
    assert sorted([packed[:10_000], packed[10_000:20_000], packed[20_000:]]) == [
        b"a" * 10_000,
        b"b" * 10_000,
        b"c" * 10_000,
    ]
    assert letters.index(b"d") < letters.rindex(packed[:1])


@virtual
async def test_gaps_in_a_compressed_file_are_passed_over_at_once(log: Path) -> None:
    """Nobody overwrites the zeros that stand in it."""
    trial = Trial(log)
    async with trial:
        for size in (1 << 16, 5 << 20):
            data = b"".join((join(trial.make(10)), bytes(size), join(trial.make(10))))
            with log.open("ab") as file:
                file.write(gzip.compress(data, 1))
            await trial.expect_all(ordered=True)


@pytest.mark.parametrize("ending", FORMATS)
@virtual
async def test_a_compressed_file_that_is_read_in_part_is_read_on_after_a_restart(
    log: Path, state: Path, ending: str
) -> None:
    """It is shorter than what was read of it, and was not truncated."""
    trial = Trial(log, state_dir=state, batch_size=1, back_buff=1)
    trial.write(log, 20_000)
    pack(log, ending).rename(log)
    trial.hold_up()
    async with trial:
        await trial.stop()
        trial.release()
        await trial.start(batch_size=500, back_buff=50)
        await anyio.sleep(LONG)
    assert trial.sums.missing + trial.sums.doubled + trial.sums.missed == 0, str(trial.sums)


@pytest.mark.parametrize("ending", FORMATS)
@virtual
async def test_a_file_that_is_open_is_not_sent_again_while_it_is_being_compressed(log: Path, ending: str) -> None:
    """Both names match the pattern. Few bytes of a log are more when they are compressed."""
    trial = Trial(log.with_name("app.log*"))
    async with trial:
        for count, pieces in ((1, 1), (10_000, 2)):
            trial.write(log, count)
            await soon()
            rotate(log)
            await soon()
            moved = log.with_name("app.log.1")
            data = FORMATS[ending](moved.read_bytes())
            with log.with_name(f"app.log.1.{ending}.{count}").open("wb", buffering=0) as file:
                for start in range(0, len(data), len(data) // pieces + 1):
                    file.write(data[start : start + len(data) // pieces + 1])
                    await soon()
            moved.unlink()
            await trial.expect_all(LONG)
