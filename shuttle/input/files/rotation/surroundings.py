"""Where the files of a path may have gone, and what stands there now.

A file is looked for in the directory of its path, in the one that a link leads to, and where it stood when it was read.
Only if it is not found there, the directories that the patterns cover are searched for its inode.
"""

import contextlib
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from shuttle.core.fingerprint import Fingerprint, is_same_content
from shuttle.input.files.content import open_content
from shuttle.input.files.open_file import Key
from shuttle.input.files.path_errors import may_pass
from shuttle.input.files.rotation.ages import Age, list_prefixes, read_age, strip_packing
from shuttle.input.files.rotation.directories import Directories
from shuttle.input.files.rotation.generations import Generations, Sighting, find_generations
from shuttle.input.files.rotation.survey import Survey
from shuttle.input.files.trust import Trust

LOOKS = 3  # at a directory: rotation takes milliseconds and comes once an hour, and a second one is no accident
_MOST_OTHERS = 64  # files of other names that are looked into: those that were changed last

IsForeign = Callable[[Sighting], bool]


class Surroundings:
    """What stands where the files of `path` may have gone. `elsewhere` lists directories that take time to search.

    As long as it `is_patient`, it is an error if a known file is not found and something that it may have become cannot
    be read. Later that file counts as gone.
    """

    def __init__(
        self,
        path: Path,
        directories: Directories,
        trust: Trust,
        elsewhere: Callable[[], Iterable[Path]] = tuple,
        is_patient: Callable[[], bool] = bool,
    ) -> None:
        self.path = path
        self._directories = directories
        self.trust = trust
        self.places: set[Path] = set()
        """The paths, links resolved, where files of it stood."""
        self._elsewhere = elsewhere
        self._is_patient = is_patient
        self._survey = Survey(directories)
        self._error: OSError | None = None  # why something could not be read, in the look that is made

    def find_rest(
        self, known: Sequence[Fingerprint], is_foreign: IsForeign, *, sure: Collection[Key] = ()
    ) -> Generations:
        """Return what was never read: of the files that were read as `known` says, the oldest first, and newer ones.

        Those with the keys `sure` are open, so that no other file can have their inodes. What has vanished or cannot be
        read is passed over. The newer ones are not opened here: whoever opens one may find that it has gone.

        Raises:
            OSError: One of those that were read is not found, and something that it may have become cannot be read now.
        """
        found = Generations(0, [])
        for _ in range(LOOKS):
            self._error = None
            found = find_generations(
                known,
                self._look(known),
                holds=lambda one, read: _is_sure(one, read, sure) or self._holds(one, read),
                is_foreign=is_foreign,
                sure=sure,
            )
            if self._survey.is_current():
                break
            self.forget()
            found = found._replace(settled=False)
        self.forget()
        if self._error and found.found < len(known) and self._is_patient():
            raise self._error
        return found

    def forget(self) -> None:
        """Let the next `find_rest` look anew."""
        self._survey = Survey(self._directories)

    def list_siblings(self) -> list[Sighting]:
        """Return the files whose names rotation may have made of the path's, the path itself left out.

        The next `find_rest` begins with them, unless something else stands there by then.
        """
        self.forget()
        return self._list(self._list_bases(), set())

    def _look(self, known: Sequence[Fingerprint]) -> list[Sighting]:
        """Return the siblings, and other files that one of `known` may have become."""
        keys = {(one.device, one.inode) for one in known}
        inodes = {one.inode for one in known}
        bases = self._list_bases()
        seen = self._list(bases, inodes)
        if not keys <= {one.key for one in seen}:
            directories = {directory for directory, _ in bases}
            more = [(each, self.path.name) for each in self._elsewhere() if each not in directories]
            seen += [one for one in self._list(more, inodes) if one.key in keys]
        if not keys <= {one.key for one in seen}:
            seen += self._list_others(bases, seen)
        return seen

    def _holds(self, one: Sighting, fingerprint: Fingerprint) -> bool:
        """Say whether a file holds what was read. That a compressed one has the same inode is an accident."""
        same = one.key == (fingerprint.device, fingerprint.inode)
        try:
            with open_content(one.path, self.trust.open) as content:
                status = content.stat()
                if one.key != (status.st_dev, status.st_ino):  # something else has its name by now
                    return False
                if same and content.packed and not fingerprint.offset:
                    return False
                return is_same_content(fingerprint, content.read)
        except OSError as error:
            if (same or one.age) and may_pass(error):
                self._error = error
            return False

    def _list_bases(self) -> list[tuple[Path, str]]:
        """Return the directories and the names that the path has, and has had, in them."""
        places = [self.path]
        beside = self._survey.list(self.path.parent)
        if self.path.name in beside.links or not beside.names:
            with contextlib.suppress(OSError, RuntimeError):  # links may lead to each other
                places.append(self.path.resolve())
        return list(dict.fromkeys((place.parent, place.name) for place in (*places, *sorted(self.places))))

    def _list(self, bases: Sequence[tuple[Path, str]], inodes: set[int]) -> list[Sighting]:
        """Return the regular files that are siblings or have one of `inodes`.

        Files stand before links to them, and before what they are packed to.
        """
        live = self._sight(self.path, None, linked=False)
        taken = {live.key} if live else set()
        found: list[Sighting] = []
        for directory, ages in self._find_names(bases, inodes).items():
            links = self._survey.list(directory).links
            twins: set[str] = set()
            for name in sorted(ages, key=lambda name: (name in links, strip_packing(name) != name, name)):
                one = None if strip_packing(name) in twins else self._sight(directory / name, ages[name], name in links)
                if one and one.key not in taken:
                    taken.add(one.key)
                    twins.add(name)
                    found.append(one)
        return found

    def _find_names(self, bases: Sequence[tuple[Path, str]], inodes: set[int]) -> dict[Path, dict[str, Age | None]]:
        """Return, by directory, the names of siblings and of what has one of `inodes`, with what they say of age."""
        found: dict[Path, dict[str, Age | None]] = {}
        for directory, base in bases:
            listing = self._survey.list(directory)
            ages = found.setdefault(directory, {})
            for inode in inodes & listing.inodes.keys():
                ages.update((name, read_age(name, base)) for name in listing.inodes[inode] if name not in ages)
            for prefix in list_prefixes(base):
                ages.update((name, age) for name in listing.list_prefixed(prefix) if (age := read_age(name, base)))
        return found

    def _list_others(self, bases: Sequence[tuple[Path, str]], seen: Sequence[Sighting]) -> list[Sighting]:
        """Return files of other names, those first that were changed last."""
        known = {self.path, *(one.path for one in seen)}
        found: dict[Path, Sighting] = {}
        for directory, _ in bases:
            listing = self._survey.list(directory)
            for name in listing.names:
                path = directory / name
                if path not in known and (one := self._sight(path, None, name in listing.links)):
                    found[path] = one
        return sorted(found.values(), key=lambda one: (-one.changed, one.path))[:_MOST_OTHERS]

    def _sight(self, path: Path, age: Age | None, linked: bool) -> Sighting | None:
        """Return what stands at `path`; None if it is no regular file, or a link that may not be followed."""
        if linked and self.trust.find_distrust(path):
            return None
        status = self._survey.stat(path)  # through a link: the name of today's file may be one to a file with a date
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        return Sighting(path, (status.st_dev, status.st_ino), age, status.st_mtime_ns)


def _is_sure(one: Sighting, fingerprint: Fingerprint, sure: Collection[Key]) -> bool:
    """Say whether a file is the one that was read, whatever stands in it now: that one is open."""
    return one.key == (fingerprint.device, fingerprint.inode) and one.key in sure
