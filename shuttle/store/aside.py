"""Files that are set aside: broken ones, and those of a newer log-shuttle."""

import contextlib
import errno
import os
from pathlib import Path

from shuttle.observe.log import Logger
from shuttle.store.access import LOG, SIDES
from shuttle.store.private import open_file
from shuttle.store.schema import Schema
from shuttle.store.sqlite_errors import NewerError, describe

_ADVICE_NEWER = "a log-shuttle of that version uses it when it starts in this directory"


class Aside:
    """The names that a database which nobody has open gets, so that a new one can be begun at `path`."""

    def __init__(self, path: Path, schema: Schema, log: Logger) -> None:
        self._path = path
        self._schema = schema
        self._log = log
        self._broken = [Path(f"{path}.broken-{number}") for number in range(1, schema.most_broken + 1)]

    def list_broken(self) -> list[Path]:
        """Return the broken files."""
        return [name for name in self._broken if os.path.lexists(name)]

    def clear(self) -> None:
        """Delete the broken files, as far as that is possible."""
        for name in self.list_broken():
            for side in SIDES:
                with contextlib.suppress(OSError):
                    Path(f"{name}{side}").unlink()

    def set_aside(self, error: Exception) -> None:
        """Give the database a name that says it is broken.

        Raises:
            OSError: It cannot be given one.
        """
        name = self._choose()
        _move(self._path, name)
        self._log.warning(f"{self._schema.event}.broken", file=self._path, error=describe(error), aside=name.name)

    def leave(self, error: NewerError) -> None:
        """Give the database of a newer log-shuttle a name by which one of that version finds it.

        Raises:
            OSError: It cannot be given one, or another has it.
        """
        name = self._name_version(error.version)
        if os.path.lexists(name):
            raise FileExistsError(errno.EEXIST, f"{describe(error)}, and {name.name} is there already")
        _move(self._path, name)
        told = {"error": describe(error), "aside": name.name, "advice": _ADVICE_NEWER}
        self._log.warning(f"{self._schema.event}.newer", file=self._path, **told)

    @property
    def has_left(self) -> bool:
        """Whether an older log-shuttle has left something for this version."""
        return os.path.lexists(self._name_version(self._schema.version))

    def claim(self) -> None:
        """Treat what an older log-shuttle left as a broken file, if there is a name for it.

        Raises:
            OSError: It cannot be taken.
        """
        name = self._choose()
        if not os.path.lexists(name):
            _move(self._name_version(self._schema.version), name)

    def _choose(self) -> Path:
        """Return a name for one more broken file: the first that is free, or else the last."""
        return next((name for name in self._broken if not os.path.lexists(name)), self._broken[-1])

    def _name_version(self, version: int) -> Path:
        return Path(f"{self._path}.version-{version}")


def _move(path: Path, to: Path) -> None:
    """Give a database another name, with all that SQLite has beside it."""
    for side in SIDES:
        try:
            Path(f"{path}{side}").replace(f"{to}{side}")
        except FileNotFoundError:  # an older one may have left its own, which SQLite would take for this one's
            Path(f"{to}{side}").unlink(missing_ok=True)
    if os.path.lexists(f"{to}{LOG}") and not os.path.lexists(to):
        os.close(open_file(to))  # it has the name of the whole
