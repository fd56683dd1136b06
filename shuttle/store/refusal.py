"""Why a directory cannot hold a store, in one line for whoever has named it."""

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
    """Say whether an error with a directory is one that no wait mends."""
    return isinstance(error, InUseError | UnsafeError) or error.errno in _HOPELESS


def refuse(flag: str, directory: Path, error: Exception) -> ConfigError:
    """Return what tells a user that the directory, which `flag` names, cannot be used."""
    accepted = f"must be a directory that can be made and written ({describe(error)})"
    if isinstance(error, InUseError):
        accepted = "must not be another running log-shuttle's; each needs its own"
    elif isinstance(error, UnsafeError):
        accepted = f"must be a directory of this user alone; one that is not there yet is made ({error.strerror})"
    return ConfigError(f"{flag} {quote(str(directory))}: {accepted}")
