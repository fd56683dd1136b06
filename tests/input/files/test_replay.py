"""A batch is made again from its plan: the same id, body and lines, or what of it can still be read."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.config import MIN_BATCH_BYTES
from shuttle.core.batch import Batch, Batcher
from shuttle.core.fingerprint import Read
from shuttle.core.frame import make_stamp
from shuttle.core.lines import NewlineSplitter
from shuttle.core.position import Position, Span
from shuttle.input.files.file import File
from shuttle.input.files.labels import ANY, Labels
from shuttle.input.files.open_file import FileState, OpenFile
from shuttle.input.files.replay import make_batch
from shuttle.store.checkpoint_table import Plan
from tests.helpers.frames import make_config

LABELS = Labels(make_config(procid="{name}", max_line_length=20).framing)
FRAMER = LABELS.find_framer(ANY)
STAMPS = tuple(make_stamp(1_700_000_000.0 + number) for number in range(3))
LINES = st.lists(
    st.one_of(
        st.binary(max_size=5).map(lambda line: line.replace(b"\n", b"")),
        st.sampled_from([b"x" * 50, "€".encode() * 30]),
    ),
    max_size=30,
)


def make_file(name: str, data: bytes) -> File:
    return open_as(name, lambda offset, length: data[offset : offset + length])


def open_as(name: str, read_at: Read) -> File:
    """Return a file of which only the content matters."""
    opened = OpenFile((1, 1), FileState.LIVE, read_at, Path(os.devnull).stat, lambda: None)
    return File(Path(name), opened, LABELS.make(Path(name), Position(1, 0)), grown=0.0)


def replay(plan: Plan, files: Mapping[int, File]) -> tuple[Batch | None, int]:
    return make_batch(plan, files.get, 5.0)


def send(files: Mapping[int, File], contents: Mapping[int, bytes], size: int) -> list[Batch]:
    """Return the batches of the files, each read in two chunks with its own stamp."""
    ids = (f"{number:032x}" for number in range(1000))
    batcher = Batcher(FRAMER, size=size, max_bytes=MIN_BATCH_BYTES, wait=1.0, new_id=lambda: next(ids))
    batches: list[Batch] = []
    splitters = {number: NewlineSplitter(1000) for number in files}
    positions = {number: Position(number, 0) for number in files}
    for part, stamp in enumerate(STAMPS):
        for number, data in contents.items():
            middle = len(data) // 2
            splitter = splitters[number]
            lines = splitter.finish() if part == 2 else splitter.feed(data[middle:] if part else data[:middle])
            positions[number].cut(splitter.take_cuts())
            framer = LABELS.find_framer(files[number].path)
            batches += batcher.add(lines, stamp=stamp, now=1.0, framer=framer, position=positions[number])
    return batches + ([batcher.close()] if batcher.lines else [])


@given(first=LINES, second=LINES, size=st.integers(1, 10))
def test_a_batch_is_made_again_as_it_was(first: list[bytes], second: list[bytes], size: int) -> None:
    contents = {1: b"\n".join(first), 2: b"\n".join(second)}
    files = {number: make_file(f"{number}.log", data) for number, data in contents.items()}
    for batch in send(files, contents, size):
        again, missing = replay(Plan(batch.id, batch.spans), files)
        assert missing == 0
        assert again
        assert (again.id, again.body, again.lines, again.frames) == (batch.id, batch.body, batch.lines, batch.frames)
        assert (again.long, again.spans) == (batch.long, batch.spans)
        assert [half.id for half in again.halve()] == [half.id for half in batch.halve()]


def test_a_batch_made_again_is_born_now() -> None:
    """The clock of the process that made it first means nothing here, and it is tried as long as any."""
    batch, _ = replay(Plan("a" * 32, (Span(1, 0, 4, 1, STAMPS[0]),)), {1: make_file("a.log", b"one\n")})
    assert batch
    assert batch.born == 5.0


def test_a_missing_file_loses_its_own_lines_only() -> None:
    plan = Plan("a" * 32, (Span(1, 0, 8, 2, STAMPS[0]), Span(2, 0, 4, 1, STAMPS[1])))
    batch, missing = replay(plan, {2: make_file("b.log", b"two\n")})
    assert missing == 2
    assert batch
    assert (batch.lines, batch.id) == (1, plan.id)
    assert STAMPS[1].encode() in batch.body


def test_nothing_left_makes_no_batch() -> None:
    assert replay(Plan("a" * 32, (Span(1, 0, 8, 2, STAMPS[0]),)), {}) == (None, 2)


@pytest.mark.parametrize("left", [b"", b"one\nt", b"one\ntwo"])
def test_a_file_too_short_loses_the_lines_of_its_span(left: bytes) -> None:
    assert replay(Plan("a" * 32, (Span(1, 0, 8, 2, STAMPS[0]),)), {1: make_file("a.log", left)}) == (None, 2)


def test_a_batch_made_again_has_the_header_of_each_file() -> None:
    plan = Plan("a" * 32, (Span(1, 0, 4, 1, STAMPS[0]), Span(2, 0, 4, 1, STAMPS[0])))
    batch, _ = replay(plan, {1: make_file("a.log", b"one\n"), 2: make_file("b.log", b"two\n")})
    assert batch
    assert b" a.log - - one\n" in batch.body
    assert b" b.log - - two\n" in batch.body


def test_an_unreadable_file_raises_the_system_error_with_its_name() -> None:
    def fail(_offset: int, _length: int) -> bytes:
        raise OSError(5, "Input/output error")

    file = open_as("a.log", fail)
    with pytest.raises(OSError, match="Input/output error") as failure:
        replay(Plan("a" * 32, (Span(1, 0, 4, 1, STAMPS[0]),)), {1: file})
    assert failure.value.filename == "a.log"


@given(first=LINES, second=LINES, size=st.integers(2, 10))
def test_each_part_of_a_batch_is_made_again_as_it_was(first: list[bytes], second: list[bytes], size: int) -> None:
    contents = {1: b"\n".join(first), 2: b"\n".join(second)}
    files = {number: make_file(f"{number}.log", data) for number, data in contents.items()}
    parts = send(files, contents, size)
    while parts:
        part = parts.pop()
        again, missing = replay(Plan(part.id, part.spans), files)
        assert missing == 0
        assert again
        assert (again.id, again.body, again.lines, again.frames) == (part.id, part.body, part.lines, part.frames)
        assert (again.long, again.spans) == (part.long, part.spans)
        if part.lines > 1:
            parts += part.halve()
