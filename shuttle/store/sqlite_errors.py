"""Judges an error of SQLite: the file is broken, it is gone, or the disk does not work now."""

import sqlite3

ERRORS = (sqlite3.Error, UnicodeDecodeError)  # the second if SQLite's text for an error quotes a broken schema
# The beginnings of the names of errors. SQLITE_ERROR: a table is not there, or already. SQLITE_TOOBIG and
# SQLITE_INTERRUPT: it is more than the limits of `schema` allow.
_BROKEN = (
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_ERROR",
    "SQLITE_IOERR_READ",
    "SQLITE_IOERR_SHORT_READ",
    "SQLITE_TOOBIG",
    "SQLITE_INTERRUPT",
)
_BROKEN_AT_START = (*_BROKEN, "SQLITE_IOERR_CORRUPTFS")
_READ_ONLY = "SQLITE_READONLY"  # at the start the file was opened to be written: then only its header forbids it
_UNWRITABLE = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_FULL", "SQLITE_IOERR")


class BrokenError(sqlite3.DatabaseError):
    """What SQLite can read, and this program cannot."""


class NewerError(BrokenError):
    """The database of a newer log-shuttle."""

    def __init__(self, version: int, known: int) -> None:
        super().__init__(f"it is version {version}; this log-shuttle reads version {known}")
        self.version = version


class GoneError(sqlite3.DatabaseError):
    """The open file no longer has its name."""


def is_broken(error: Exception, *, at_start: bool = False) -> bool:
    """Say whether an error means that the database is broken or gone, and not just that it cannot be written now."""
    if isinstance(error, BrokenError | GoneError | UnicodeDecodeError):
        return True
    name = getattr(error, "sqlite_errorname", "")
    return name.startswith(_BROKEN_AT_START if at_start else _BROKEN) or (at_start and name == _READ_ONLY)


def is_full(error: Exception) -> bool:
    """Say whether an error means that the disk has no room left."""
    return getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"


def is_unwritable(error: Exception) -> bool:
    """Say whether an error at the start may mean that the database can be read, but not written."""
    name = getattr(error, "sqlite_errorname", "")
    return isinstance(error, OSError) or (name.startswith(_UNWRITABLE) and not is_broken(error, at_start=True))


def describe(error: Exception) -> str:
    """Return what SQLite says, and its name for it, which says more: an error of the disk may be one of many."""
    if isinstance(error, UnicodeDecodeError):
        return "its schema is not text"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    name = getattr(error, "sqlite_errorname", None)
    return f"{error} ({name})" if name else str(error)
