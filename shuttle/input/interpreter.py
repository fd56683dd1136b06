"""The interpreter of a program: what its first line names, or the loader of a binary. Without it nothing starts."""

import os
import shutil
import struct
from pathlib import Path

_LONGEST = 256  # bytes of a first line that Linux reads
_DEEPEST = 5  # interpreters that are scripts themselves: Linux takes four
_LOADER = 3  # PT_INTERP
_LONGEST_LOADER = 4096  # bytes of a path
# An ELF file, by its class: where the table of segments is said to be, and how long it is; and of a segment what it is,
# where it stands and how long it is.
_TABLES = {1: ("28xI10xHH", "I I8xI"), 2: ("32xQ14xHH", "I4xQ16xQ")}
_ORDERS = {1: "<", 2: ">"}


def find_missing_interpreter(program: str) -> str:
    """Return the interpreter that the program at this path needs and that cannot be run; nothing if it can, or none is.

    An interpreter that `env` looks up is one, too.
    """
    for _ in range(_DEEPEST):
        interpreter, argument = _read(program)
        if not interpreter:
            return ""
        if not (Path(interpreter).is_file() and os.access(interpreter, os.X_OK)):
            return interpreter
        if Path(interpreter).name == "env" and (name := _find_name(argument)) and not shutil.which(name):
            return name
        program = interpreter
    return ""


def _read(program: str) -> tuple[str, str]:
    """Return the interpreter of a program and its argument; empty texts if there is none, or nobody can know it."""
    try:
        if not Path(program).is_file():
            return "", ""
        with Path(program).open("rb") as file:
            head = file.read(_LONGEST)
            if head.startswith(b"#!"):
                line = os.fsdecode(head[2:].split(b"\n")[0].strip(b" \t"))
                name, _, argument = line.replace("\t", " ").partition(" ")
                return name, argument.strip()
            if head.startswith(b"\x7fELF"):
                return _find_loader(file.fileno(), head), ""
    except (OSError, ArithmeticError, LookupError, struct.error):  # it is not ours to read, or no binary at all
        pass
    return "", ""


def _find_loader(descriptor: int, head: bytes) -> str:
    """Return the path of the loader that a binary names; an empty text if it needs none.

    Raises:
        OSError: It cannot be read.
        ArithmeticError, LookupError, struct.error: It is no binary.
    """
    order, (table, segment) = _ORDERS[head[5]], _TABLES[head[4]]
    begin, size, count = struct.unpack_from(order + table, head)
    for number in range(count):
        data = os.pread(descriptor, size, begin + number * size)
        kind, place, length = struct.unpack_from(order + segment, data)
        if kind == _LOADER:
            return os.fsdecode(os.pread(descriptor, min(length, _LONGEST_LOADER), place).rstrip(b"\0"))
    return ""


def _find_name(argument: str) -> str:
    """Return the program that `env` is told to look up; an empty text if it has other options than -S."""
    words = [word for word in argument.removeprefix("-S").split() if "=" not in word]
    return words[0] if words and not words[0].startswith("-") else ""
