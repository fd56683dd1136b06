"""-tee copies what is read, and is never waited for."""

import os
import subprocess
from pathlib import Path

import pytest

from shuttle.local_drain import LocalDrain
from tests.helpers.process import make_lines, run, start

pytestmark = pytest.mark.process


def test_what_is_read_is_copied_unchanged() -> None:
    data = b"one\n\xff\x1b[1mtwo\r\nno newline"
    with LocalDrain() as drain, start("-logs-url", drain.url, "-tee", stdout=subprocess.PIPE) as agent:
        assert agent.process.stdout
        agent.stdin.write(data)
        agent.stdin.close()
        assert agent.process.stdout.read() == data
        assert agent.finish().code == 0


def test_an_applications_streams_are_copied_each_to_its_own() -> None:
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-tee", "-split-stderr", "--", "sh", "-c", "echo out; echo err >&2")
    assert (ended.out, ended.err) == ("out\n", "err\n")
    assert sorted(drain.messages) == [b"err\n", b"out\n"]


def test_a_flood_is_copied_in_whole_to_a_reader_that_keeps_up(tmp_path: Path) -> None:
    data = b"".join(make_lines(100_000))
    with LocalDrain() as drain, (tmp_path / "copy").open("wb") as copy:
        assert run("-logs-url", drain.url, "-tee", "-drop=false", data=data, stdout=copy).code == 0
    assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.parametrize("application", [False, True])
def test_a_reader_that_is_stuck_delays_nothing(application: bool, tmp_path: Path) -> None:
    data = b"".join(make_lines(500_000))
    (tmp_path / "data").write_bytes(data)
    read_end, write_end = os.pipe()
    try:
        with LocalDrain() as drain:
            command = ("--", "cat", str(tmp_path / "data")) if application else ()
            flags = ("-logs-url", drain.url, "-tee", "-drop=false", *command)
            ended = run(*flags, data=b"" if application else data, stdout=write_end)
            os.close(write_end)
            assert drain.counts.messages == 500_000
        copied = b""
        while piece := os.read(read_end, 1 << 20):
            copied += piece
    finally:
        os.close(read_end)
    assert ended.code == 0
    [told] = ended.named("copy.cut")
    assert int(told.partition("bytes=")[2].split()[0]) == len(data) - len(copied)
    assert data.startswith(copied)


def test_a_reader_that_is_gone_is_told_of_and_costs_nothing() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        with LocalDrain() as drain:
            ended = run("-logs-url", drain.url, "-tee", data=b"line\n", stdout=write_end)
    finally:
        os.close(write_end)
    assert ended.code == 0
    assert "bytes=5" in ended.named("copy.cut")[0]
    assert drain.messages == [b"line\n"]


def test_with_files_it_has_no_effect(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"line\n")
    with LocalDrain() as drain:
        ended = run("-logs-url", drain.url, "-tee", "-follow=false", "-file", str(tmp_path / "app.log"))
    assert (ended.code, ended.out) == (0, "")
    assert "-tee has no effect with -file" in ended.err
