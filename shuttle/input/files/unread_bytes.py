"""Unread bytes by path: how far the reading of each file is behind, as far as an operator wants to see it."""

from collections.abc import Callable, Mapping
from heapq import nlargest
from pathlib import Path

AT_ONCE = 200  # paths that are looked at in a call: each costs a call of the system, and the event loop waits
MOST = 50  # paths that are told apart: each is a time series of its own
OTHERS = "others"


class UnreadBytes:
    """Looks at a part of the paths each time, in turn, and remembers what it has seen of the others."""

    def __init__(self) -> None:
        self._seen: dict[Path, int] = {}
        self._place = 0

    def look(self, paths: Mapping[Path, Callable[[], int]]) -> dict[str, int]:
        """Return the bytes of `paths` that are there and not read: the MOST largest, and the sum of all OTHERS.

        `paths` has by path what counts them.
        """
        names = list(paths)
        self._seen = {name: self._seen.get(name, 0) for name in names}
        start = self._place if self._place < len(names) else 0
        part = names[start : start + AT_ONCE]
        self._place = start + len(part)
        for name in part:
            try:
                self._seen[name] = paths[name]()
            except OSError:  # who reads it tells of that
                continue
        shown = nlargest(MOST, self._seen, key=self._seen.__getitem__)
        unread = {str(name): self._seen[name] for name in shown}
        if len(names) > len(shown):
            unread[OTHERS] = sum(self._seen.values()) - sum(unread.values())
        return unread
