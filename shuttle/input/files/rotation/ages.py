"""What names say of rotated files: which scheme made them, and which of two is older.

A name is a hint and no more. Content and inode say which file it is, and time says how old it is. Names say whether
rotation may have made an unknown file of a followed one, and break ties.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import PurePath
from typing import NamedTuple

from shuttle.input.files.formats import ENDINGS

# What rotation adds to a name: a number, or a date of any style and what is finer than a day.
_STAMP = re.compile(r"[0-9]+(?:[-_.:T][0-9]+)*Z?")
_DATE = re.compile(r"(20[0-9]{2})([-_.]?)(0[1-9]|1[0-2])(?:\2(0[1-9]|[12][0-9]|3[01]))?")
_DATE_DIGITS = 6  # a year and a month; what has fewer, such as 1.2, is a version
_EPOCH_DIGITS = 9  # a number as long as this is seconds since 1970, and grows


class Kind(Enum):
    """What kind of stamp rotation has put into a name."""

    NUMBER = auto()
    DATE = auto()
    """It begins with the year, and grows."""
    EPOCH = auto()
    """Seconds since 1970."""
    OTHER = auto()
    """Nothing that could be compared."""


class Age(NamedTuple):
    """What a name says of a file's age."""

    scheme: tuple[str, str]
    """What stands before the stamp and behind it."""
    kind: Kind
    stamp: tuple[int, ...]
    """To be compared with those of the same kind."""

    @property
    def appends(self) -> bool:
        """The stamp stands behind the whole name, as logrotate puts it, and not before its ending."""
        return not self.scheme[1]


def strip_packing(name: str) -> str:
    """Return `name` without the ending that says how the file is compressed."""
    return next((name.removesuffix(ending) for ending in ENDINGS if name.endswith(ending)), name)


def read_age(name: str, of: str) -> Age | None:
    """Return what `name` says of its age; None if rotation does not make such a name of `of`.

    For `app.log` it makes names such as `app.log.1`, `app.log-20261125`, `app.1.log` and `app-2026-11-25T10.log`, each
    compressed or not; but not `app-1.log`, which is the log of another process as often.
    """
    name = strip_packing(name)
    if name.startswith((f"{of}.", f"{of}-")):
        return _read_stamp(name[len(of) + 1 :], (name[: len(of) + 1], ""))
    stem, suffix = PurePath(of).stem, PurePath(of).suffix
    if suffix and name.endswith(suffix) and name.startswith((f"{stem}.", f"{stem}-")):
        age = _read_stamp(name[len(stem) + 1 : -len(suffix)], (name[: len(stem) + 1], suffix))
        dashed = name[len(stem)] == "-"
        return None if dashed and age is not None and age.kind is Kind.NUMBER else age
    return None


def list_prefixes(of: str) -> set[str]:
    """Return what the names begin with that rotation makes of `of`."""
    return {f"{beginning}{separator}" for beginning in (of, PurePath(of).stem) for separator in ".-"}


def list_origins(name: str) -> Iterator[str]:
    """Yield the names of which rotation may have made `name`."""
    stripped = strip_packing(name)
    ending = PurePath(stripped).suffix
    for length in range(1, len(stripped) + 1):
        for more in {"", ending}:
            origin = stripped[:length] + more
            if origin not in (name, ".", "..") and read_age(name, origin):
                yield origin


def _read_stamp(stamp: str, scheme: tuple[str, str]) -> Age | None:
    if not _STAMP.fullmatch(stamp):
        return None
    if date := _DATE.match(stamp):
        year, _, month, day = date.groups()
        finer = re.findall("[0-9]+", stamp[date.end() :])
        return Age(scheme, Kind.DATE, tuple(map(int, (year, month, *([day] if day else []), *finer))))
    if stamp.isdigit():
        kind = Kind.EPOCH if len(stamp) >= _EPOCH_DIGITS else Kind.NUMBER
        return Age(scheme, kind, (int(stamp),))
    return Age(scheme, Kind.OTHER, ()) if sum(map(str.isdigit, stamp)) >= _DATE_DIGITS else None
