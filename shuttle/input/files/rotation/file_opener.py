"""Opens what a path leads to, and what rotation left of what it led to before."""

import contextlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from shuttle.core.fingerprint import HEAD, Fingerprint, Read, is_same_content
from shuttle.input.files.open_file import Key, OpenFile, open_live, open_sibling
from shuttle.input.files.path_errors import leads_nowhere
from shuttle.input.files.recognizer import Recognized, Recognizer
from shuttle.input.files.rotation.generations import Sighting
from shuttle.input.files.rotation.surroundings import LOOKS, Surroundings
from shuttle.store.checkpoint_table import Checkpoint


class Rest(NamedTuple):
    """What was opened of a path's generations, the oldest first."""

    found: int = 0
    """How many of those that were read were found; they come first."""
    files: Sequence[tuple[OpenFile, int]] = ()
    """Each with the offset from which it is to be read."""
    complete: bool = True
    """Nothing was passed over because it had another name, or was gone, when it was to be opened."""


class FileOpener:
    """Opens the files of one path."""

    def __init__(self, surroundings: Surroundings, recognizer: Recognizer) -> None:
        self.path = surroundings.path
        self.surroundings = surroundings
        self._recognizer = recognizer
        self._seen: list[Sighting] = []

    def open_own(self, *, old: bool = False) -> tuple[OpenFile, Recognized] | None:
        """Open what the path leads to, and return it with what is known of it.

        None if the path leads nowhere, or to a file of another path.

        Raises:
            OSError: It leads to something that cannot be read.
        """
        live = self.open_live()
        if live is None:
            return None
        try:
            known = self._recognizer.recognize(self.path, live, old=old)
        except BaseException:
            live.close()
            raise
        if known.owner:
            live.close()
            return None
        return live, known

    def identify(self, opened: OpenFile) -> Recognized:
        """Return what is known of a file that the path led to, by another name or as a copy.

        Raises:
            OSError: It cannot be read.
        """
        known = self._recognizer.recognize(self.path, opened, old=False)
        return known._replace(owner=None) if known.owner == self.path else known

    def open_live(self) -> OpenFile | None:
        """Open what the path leads to; None if it leads nowhere.

        Raises:
            OSError: It leads to something that cannot be read.
        """
        return open_live(self.path, self.surroundings.trust.open)

    def open_sighted(self, one: Sighting) -> OpenFile | None:
        """Open what was seen; None if it is gone, or cannot or may not be read, or something else has its name."""
        opened = open_sibling(one.path, self.surroundings.trust.open)
        if opened and opened.key != one.key:
            opened.close()
            return None
        return opened

    def leads_to(self, key: Key) -> bool:
        """Say whether the path leads to the file with this key; yes if nobody can tell."""
        try:
            status = self.path.stat()
        except OSError as error:
            return not leads_nowhere(error)
        return (status.st_dev, status.st_ino) == key

    def find_place(self) -> Path:
        """Return where the path leads to, links resolved; its files are looked for there from now on."""
        try:
            place = self.path.resolve()
        except (OSError, RuntimeError):  # links that lead to each other
            return self.path
        if place != self.path:
            self.surroundings.places.add(place)
        return place

    def recognize_live(self, known: Sequence[Checkpoint], live: OpenFile) -> list[Checkpoint]:
        """Return the checkpoints of what the path leads to: of that file, or of one that it copies and has replaced."""
        same = recognize(known, live.read_at, live.key)
        if not same or (same[0].fingerprint.device, same[0].fingerprint.inode) == live.key:
            return same
        if same[0].fingerprint.offset >= HEAD:
            return same  # an editor has put it there, and may keep the old one beside it
        return [] if self.is_somewhere(same[0].fingerprint) else same

    def is_somewhere(self, fingerprint: Fingerprint) -> bool:
        """Say whether a file that was read, or a copy of it, stands anywhere but at the path."""
        return bool(self.surroundings.find_rest([fingerprint], self._is_foreign).found)

    def open_rest(self, known: Sequence[Fingerprint], *, unknown: bool = False, sure: Collection[Key] = ()) -> Rest:
        """Open what rotation left of files that were read as `known` says, and what is newer.

        With `unknown` what is newer is opened even if none of `known` is found. Files with the keys `sure` are open
        already, and left out. It looks again for what has another name by then, as rotation goes on.
        """
        opened: dict[Key, OpenFile] = {}
        looks = LOOKS
        while True:
            found, rest, settled = self.surroundings.find_rest(known, self._is_foreign, sure=sure)
            rest = rest if found or unknown else []
            found = sum(one.key not in sure for one, _ in rest[:found])
            rest = [(one, offset) for one, offset in rest if one.key not in sure]
            new = {one.key: file for one, _ in rest if one.key not in opened and (file := self.open_sighted(one))}
            opened |= new
            complete = settled and all(one.key in opened for one, _ in rest)
            looks = LOOKS if new else looks - 1
            if complete or not looks:
                break
        files = [(opened.pop(one.key), offset) for one, offset in rest if one.key in opened]
        for file in opened.values():
            file.close()
        keys = {file.key for file, _ in files}
        return Rest(sum(one.key in keys for one, _ in rest[:found]), files, complete)

    def see_siblings(self) -> None:
        """See what stands beside the path and nobody knows, before its files are looked at."""
        self._seen = [one for one in self.surroundings.list_siblings() if not self._is_foreign(one)]

    def take_unknown(self) -> list[Sighting]:
        """Return what `see_siblings` has seen and still nobody knows, once: no rotation of the path has made it.

        What has appeared since may be a generation that nobody has read yet.
        """
        self.surroundings.forget()
        seen, self._seen = self._seen, []
        return [one for one in seen if not self._is_foreign(one)]

    def _is_foreign(self, one: Sighting) -> bool:
        return self._recognizer.is_known(one, self.path)


@contextlib.contextmanager
def closing_untaken(files: Iterable[tuple[OpenFile, int]]) -> Iterator[Iterator[tuple[OpenFile, int]]]:
    """Go through `files`, each of which is taken or closed in its turn; if that fails, close it and those behind it."""
    left = deque(files)

    def take() -> Iterator[tuple[OpenFile, int]]:
        while left:
            yield left[0]
            left.popleft()

    try:
        yield take()
    finally:
        for opened, _ in left:
            opened.close()


def recognize(known: Sequence[Checkpoint], read_at: Read, key: Key) -> list[Checkpoint]:
    """Return the checkpoints of the file that `read_at` reads: by its content, else the last that has just its inode.

    It has several where a kill has left an old number of it beside the one that it got since. The one that it was read
    furthest by comes first, and of those the latest.

    Raises:
        OSError: The file cannot be read.
    """
    same = [one for one in known if one.fingerprint.offset and is_same_content(one.fingerprint, read_at)]
    if same:
        return sorted(same, key=lambda one: (one.fingerprint.offset, one.number), reverse=True)
    for one in reversed(known):
        if not one.fingerprint.offset and (one.fingerprint.device, one.fingerprint.inode) == key:
            return [one]
    return []
