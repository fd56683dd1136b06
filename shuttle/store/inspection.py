"""Checks whether a directory can hold a store, without creating or changing anything."""

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from shuttle.store.access import LOG, SIDES, connect
from shuttle.store.lock import InUseError, is_locked
from shuttle.store.private import check_files, open_directory
from shuttle.store.refusal import refuse
from shuttle.store.schema import Schema
from shuttle.store.sqlite_errors import ERRORS, describe

_LONGEST = 2.0  # seconds to look for damage in
_STEPS = 1000  # of SQLite's machine between two looks at the time: less than a millisecond
Reader = Callable[[sqlite3.Connection], Iterable[object]]


def inspect_store(directory: Path, schema: Schema) -> str:
    """Return a description of a usable directory.

    Raises:
        ConfigError: It would not. Where the start refuses it, the text is the same.
    """
    try:
        return _inspect(directory, schema.name)
    except OSError as error:
        raise refuse(schema.flag, directory, error) from None


def find_foreign(directory: Path, schema: Schema) -> str:
    """Return why the database in it would be set aside; an empty text if it would be read, or there is none."""
    try:
        check_files(directory / f"{schema.name}.sqlite{side}" for side in SIDES)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def find_damage(directory: Path, schema: Schema, read: Reader, *, longest: float = _LONGEST) -> str:
    """Return what is broken in the database, as far as that is found in `longest` seconds; nothing if nothing is.

    `read` reads what its tables hold. A database whose log was not brought to it, as after a crash, is not looked at:
    alone it need not be whole, and whoever brings the log to it changes it.
    """
    path = directory / f"{schema.name}.sqlite"
    ends = time.monotonic() + longest
    try:
        if not _measure(path) or any(_measure(Path(f"{path}{side}")) for side in (LOG, "-journal")):
            return ""
        with contextlib.closing(connect(path, untouched=True)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS)
            schema.inspect(connection, thoroughly=True)
            for _ in read(connection):
                if time.monotonic() > ends:
                    break
    except OSError:  # that it cannot be read is said elsewhere
        return ""
    except ERRORS as error:
        return "" if time.monotonic() > ends else f"{path.name}: {describe(error)}"
    return ""


def _measure(path: Path) -> int:
    """Return the bytes of a file; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _inspect(directory: Path, name: str) -> str:
    try:
        descriptor = open_directory(directory, make=False)
    except FileNotFoundError:
        parent = _find_parent(directory)
        _check_writable(parent)
        return f"will be created at the start, in {parent}"
    os.close(descriptor)
    lock = directory / f"{name}.lock"
    if is_locked(lock):
        raise InUseError
    _check_writable(directory)
    for file in (lock, *(directory / f"{name}.sqlite{side}" for side in SIDES)):
        if file.is_file():
            _check_writable(file, called=f"{file.name}: ")
    return "can be written"


def _find_parent(directory: Path) -> Path:
    """Return the nearest existing directory above a missing one.

    Raises:
        OSError: There is something else in its place, such as a link that leads nowhere.
    """
    parent = next(path for path in directory.parents if os.path.lexists(path))
    if not parent.exists():
        raise FileNotFoundError(errno.ENOENT, f"{parent} is a link that leads nowhere")
    if not parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return parent


def _check_writable(path: Path, called: str = "") -> None:
    wanted = os.W_OK | (os.X_OK if path.is_dir() else 0)
    if os.access(path, wanted, effective_ids=os.access in os.supports_effective_ids):
        return
    number = errno.EROFS if os.statvfs(path).f_flag & os.ST_RDONLY else errno.EACCES
    raise OSError(number, called + os.strerror(number))
