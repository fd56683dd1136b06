"""A copy that has no room leaves out whole lines, and counts their bytes."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import anyio
import anyio.lowlevel
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shuttle.observe.copy import Copy, copying

MOST = 1000
FILLER = b"%06d" % 0 + b"." * 4089 + b"\n"  # a page of a pipe
Step = int | list[int]
"""Read so many bytes, or write a chunk of lines of these lengths; the last one's newline comes with the next chunk."""
STEPS = st.lists(
    st.one_of(st.integers(1, 20_000), st.lists(st.integers(0, 3 * MOST), min_size=1, max_size=6)), max_size=30
)


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


def read(reader: int, most: int) -> bytes:
    try:
        return os.read(reader, most)
    except BlockingIOError:
        return b""


async def carry_out(steps: Sequence[Step], reader: int, writer: int) -> tuple[bytes, bytes, int]:
    """Return what was written, what was read, and how many bytes were left out."""
    written, copied, number = b"", b"", 0

    async def follow() -> None:
        nonlocal copied
        while True:
            await anyio.wait_readable(reader)
            copied += read(reader, 1 << 20)

    async with anyio.create_task_group() as tasks:
        async with copying(writer, most=MOST) as [copy]:
            while not copy.cut:  # the pipe is full then, and what may wait
                copy.write(FILLER)
                written += FILLER
            for step in steps:
                if isinstance(step, int):
                    copied += read(reader, step)
                    await anyio.lowlevel.checkpoint()
                    await anyio.lowlevel.checkpoint()
                    continue
                lines = [b"%06d" % (number := number + 1) + b"x" * length for length in step]
                chunk = (b"\n" if number > len(lines) else b"") + b"\n".join(lines)
                copy.write(chunk)
                written += chunk
            tasks.start_soon(follow)
        tasks.cancel_scope.cancel()
    return written, copied + read(reader, 1 << 24), copy.cut


@settings(deadline=None)
@given(steps=STEPS)
@example(steps=[[1], [1], [3000, 10], 20_000, [5]])
@example(steps=[4096, [100], [2 * MOST], [0], [1, 1]])
def test_each_line_of_the_copy_was_written_so(steps: list[Step]) -> None:
    with pipe() as (reader, writer):
        written, copied, cut = anyio.run(carry_out, steps, reader, writer)
    assert len(copied) + cut == len(written)
    *whole, last = copied.split(b"\n")
    lines = iter(written.split(b"\n"))
    for line in whole:
        original = next(each for each in lines if each[:6] == line[:6])
        assert line == original or (len(original) > MOST and original.startswith(line))
    assert last == b"" or any(each.startswith(last) for each in lines)


def test_what_fits_is_unchanged_however_it_is_cut() -> None:
    data = b"one\n\n\xff\x00two\r\nno newline"
    for size in (1, 2, 7, len(data)):
        with pipe() as (reader, writer):
            copy = Copy(writer)
            for place in range(0, len(data), size):
                copy.write(data[place : place + size])
            assert (read(reader, 100), copy.cut) == (data, 0)


def test_a_line_that_has_begun_goes_on_beyond_the_limit() -> None:
    with pipe() as (reader, writer):
        copy = Copy(writer, MOST)
        while not copy.cut:
            copy.write(FILLER)
        cut = copy.cut
        copy.write(b"begun")
        copy.write(b"." * MOST)
        copy.write(b"end\nleft out\n")
        assert copy.cut == cut + len(b"left out\n")
        assert reader


@pytest.mark.parametrize("chunks", [[b"torn ", b"line\n", b"next\n"], [b"torn line\n", b"next\n", b"more\n"]])
def test_after_a_failure_the_next_newline_ends_what_was_written(
    chunks: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that was full for a while."""
    with pipe() as (reader, writer):
        copy = Copy(writer)
        copy.write(b"one\nto")
        monkeypatch.setattr("os.pwritev", _fail)
        copy.write(chunks[0])
        monkeypatch.undo()
        for chunk in chunks[1:]:
            copy.write(chunk)
        copied = read(reader, 100)
    assert copied.startswith(b"one\nto\n")
    assert set(copied.splitlines()[2:]) <= {b"next", b"more"}
    assert len(copied) + copy.cut == len(b"one\nto" + b"".join(chunks))


def _fail(*_: object) -> int:
    raise OSError(28, "No space left on device")
