"""Which paths are to be followed: those given by name, and those that match a pattern and are not rotated files."""

import errno
import fnmatch
import glob
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from shuttle.input.files.matching import find_distrust, find_matches
from shuttle.input.files.rotation.siblings import is_sibling
from shuttle.observe.log import Logger


class Discovery:
    """Finds the paths that some patterns name or match. With `rotated`, rotated files count as any others."""

    def __init__(self, patterns: Sequence[str], log: Logger, *, rotated: bool, follow_links: bool) -> None:
        self._patterns = [each for each in patterns if glob.has_magic(each) and not os.path.lexists(each)]
        self._named = [Path(each) for each in patterns if each not in self._patterns]
        self._rotated = rotated
        self._log = log
        self._follow_links = follow_links
        self._distrusted: dict[Path, str] = {}  # what was told of

    def find(self, followed: Collection[Path], known: Iterable[Path] = ()) -> list[Path]:
        """Return the paths that are not `followed` yet. `known` paths count even if nothing is there now.

        A rotated file that matches a pattern, as `app.log.1` does `app.log*`, belongs to the path that it was.
        """
        found = {path for pattern in self._patterns for path in self._match(pattern, followed)}
        found.update(path for path in known if any(fnmatch.fnmatch(str(path), pattern) for pattern in self._patterns))
        every = found.union(followed, self._named)
        new = {path for path in found.difference(followed) if self._rotated or not find_origins(path, every)}
        return sorted(new.union(self._named).difference(followed))

    def list_directories(self) -> set[Path]:
        """Return the directories in which such paths, or their directories, may appear."""
        found = {path.parent for path in self._named}
        for pattern in self._patterns:
            parent = Path(pattern).parent
            found.update(map(Path, glob.glob(str(parent))))  # noqa: PTH207
            found.add(next(path for path in (parent, *parent.parents) if not glob.has_magic(str(path))))
        return found

    def list_unmatched(self) -> list[str]:
        """Return the patterns that nothing matches now."""
        return [pattern for pattern in self._patterns if not any(find_matches(pattern))]

    def _match(self, pattern: str, followed: Collection[Path]) -> Iterator[Path]:
        """Yield the paths that match, but for those that are not to be followed, each of which is told of once."""
        for path in map(Path, find_matches(pattern)):
            if path in followed or path in self._named:
                yield path
            elif reason := find_distrust(path, pattern, follow_links=self._follow_links):
                if self._distrusted.get(path) != reason:
                    self._distrusted[path] = reason
                    self._log.warning("file.distrusted", path=path, error=reason)
            else:
                self._distrusted.pop(path, None)
                yield path

    def check(self, path: Path, opened: os.stat_result) -> None:
        """Check what was opened at `path`: since it was found or looked at last, a link may have taken its place.

        Raises:
            PermissionError: The path only matched a pattern, and may not be followed to there.
        """
        if path in self._named:
            return
        patterns = [each for each in self._patterns if fnmatch.fnmatch(str(path), each) or "**" in each]
        reasons = [find_distrust(path, each, follow_links=self._follow_links) for each in patterns]
        if reasons and all(reasons):
            raise PermissionError(errno.EACCES, reasons[0], os.fspath(path))
        if not os.path.samestat(path.stat(), opened):
            raise PermissionError(errno.EACCES, "it leads elsewhere than a moment ago", os.fspath(path))

    @property
    def distrusts(self) -> bool:
        """Whether something that matches is not to be followed."""
        return bool(self._distrusted)

    def is_named(self, path: Path) -> bool:
        """Say whether `path` was given by name and not by a pattern."""
        return path in self._named


def find_origins(path: Path, every: Collection[Path]) -> set[Path]:
    """Return those of `every` that rotation may have renamed to `path`: their names are parts of its name."""
    name = path.name.removesuffix(".gz")
    ending = Path(name).suffix
    beginnings = [name[:length] for length in range(1, len(name))] + [name]
    candidates = {path.with_name(beginning + more) for beginning in beginnings for more in ("", ending)} - {path}
    return {candidate for candidate in candidates if candidate in every and is_sibling(path, candidate)}
