"""Which paths match a pattern, and which of these may be followed.

A path that was named leads wherever it leads: whoever named it meant it. A path that merely matches was put there by
whoever may write to the directory. So it must be a regular file or a FIFO. A link, wherever it stands in the part of
the path that the pattern left open, must belong to root, to this user, or to whom the file belongs that it leads to:
nobody can have a file read that he cannot read himself. (Hard links to files of others are the system's to refuse: see
fs.protected_hardlinks in proc(5).)
"""

import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_ANY = "**"
_MOST_LINKS = 40  # that lead to each other, as for the kernel


def find_matches(pattern: str) -> Iterator[str]:
    """Yield the paths that match `pattern`. `**` matches directories at any depth, and no link to one."""
    before, found, after = pattern.partition(_ANY + os.sep)
    if not found or (before and not before.endswith(os.sep)):
        yield from glob.iglob(pattern, recursive=True)  # noqa: PTH207  # a Path would lose what the pattern has
        return
    for start in glob.glob(before) if before else [""]:  # noqa: PTH207
        for directory, below, _ in os.walk(start or os.curdir):
            below[:] = [name for name in below if not name.startswith(".")]  # as glob does
            prefix = directory if start else os.path.relpath(directory)
            yield from find_matches(os.path.normpath(prefix) + os.sep + after)


def find_distrust(path: Path, pattern: str, *, follow_links: bool) -> str:
    """Return why `path`, which matches `pattern`, is not to be followed; nothing if it is, or if it is gone."""
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
            return "" if stat.S_ISDIR(status.st_mode) else "it is a device or a socket"
        owners = {0, os.geteuid(), status.st_uid}
        if not follow_links:
            for link in _find_links(path, _find_fixed(pattern)):
                if link.lstat().st_uid not in owners:
                    return "a link of another user leads there; -follow-links follows it"
    except OSError as error:
        return "" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
    return ""


def _find_fixed(pattern: str) -> Path:
    """Return the part of a pattern before the first wildcard."""
    parts = Path(pattern).parts
    count = next((place for place, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:count])


def _find_links(path: Path, fixed: Path) -> Iterator[Path]:
    """Yield each link on the way to what `path` leads to, but for those in `fixed`, its beginning."""
    waiting = [fixed / path.relative_to(fixed)] if path.is_relative_to(fixed) else [path]
    trusted = {fixed, *fixed.parents}
    for _ in range(_MOST_LINKS):
        if not waiting:
            return
        target = waiting.pop()
        for place in (*reversed(target.parents), target):
            if place not in trusted and place.is_symlink():
                yield place
                rest = target.relative_to(place)
                waiting.append(Path(os.path.normpath(place.parent / place.readlink())) / rest)
                trusted.add(place)
                break
            trusted.add(place)
