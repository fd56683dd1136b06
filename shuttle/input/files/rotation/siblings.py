"""Files that were rotated away: found by their content, and caught up with in order.

Rotation renames, copies or compresses a file, and nobody says so. What is certain is the content: one of the siblings
holds what was read last, and those that are newer were never read. Their order is what their names say.
"""

import contextlib
import os
import re
import stat
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from shuttle.core.fingerprint import Fingerprint, is_same_content
from shuttle.input.files.content import open_content
from shuttle.input.files.open_file import Key

LOOKS = 3  # at the directory: rotation takes milliseconds and comes once an hour, and a second one is no accident

# What rotation adds to a name: a number, or a date of any style and what is finer than a day.
_STAMP = re.compile(r"[0-9]+(?:[-_.:T][0-9]+)*Z?")
_DATE = re.compile(r"(20[0-9]{2})([-_.]?)(0[1-9]|1[0-2])(?:\2(0[1-9]|[12][0-9]|3[01]))?")
_DATE_DIGITS = 6  # a year and a month; what has fewer, such as 1.2, is a version
_EPOCH_DIGITS = 9  # a number as long as this is seconds since 1970, and grows


class _Kind(Enum):
    """What a sibling's name says of its age."""

    NUMBER = auto()  # the higher, the older
    DATE = auto()
    EPOCH = auto()
    OTHER = auto()  # nothing that could be compared


@dataclass(frozen=True, slots=True)
class _Sibling:
    path: Path
    device: int
    inode: int

    @property
    def key(self) -> Key:
        return self.device, self.inode


def list_siblings(path: Path) -> list[Path]:
    """Return the files beside `path` that rotation may have made of it, oldest first; never `path` itself.

    For `app.log` these are names such as `app.log.1`, `app.log-20261125`, `app.1.log` and `app-2026-11-25T10.log`, each
    with or without `.gz`; but not `app-1.log`, which is the log of another process as often. Numbers are the older the
    higher they are, dates ascend; where both are mixed, and for dates that cannot be compared, the time of the last
    change decides. A file and its `.gz`, which stand side by side while gzip runs, count once, as the file; so does a
    file under two names.
    """
    return [sibling.path for sibling in _look(path)]


def is_sibling(path: Path, of: Path) -> bool:
    """Say whether `path` has a name that rotation may have made of that of `of`; nothing is looked at but the names."""
    return path.parent == of.parent and _read_age(path.name.removesuffix(".gz"), of) is not None


def find_rest(path: Path, fingerprint: Fingerprint) -> list[tuple[Path, int]] | None:
    """Return what was never read of the files that stood at `path`, in order: each file, and the offset to read from.

    The first is the sibling that holds what was read, even if it holds no more than that; the newer ones follow whole.
    None if no sibling holds it. A file of which nothing was read is known by device and inode alone; where a copy or a
    compressed file is to be found by content, and several agree, the oldest does: twice is better than never.

    A sibling that has vanished or cannot be read is passed over. The newer ones are not opened here: whoever opens one
    may find that it has gone.
    """
    siblings = _look(path)
    for _ in range(LOOKS):
        place = _find_match(siblings, fingerprint)
        before, siblings = siblings, _look(path)
        if siblings == before:
            break  # no rotation went on meanwhile: each name stands for the file that was looked at
    if place is None:
        return None
    return [(before[place].path, fingerprint.offset), *((sibling.path, 0) for sibling in before[place + 1 :])]


def _find_match(siblings: list[_Sibling], fingerprint: Fingerprint) -> int | None:
    """Return the place of the sibling that holds what was read: the same file, else the same content."""
    for place, sibling in enumerate(siblings):
        if sibling.key == (fingerprint.device, fingerprint.inode) and _holds(sibling, fingerprint, packed=False):
            return place
    if fingerprint.offset:
        for place, sibling in enumerate(siblings):
            if _holds(sibling, fingerprint, packed=True):
                return place
    return None


def _holds(sibling: _Sibling, fingerprint: Fingerprint, *, packed: bool) -> bool:
    """Say whether `sibling` holds the content; a file that is `packed` is a new one, its inode an accident."""
    with contextlib.suppress(OSError), open_content(sibling.path) as content:
        return (packed or not content.packed) and is_same_content(fingerprint, content.read)
    return False


def _look(path: Path) -> list[_Sibling]:
    """Return the siblings of `path` as they are now, oldest first."""
    taken: set[Key] = set()
    with contextlib.suppress(OSError):  # nothing is there any more
        status = path.stat()  # through a link: the name of today's file may be one to a file with a date
        taken.add((status.st_dev, status.st_ino))
    twins: set[str] = set()
    found: list[tuple[_Kind, tuple[int, ...], int, _Sibling]] = []
    for entry in _list_candidates(path):
        age = _read_age(entry.name.removesuffix(".gz"), path)
        if age is None or entry.name.removesuffix(".gz") in twins:
            continue
        try:
            status = entry.stat()
        except OSError:  # it has vanished, or is a link to nothing
            continue
        sibling = _Sibling(path.parent / entry.name, status.st_dev, status.st_ino)
        if stat.S_ISREG(status.st_mode) and sibling.key not in taken:
            taken.add(sibling.key)
            twins.add(entry.name.removesuffix(".gz"))
            found.append((*age, status.st_mtime_ns, sibling))
    kinds = {kind for kind, *_ in found}
    if len(kinds) == 1 and _Kind.OTHER not in kinds:
        found.sort(key=lambda one: (one[1], one[2], one[3].path.name))
    else:
        found.sort(key=lambda one: (one[2], one[3].path.name))
    return [sibling for *_, sibling in found]


def _list_candidates(path: Path) -> list["os.DirEntry[str]"]:
    """Return what stands beside `path`: files before links to them, and before their twins that end in .gz."""
    try:
        with os.scandir(path.parent) as entries:
            return sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name.endswith(".gz"), entry.name))
    except OSError:
        return []


def _read_age(name: str, path: Path) -> tuple[_Kind, tuple[int, ...]] | None:
    """Return what `name`, which ends without .gz, says of its age, to be compared with its kind; ascending.

    None if rotation does not make such a name of the file's.
    """
    if name.startswith((f"{path.name}.", f"{path.name}-")):
        return _read_stamp(name[len(path.name) + 1 :])
    if path.suffix and name.endswith(path.suffix) and name.startswith((f"{path.stem}.", f"{path.stem}-")):
        age = _read_stamp(name[len(path.stem) + 1 : -len(path.suffix)])
        dashed = name[len(path.stem)] == "-"
        return None if dashed and age is not None and age[0] is _Kind.NUMBER else age
    return None


def _read_stamp(stamp: str) -> tuple[_Kind, tuple[int, ...]] | None:
    if not _STAMP.fullmatch(stamp):
        return None
    if date := _DATE.match(stamp):
        year, _, month, day = date.groups()
        finer = re.findall("[0-9]+", stamp[date.end() :])
        return _Kind.DATE, tuple(map(int, (year, month, *([day] if day else []), *finer)))
    if stamp.isdigit():
        return (_Kind.EPOCH, (int(stamp),)) if len(stamp) >= _EPOCH_DIGITS else (_Kind.NUMBER, (-int(stamp),))
    return (_Kind.OTHER, ()) if sum(map(str.isdigit, stamp)) >= _DATE_DIGITS else None
