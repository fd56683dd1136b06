"""Explains in one line why a directory cannot hold a store."""

import errno
from pathlib import Path

from shuttle.errors import ConfigError, quote
from shuttle.store.lock import InUseError
from shuttle.store.private import UnsafeError
from shuttle.store.sqlite_errors import describe

# Errors at the start that no wait mends: what cannot be a directory, and a process without descriptors.
_HOPELESS = (
    *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT),
    *(errno.EMFILE, errno.ENFILE),
)


def is_hopeless(error: OSError) -> bool:
    """Say whether an error with a directory is permanent."""
    return isinstance(error, InUseError | UnsafeError) or error.errno in _HOPELESS


def refuse(flag: str, directory: Path, error: Exception) -> ConfigError:
    """Return the error for a directory, named by `flag`, that cannot be used."""
    accepted = f"must be a directory that can be created and written ({describe(error)})"
    if isinstance(error, InUseError):
        accepted = "is in use by another log-shuttle: give each its own directory"
    elif isinstance(error, UnsafeError):
        accepted = (
            f"must be a directory that belongs to this user alone; if it is missing, it is created ({error.strerror})"
        )
    return ConfigError(f"{flag} {quote(str(directory))}: {accepted}")
