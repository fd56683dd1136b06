"""Reads secrets from files, such as systemd credentials and Docker or Kubernetes secrets: `ps` does not show them."""

import os
import stat
from pathlib import Path

from shuttle.errors import ConfigError

_GIVEN = ("/dev/fd/", "/proc/self/fd/")
MOST = 64 * 1024  # bytes; a token is shorter


def read_secret(path: Path, flag: str) -> str:
    """Return the content of the file at `path`, without white space around it.

    Raises:
        ConfigError: There is nothing that can be used. The text names `flag` and `path`, and shows nothing of the file.
    """
    named = f"{flag} {str(path)!r}"
    given = str(path).startswith(_GIVEN)  # <(command) of a shell: its pipe is open already
    try:
        # O_NONBLOCK: to open a FIFO that nobody writes to would never end.
        with open(path, "rb", opener=None if given else _open_at_once) as file:
            kind = os.fstat(file.fileno()).st_mode
            if not (stat.S_ISREG(kind) or (given and stat.S_ISFIFO(kind))):
                raise ConfigError(f"{named}: must be a file")
            content = file.read(MOST + 1)
    except OSError as error:
        raise ConfigError(f"{named}: cannot be read: {error.strerror}") from None
    if len(content) > MOST:
        raise ConfigError(f"{named}: must have {MOST} bytes at most")
    try:
        secret = content.decode().strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{named}: must be text in UTF-8") from None
    if not secret:
        raise ConfigError(f"{named}: must not be empty")
    if not secret.isprintable():
        raise ConfigError(f"{named}: must be one line without control characters")
    return secret


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
