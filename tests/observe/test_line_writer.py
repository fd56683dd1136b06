import contextlib
import os
import pty
import resource
import signal
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.observe.line_writer import LIMIT, MARK, LineWriter
from tests.helpers.sockets import GUARD


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    try:
        yield reader, writer
    finally:
        for fd in (reader, writer):
            try:
                os.close(fd)
            except OSError:
                continue  # the test closed it


def written(text: str) -> bytes:
    with pipe() as (reader, writer):
        LineWriter(writer).write(text)
        return os.read(reader, 2 * LIMIT)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", b"\n"),
        ("at=start", b"at=start\n"),
        ("Grüße", "Grüße\n".encode()),
        ("two\nlines", b"two\\nlines\n"),
        ("from bytes \udcff", b"from bytes \\udcff\n"),
        ("x" * (LIMIT - 2), b"x" * (LIMIT - 2) + b"\n"),
        ("x" * (LIMIT - 1), b"x" * (LIMIT - 2 - len(MARK)) + MARK + b"\n"),
        ("x" * 1_000_000, b"x" * (LIMIT - 2 - len(MARK)) + MARK + b"\n"),
    ],
)
def test_a_text_becomes_one_line(text: str, line: bytes) -> None:
    assert written(text) == line


@given(st.text(), st.integers(0, 2 * LIMIT))
def test_any_text_is_one_line_of_utf_8_that_a_writable_pipe_takes(text: str, padding: int) -> None:
    line = written("x" * padding + text)
    assert len(line) <= LIMIT
    assert line.index(b"\n") == len(line) - 1
    line.decode()


def test_a_full_pipe_costs_lines_and_no_time_until_its_reader_reads() -> None:
    with pipe() as (reader, writer):
        out = LineWriter(writer)
        sent = 0
        while not out.skipped:  # a pipe holds 64 KiB: this ends, or the test hangs in a write
            out.write(f"n={sent} {'x' * 1000}")
            sent += 1
        out.write("also skipped")
        assert out.skipped == 2
        held = os.read(reader, 1 << 20).splitlines()
        assert [line.split()[0] for line in held] == [f"n={number}".encode() for number in range(sent - 1)]
        out.write("flows again")
        assert os.read(reader, LIMIT) == b"flows again\n"
        assert out.skipped == 2


def test_skipped_lines_are_told_of_as_soon_as_possible() -> None:
    with pipe() as (reader, writer):
        out = LineWriter(writer, told="skipped={}")
        while not out.skipped:
            out.write("x" * 1000)
        out.write("also skipped")
        os.read(reader, 1 << 20)
        out.write("flows again")
        out.write("and on")
        assert os.read(reader, LIMIT) == b"skipped=2\nflows again\nand on\n"
        assert out.skipped == 2


def test_lines_to_a_pipe_are_whole_however_it_fills() -> None:
    with pipe() as (reader, writer):
        out = LineWriter(writer)
        for length in (4000, 17, 3000, 1, 4095, 900) * 40:
            out.write("x" * length)
        assert out.skipped
        lines = os.read(reader, 1 << 20).split(b"\n")
        assert lines.pop() == b""
        assert {len(line) for line in lines} <= {4000, 17, 3000, 1, LIMIT - 2, 900}


def test_a_pipe_whose_reader_is_gone_costs_the_line() -> None:
    with pipe() as (reader, writer):
        os.close(reader)
        out = LineWriter(writer)
        out.write("nobody reads")
        assert out.skipped == 1


def test_a_reader_that_is_gone_raises_no_sigpipe_in_a_host_that_did_not_ignore_it() -> None:
    signals: list[int] = []
    before = signal.signal(signal.SIGPIPE, lambda number, _frame: signals.append(number))
    try:
        with pipe() as (reader, writer):
            os.close(reader)
            LineWriter(writer).write("nobody reads")
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert signals == []


def test_a_closed_descriptor_costs_the_line() -> None:
    with pipe() as (_, writer):
        out = LineWriter(writer)
        os.close(writer)
        out.write("nowhere to go")
        assert out.skipped == 1


def test_a_descriptor_that_is_not_open_for_writing_costs_the_line() -> None:
    with open(os.devnull, "rb") as devnull:  # noqa: PTH123  # a descriptor is what it is about
        out = LineWriter(devnull.fileno())
        out.write("read only")
        assert out.skipped == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's device that is always full")
def test_a_full_disk_costs_the_line() -> None:
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123  # a device, unbuffered
        out = LineWriter(full.fileno())
        out.write("no room")
        out.write("still none")
        assert out.skipped == 2


def test_after_a_disk_took_half_a_line_the_next_one_stands_alone(tmp_path: Path) -> None:
    """A limit on the file's size stands for the disk's: the kernel takes what fits, then refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / "log"
    with path.open("wb", buffering=0) as file:
        out = LineWriter(file.fileno())
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        try:
            out.write("at=one")
            out.write("at=two")
            out.write("at=three")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        out.write("at=four")
        out.write("at=five")
    assert path.read_text() == "at=one\nat=\nat=four\nat=five\n"
    assert out.skipped == 2


def test_a_terminal_that_was_stopped_with_ctrl_s_costs_lines_until_ctrl_q() -> None:
    controller, terminal = pty.openpty()
    try:
        out = LineWriter(terminal)
        termios.tcflow(terminal, termios.TCOOFF)
        out.write("stopped")
        assert out.skipped == 1
        termios.tcflow(terminal, termios.TCOON)
        out.write("goes on")
        assert os.read(controller, LIMIT) == b"goes on\r\n"
    finally:
        os.close(controller)
        os.close(terminal)


def test_the_descriptor_stays_blocking_for_the_processes_that_share_it() -> None:
    with pipe() as (_, writer):
        LineWriter(writer).write("at=start")
        assert os.get_blocking(writer)


def ends(write: Callable[[], object]) -> bool:
    """Return whether `write` ends: it runs in a thread, which one that hangs does not hold up."""
    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    thread.join(GUARD)
    return not thread.is_alive()


@pytest.mark.parametrize("length", [1, 50, 200, 1000, LIMIT])
def test_a_terminal_that_nobody_reads_costs_lines(length: int) -> None:
    controller, terminal = pty.openpty()
    out = LineWriter(terminal)

    def write() -> None:
        while out.skipped < 3:
            out.write("x" * length)

    try:
        assert ends(write)
        assert os.get_blocking(terminal)
    finally:
        os.close(controller)
        os.close(terminal)


def test_the_other_end_of_a_terminal_takes_lines() -> None:
    controller, terminal = pty.openpty()
    try:
        LineWriter(controller).write("typed")
        assert os.read(terminal, LIMIT) == b"typed\n"
    finally:
        os.close(controller)
        os.close(terminal)


def test_a_pipe_that_somebody_else_fills_costs_lines() -> None:
    """Each page that is read makes room for one line, and two want it."""
    reader, writer = os.pipe()
    own = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
    out = LineWriter(writer)
    over = threading.Event()

    def fill() -> None:
        while not over.is_set():
            with contextlib.suppress(BlockingIOError):
                os.write(own, b"x" * LIMIT)

    def write() -> None:
        for _ in range(20_000):
            os.read(reader, LIMIT)
            out.write("x" * LIMIT)

    filler = threading.Thread(target=fill)
    filler.start()
    try:
        assert ends(write)
    finally:
        over.set()
        filler.join()
        for fd in (reader, writer, own):
            os.close(fd)
