"""Whether a directory would do for a store, found out without making, changing or keeping anything."""

import errno
import os
from pathlib import Path

from shuttle.store.access import SIDES
from shuttle.store.lock import InUseError, is_locked
from shuttle.store.private import check_files, open_directory
from shuttle.store.refusal import refuse
from shuttle.store.schema import Schema


def inspect_store(directory: Path, schema: Schema) -> str:
    """Return what can be said of a directory that would do.

    Raises:
        ConfigError: It would not. Where the start refuses it, the text is the same.
    """
    try:
        return _inspect(directory, schema.name)
    except OSError as error:
        raise refuse(schema.flag, directory, error) from None


def find_foreign(directory: Path, schema: Schema) -> str:
    """Return why the database in it would be set aside, and not be read; nothing if there is none, or it would."""
    try:
        check_files(directory / f"{schema.name}.sqlite{side}" for side in SIDES)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _inspect(directory: Path, name: str) -> str:
    try:
        descriptor = open_directory(directory, make=False)
    except FileNotFoundError:
        parent = _find_parent(directory)
        _check_writable(parent)
        return f"is made at the start, in {parent}"
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
    """Return the nearest directory above a missing one that is there.

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
