"""Which paths are to be followed: those given by name, and those that match a pattern and are not rotated files."""

import glob
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from shuttle.input.files.matching import find_closed, find_matches, matches, may_lead_to
from shuttle.input.files.trust import Trust
from shuttle.observe.log import Logger


class Discovery:
    """Finds the paths that some patterns name or match."""

    def __init__(self, patterns: Sequence[str], trust: Trust, log: Logger) -> None:
        self._patterns = [each for each in patterns if glob.has_magic(each)]
        self.trust = trust
        self._log = log
        self._distrusted: dict[Path, str] = {}  # what was told of

    def find(self, followed: Collection[Path], known: Iterable[Path] = (), *, room: float = math.inf) -> list[Path]:
        """Return the paths that are not `followed` yet. `known` paths count even if nothing is there now.

        The known ones come first, then those that were changed longest ago. If there are more than there is `room` for,
        those come first that were changed last: who waits is old.
        """
        known = set(known)
        found = {path for pattern in self._patterns for path in self._match(pattern, followed)}
        found.update(path for path in known if any(matches(path, pattern) for pattern in self._patterns))
        new = found.union(self.trust.named).difference(followed)
        if len(new) > room:
            return sorted(new, key=lambda path: (-_find_time(path), path))
        return sorted(new, key=lambda path: (path not in known, _find_time(path), path))

    def concerns(self, path: Path) -> bool:
        """Say whether `find` or `list_directories` may return something else because something is at `path`, or not."""
        return path in self.trust.named or any(may_lead_to(path, pattern) for pattern in self._patterns)

    def list_directories(self) -> set[Path]:
        """Return the directories in which such paths, or their directories, may appear."""
        found = {path.parent for path in self.trust.named}
        for pattern in self._patterns:
            parent = Path(pattern).parent
            found.update(map(Path, glob.glob(str(parent))))  # noqa: PTH207
            found.add(next(path for path in (parent, *parent.parents) if not glob.has_magic(str(path))))
        return found

    def list_covered(self) -> set[Path]:
        """Return the directories in which something matches a pattern, or could."""
        return {Path(each).parent for pattern in self._patterns for each in find_matches(pattern)} | {
            Path(each) for pattern in self._patterns for each in find_matches(str(Path(pattern).parent))
        }

    def list_unmatched(self) -> list[str]:
        """Return the patterns that nothing matches now."""
        return [pattern for pattern in self._patterns if not any(find_matches(pattern))]

    def list_closed(self) -> Iterator[tuple[Path, OSError]]:
        """Yield the directories in which something could match a pattern, and that may not be listed or entered."""
        for pattern in self._patterns:
            yield from find_closed(pattern)

    def _match(self, pattern: str, followed: Collection[Path]) -> Iterator[Path]:
        """Yield the paths that match, but for those that are not to be followed, each of which is told of once."""
        for path in map(Path, find_matches(pattern)):
            if path in followed or path in self.trust.named:
                yield path
            elif reason := self.trust.find_distrust(path):
                if self._distrusted.get(path) != reason:
                    self._distrusted[path] = reason
                    self._log.warning("file.distrusted", path=path, error=reason)
            else:
                self._distrusted.pop(path, None)
                yield path

    @property
    def distrusts(self) -> bool:
        """Whether something that matches is not to be followed."""
        return bool(self._distrusted)

    def is_named(self, path: Path) -> bool:
        """Say whether `path` was given by name and not by a pattern."""
        return path in self.trust.named


def _find_time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
