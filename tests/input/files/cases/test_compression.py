"""Compressed files, in each format that rotation uses: read as what they hold, and never sent as they stand."""

import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import pytest

from shuttle.input.files.unpacked import Unpacked
from tests.helpers.compression import FORMATS, pack
from tests.helpers.following import rotate, soon
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("ending", FORMATS)
@both
@virtual
async def test_a_rotated_file_is_read_on_when_it_is_compressed(
    log: Path, state: Path, ending: str, pattern: str, down: bool
) -> None:
    log.touch()
    async with Trial(log.with_name(pattern), state_dir=state) as trial:
        trial.write(log, 1)
        await soon()
        async with trial.away(down):
            trial.write(log, 100)
            rotate(log)
            pack(log.with_name("app.log.1"), ending)
            trial.write(log, 1)
        await trial.expect_all(LONG)


@pytest.mark.parametrize("ending", FORMATS)
@both
@virtual
async def test_a_rotated_file_that_was_read_is_not_sent_compressed(
    log: Path, state: Path, ending: str, down: bool
) -> None:
    """It matches the pattern, and is a file that is known."""
    log.touch()
    async with Trial(log.with_name("app.log*"), state_dir=state) as trial:
        trial.write(log, 100)
        await soon()
        rotate(log)
        await soon()
        async with trial.away(down):
            pack(log.with_name("app.log.1"), ending)
        trial.write(log, 1)
        await trial.expect_all(LONG)


@pytest.mark.parametrize("ending", FORMATS)
@both
@virtual
async def test_a_live_file_is_read_on_when_it_is_compressed_at_once(
    log: Path, state: Path, ending: str, down: bool
) -> None:
    """No plain file is left under any name."""
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        trial.write(log, 100)
        await soon()
        async with trial.away(down):
            trial.write(log, 100)
            pack(log, ending)
            trial.write(log, 1)
        await trial.expect_all(LONG)


@pytest.mark.parametrize("follow", [False, True], ids=["replay", "from the beginning"])
@pytest.mark.parametrize("ending", FORMATS)
@virtual
async def test_compressed_files_that_are_asked_for_are_decompressed(log: Path, ending: str, follow: bool) -> None:
    trial = Trial(log.with_name("app.log*"), follow=follow)
    for number in (2, 1):
        trial.write(log.with_name(f"app.log.{number}"), 100)
        pack(log.with_name(f"app.log.{number}"), ending)
    trial.write(log, 100)
    async with trial:
        await trial.expect_all(LONG)


@pytest.mark.parametrize("ending", FORMATS)
@virtual
async def test_a_compressed_file_that_is_named_is_decompressed(log: Path, ending: str) -> None:
    trial = Trial(log.with_name(f"app.log.{ending}"), follow=False)
    trial.write(log, 100)
    pack(log, ending)
    async with trial:
        await trial.expect_all(LONG)


def make_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app.log", b"in an archive\n" * 1000)


def write_binary(magic: str, path: Path) -> None:
    path.write_bytes(bytes.fromhex(magic) + b"\n\0\xff" * 100)


UNREADABLE: dict[str, Callable[[Path], None]] = {
    "zip": make_zip,
    "lz4": partial(write_binary, "04224d18644082"),
    "Z": partial(write_binary, "1f9d90"),
}


@pytest.mark.parametrize("follow", [False, True], ids=["replay", "followed"])
@pytest.mark.parametrize("ending", UNREADABLE)
@virtual
async def test_what_cannot_be_decompressed_is_named_and_not_sent(log: Path, ending: str, follow: bool) -> None:
    path = log.with_name(f"app.log.1.{ending}")
    UNREADABLE[ending](path)
    trial = Trial(log.with_name("app.log*"), follow=follow)
    trial.write(log, 1)
    async with trial:
        await trial.expect_all(LONG)
    assert len(trial.log.about(path)) == 1


@pytest.mark.parametrize("ending", FORMATS)
@virtual
async def test_a_damaged_file_is_named_and_sent_as_far_as_it_can_be_read(log: Path, ending: str) -> None:
    """It ends in the middle, and so does the last line that can be read."""
    trial = Trial(log.with_name("app.log*"), follow=False)
    trial.write(log, 20_000)
    path = pack(log, ending)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    async with trial:
        await soon()
    assert 0 < trial.sums.missing < 20_000, str(trial.sums)
    assert trial.sums.foreign <= 1, str(trial.sums)
    assert len(trial.log.about(path)) == 1


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@virtual
async def test_a_file_is_decompressed_once_to_recognize_it(
    log: Path, state: Path, pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens around it afterwards, a restart included. It was let go before it was compressed."""
    later = time.time_ns() + 3600 * 10**9  # what was compressed just now may be changing still
    monkeypatch.setattr(time, "time_ns", lambda: later)
    decompressed = 0
    decompress = Unpacked._decompress

    def count(unpacked: Unpacked, length: int) -> bytes:
        nonlocal decompressed
        decompressed += len(data := decompress(unpacked, length))
        return data

    log.touch()
    async with Trial(log.with_name(pattern), state_dir=state, batch_size=5000) as trial:
        trial.write(log, 20_000)
        size = log.stat().st_size
        await soon()
        rotate(log)
        await anyio.sleep(LONG)
        pack(log.with_name("app.log.1"), "gz")
        await anyio.sleep(LONG)
        monkeypatch.setattr(Unpacked, "_decompress", count)
        trial.write(log, 1)
        async with trial.away(down=True):
            trial.write(log, 1)
        await trial.expect_all(LONG)
        rotate(log)
        trial.write(log, 1)
        await trial.expect_all(LONG)
    assert decompressed < 1.5 * size
