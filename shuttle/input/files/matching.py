"""Which paths match a pattern.

What has `*`, `?` or `[` in it is a pattern, whatever is there: whoever may write to a directory can make a file of any
name. A path that is named exactly like the pattern is one more match.
"""

import contextlib
import fnmatch
import glob
import os
from collections.abc import Iterator
from pathlib import Path

from shuttle.input.files.path_errors import leads_nowhere
from shuttle.input.files.trust import find_fixed

_ANY = "**"


def matches(path: Path, pattern: str) -> bool:
    """Say whether `path` would match `pattern` if something were there."""
    pattern = str(Path(pattern))
    return str(path) == pattern or fnmatch.fnmatch(str(path), pattern)


def may_lead_to(path: Path, pattern: str) -> bool:
    """Say whether `path` would match `pattern`, or is a directory in which something could."""
    parts, wanted = path.parts, Path(pattern).parts
    if _ANY in wanted:
        return matches(path, pattern) or fnmatch.fnmatch(path.name, wanted[-1]) or path.is_dir()
    if str(path) == str(Path(pattern)):
        return True
    if len(parts) > len(wanted) or not all(map(fnmatch.fnmatch, parts, wanted)):
        return False
    return len(parts) == len(wanted) or path.is_dir()


def find_matches(pattern: str) -> Iterator[str]:
    """Yield the paths that match `pattern`. `**` matches directories at any depth, and no link to one."""
    namesake = _is_there(pattern)
    for path in _find_matches(pattern):
        namesake = namesake and path != pattern
        yield path
    if namesake:
        yield pattern


def _is_there(pattern: str) -> bool:
    """Say whether something is named exactly like `pattern`, in no directory that is a link."""
    if not os.path.lexists(pattern):
        return False
    fixed = find_fixed(pattern)
    return not any(parent.is_symlink() for parent in Path(pattern).parents if parent not in (fixed, *fixed.parents))


def _find_matches(pattern: str) -> Iterator[str]:
    parts = pattern.split("/")
    if _ANY not in parts:
        yield from glob.iglob(pattern)  # noqa: PTH207  # a Path would lose what the pattern has
        return
    place = parts.index(_ANY)
    before, after = "".join(f"{part}/" for part in parts[:place]), "/".join(parts[place + 1 :] or ["*"])
    for start in glob.glob(before) if before else [""]:  # noqa: PTH207
        for directory in _walk(start or os.curdir):
            prefix = os.path.normpath(directory if start else os.path.relpath(directory))
            yield from _find_matches(f"{glob.escape(prefix)}/{after}")  # its name is no pattern


def _walk(start: str) -> Iterator[str]:
    """Yield a directory and those below it, however deep, but for hidden ones, as glob does, and for links."""
    left = [start]
    while left:
        directory = left.pop()
        yield directory
        with contextlib.suppress(OSError), os.scandir(directory) as entries:
            below = [entry for entry in entries if not entry.name.startswith(".")]
            left += [entry.path for entry in below if entry.is_dir(follow_symlinks=False)]


def find_closed(pattern: str) -> Iterator[tuple[Path, OSError]]:
    """Yield the directories in which something could match `pattern`, and that may not be listed or entered."""
    parts = Path(pattern).parts
    for place, part in enumerate(parts):
        before = Path(*parts[:place])
        if not glob.has_magic(str(before / part)):
            continue
        for directory in map(Path, find_matches(str(before))) if glob.has_magic(str(before)) else [before]:
            try:
                if glob.has_magic(part):
                    os.scandir(directory).close()
                else:
                    (directory / part).lstat()
            except OSError as error:
                if not leads_nowhere(error):
                    yield directory, error
