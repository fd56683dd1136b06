"""A program whose interpreter is missing is known without starting it: the system gives the same answer."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from shuttle.input.interpreter import find_missing_interpreter

PIECES = [b"", b"#!", b"#!\n", b"\x7fELF", b"\x7fELF\x02\x01" + b"\xff" * 58, b"\x7fELF\x09\x09" + b"\0" * 250, b"MZ"]


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    path.chmod(0o755)
    return str(path)


def starts(program: str) -> bool:
    try:
        done = subprocess.run([program], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60)
    except OSError:
        return False
    return done.returncode not in (126, 127)


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("#!/bin/sh", ""),
        ("#! /bin/sh -e", ""),
        ("#!\t/bin/sh\t-e", ""),
        ("#!/usr/bin/env sh", ""),
        ("#!/usr/bin/env -S sh -e", ""),
        ("#!/nonexistent/interp", "/nonexistent/interp"),
        ("#!/nonexistent/interp -x", "/nonexistent/interp"),
        ("#!/bin/sh\r", "/bin/sh\r"),
        ("#!/tmp", "/tmp"),
        ("#!/etc/passwd", "/etc/passwd"),
        ("#!/usr/bin/env nonexistent-interp", "nonexistent-interp"),
        ("#!/usr/bin/env -S nonexistent-interp -x", "nonexistent-interp"),
    ],
)
def test_a_script_is_judged_as_the_system_does(line: str, missing: str, tmp_path: Path) -> None:
    script = write(tmp_path / "script", f"{line}\n:\n".encode())
    assert find_missing_interpreter(script) == missing
    assert starts(script) is not bool(missing)


def test_a_script_may_be_the_interpreter_of_another(tmp_path: Path) -> None:
    inner = write(tmp_path / "inner", b"#!/nonexistent/interp\n")
    assert find_missing_interpreter(write(tmp_path / "outer", f"#!{inner}\n".encode())) == "/nonexistent/interp"
    itself = tmp_path / "itself"
    assert find_missing_interpreter(write(itself, f"#!{itself}\n".encode())) == ""  # the system says that, and why


def test_the_loader_of_a_binary_is_looked_for(tmp_path: Path) -> None:
    """As in an image whose C library is another one."""
    program = shutil.which("true")
    assert program
    assert find_missing_interpreter(program) == ""
    data = Path(program).read_bytes()
    loader = data[(place := data.index(b"/lib")) : data.index(b"\0", place)]
    gone = b"/gone" + loader[5:]
    binary = write(tmp_path / "binary", data.replace(loader, gone))
    assert find_missing_interpreter(binary) == gone.decode()
    assert not starts(binary)


def test_a_binary_of_32_bits_has_a_loader_too(tmp_path: Path) -> None:
    head = b"\x7fELF\x01\x02" + bytes(22) + struct.pack(">I10xHH", 64, 32, 1)
    segment = struct.pack(">II8xI", 3, 128, 12)
    binary = write(tmp_path / "binary", head.ljust(64, b"\0") + segment.ljust(64, b"\0") + b"/gone/ld.so\0")
    assert find_missing_interpreter(binary) == "/gone/ld.so"


@pytest.mark.parametrize("data", PIECES)
def test_what_is_neither_has_none(data: bytes, tmp_path: Path) -> None:
    assert find_missing_interpreter(write(tmp_path / "program", data)) == ""


def test_what_cannot_be_read_has_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o755)
    assert find_missing_interpreter(str(tmp_path / "fifo")) == find_missing_interpreter(str(tmp_path / "none")) == ""
