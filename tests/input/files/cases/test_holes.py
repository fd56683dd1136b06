"""Holes and zeros, which a writer leaves that keeps its offset: they are no lines, and hide none."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.helpers.following import copytruncate, soon
from tests.helpers.trial import LONG, Trial, both
from tests.helpers.virtual import virtual

ROOM = 1 << 16  # bytes


@contextmanager
def written_from(path: Path, offset: int = 0) -> Iterator[BinaryIO]:
    """Open the file for an application that does not append: it writes where it stopped, whatever became of that."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644), "wb", buffering=0) as file:
        file.seek(offset)
        yield file


def put(trial: Trial, file: BinaryIO, count: int) -> None:
    file.write(b"".join(line + b"\n" for line in trial.make(count)))


@pytest.mark.parametrize("count", [10_000, 10], ids=["a long hole", "less than a page"])
@both
@virtual
async def test_a_hole_after_copytruncate_is_not_sent(log: Path, state: Path, count: int, down: bool) -> None:
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        with written_from(log) as file:
            put(trial, file, count)
            await soon()
            async with trial.away(down):
                copytruncate(log)
                put(trial, file, 1)
            put(trial, file, 10)
            await trial.expect_all(LONG)
    assert len(trial.log.all_about(log)) == 1


@both
@virtual
async def test_a_hole_that_appears_between_lines_is_not_sent(log: Path, state: Path, down: bool) -> None:
    """The file was cut to a length that is not 0, or its writer has passed over a stretch."""
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        with written_from(log) as file:
            put(trial, file, 10)
            await soon()
            async with trial.away(down):
                file.seek(1 << 20, os.SEEK_CUR)
                put(trial, file, 10)
            await trial.expect_all(LONG)
    assert len(trial.log.all_about(log)) == 1


def write_zeros(path: Path) -> None:
    path.write_bytes(bytes(ROOM))


def allocate(path: Path) -> None:
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, ROOM)


@pytest.mark.parametrize("make", [write_zeros, allocate], ids=["zeros", "fallocate"])
@both
@virtual
async def test_the_lines_of_a_preallocated_file_are_sent(
    log: Path, state: Path, make: Callable[[Path], None], down: bool
) -> None:
    """It is overwritten from the front."""
    make(log)
    async with Trial(log, state_dir=state) as trial:
        with written_from(log) as file:
            put(trial, file, 10)
            await soon()
            async with trial.away(down):
                put(trial, file, 10)
            put(trial, file, 10)
            await trial.expect_all(LONG)


@pytest.mark.parametrize("make", [write_zeros, allocate], ids=["zeros", "fallocate"])
@both
@virtual
async def test_a_preallocated_file_is_followed_through_its_rotation(
    log: Path, state: Path, make: Callable[[Path], None], down: bool
) -> None:
    """What was not used is cut off when it is closed."""
    make(log)
    async with Trial(log, state_dir=state) as trial:
        with written_from(log) as file:
            put(trial, file, 10)
            await soon()
            async with trial.away(down):
                put(trial, file, 10)
                file.truncate()
                log.rename(log.with_name("app.log.1"))
                make(log)
        with written_from(log) as file:
            put(trial, file, 10)
            await trial.expect_all(LONG)


@pytest.mark.parametrize("make", [write_zeros, allocate], ids=["zeros", "fallocate"])
@virtual
async def test_the_lines_of_a_preallocated_file_are_sent_by_a_replay(log: Path, make: Callable[[Path], None]) -> None:
    make(log)
    trial = Trial(log, follow=False)
    with written_from(log) as file:
        put(trial, file, 10)
    async with trial:
        await trial.expect_all()


@both
@virtual
async def test_zeros_within_lines_are_sent(log: Path, state: Path, down: bool) -> None:
    """What is in a line passes unchanged, at its beginning too: no hole is there, and nothing was cut."""
    log.touch()
    async with Trial(log, state_dir=state) as trial:
        for line in (b"\0\0name\0value", b"name\0value\0\0", b"\0" * 9000):
            trial.write_line(log, line)
        await soon()
        async with trial.away(down):
            trial.write_line(log, b"\0\0name\0value, too")
        await trial.expect_all(LONG)
