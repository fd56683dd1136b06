"""The system's authorities: checks the files that SSL_CERT_FILE and SSL_CERT_DIR name before OpenSSL opens them.

OpenSSL opens whatever is there, ignores what it cannot use, and reads a FIFO or a device forever: the file at the
start, and a directory's files when it checks a certificate.
"""

import os
import re
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shuttle.errors import ConfigError, quote
from shuttle.observe.log import Logger

MOST_BYTES = 16 * 1024 * 1024  # of a file of authorities; Mozilla's have a quarter of a megabyte
_NEEDED = f"must be a regular file of {MOST_BYTES >> 20} MiB at most"
_HASHED = re.compile(r"[0-9a-f]{8}\.r?[0-9]+")  # names of files that OpenSSL looks for in a directory


def is_readable(path: Path) -> bool:
    """Return whether `path` is a readable file of limited size."""
    try:
        return path.is_file() and path.stat().st_size <= MOST_BYTES and os.access(path, os.R_OK)
    except OSError:  # its directory is closed to us, or its name too long
        return False


def check_authorities() -> None:
    """Check that OpenSSL can open what the environment names.

    Raises:
        ConfigError: Something there may have no end. The text names the variable.
    """
    paths = ssl.get_default_verify_paths()
    if (named := os.environ.get(paths.openssl_cafile_env)) and _is_endless(Path(named)):
        raise ConfigError(f"{paths.openssl_cafile_env} {quote(named)}: {_NEEDED}")
    for directory in _list_directories(os.environ.get(paths.openssl_capath_env, "")):
        for path in directory.iterdir():
            if _HASHED.fullmatch(path.name) and _is_endless(path):
                raise ConfigError(f"{paths.openssl_capath_env} {quote(str(path))}: {_NEEDED}")


def warn_of_authorities(log: Logger) -> None:
    """Log that the file which the environment names has no authorities: OpenSSL passes over it."""
    name = ssl.get_default_verify_paths().openssl_cafile_env
    named = os.environ.get(name)
    if named is not None and (error := _try_to_load(named)):
        advice = f"{name} must name a file that holds certificates in PEM"
        log.warning("tls.unread", file=named, error=getattr(error, "strerror", None) or str(error), advice=advice)


class Authorities(NamedTuple):
    """A file or a directory of authorities."""

    path: str
    variable: str
    """The variable that names it; empty if it is the system's own."""


def list_authorities() -> Iterator[Authorities]:
    """Yield where OpenSSL finds authorities: a variable replaces the system's file or its directory, and not both."""
    paths = ssl.get_default_verify_paths()
    file = os.environ.get(paths.openssl_cafile_env)
    if not _try_to_load(path := paths.openssl_cafile if file is None else file):
        yield Authorities(path, paths.openssl_cafile_env * (file is not None))
    named = os.environ.get(paths.openssl_capath_env)
    for directory in _list_directories(paths.openssl_capath if named is None else named):
        if any(_HASHED.fullmatch(each.name) for each in directory.iterdir()):
            yield Authorities(str(directory), paths.openssl_capath_env * (named is not None))


def has_authorities() -> bool:
    """Return whether the system has a file of authorities, or a directory with any; OpenSSL takes several."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return True
    directories = _list_directories(os.environ.get(paths.openssl_capath_env) or paths.openssl_capath)
    return any(True for directory in directories for _ in directory.iterdir())


def _list_directories(named: str) -> list[Path]:
    return [path for path in map(Path, named.split(os.pathsep)) if path.is_dir() and os.access(path, os.R_OK)]


def _try_to_load(path: str) -> Exception | None:
    """Return why the file holds no authorities; None if it does."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        return error
    return None


def _is_endless(path: Path) -> bool:
    """Return whether `path` can be opened, and may be endless or nearly so."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # it cannot be opened either
        return False
    if stat.S_ISREG(status.st_mode):
        return status.st_size > MOST_BYTES
    return not stat.S_ISDIR(status.st_mode)
