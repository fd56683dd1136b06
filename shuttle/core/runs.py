"""Runs: the parts of a secret that appear in a text."""

from collections.abc import Iterable, Iterator

from shuttle.core.reading import MARKS, Span, repair_data

RUN = 8  # bytes in a row that are found wherever they stand; fewer would be found in ordinary words too
SHORTEST = 4  # bytes of a secret that is found
_REST = 3  # bytes at most that are left of a character that is cut


class Runs:
    """The runs of `secrets`: `run` bytes of one, or all of a shorter one.

    Where a text is cut, the first `shortest` bytes of a secret are enough, but for those that `public` begins with.
    """

    def __init__(
        self, secrets: Iterable[bytes], *, run: int = RUN, shortest: int = SHORTEST, public: bytes = b""
    ) -> None:
        self._runs: dict[bytes, set[tuple[bytes, int]]] = {}  # by how they begin: the run and its length without a mark
        for secret in secrets:
            if len(secret) < shortest:
                continue
            length = min(len(secret), run)
            for start in range(len(secret) - length + 1):
                self._add(secret[start : start + length])
            for end in range(shortest, length + _REST):
                if not public.startswith(secret[:end]):
                    for mark in MARKS:
                        self._add(repair_data(secret[:end]), mark)

    def find(self, data: bytes) -> Iterator[Span]:
        """Yield where in `data` a run stands."""
        for start in range(len(data) - SHORTEST + 1):
            for found, length in self._runs.get(data[start : start + SHORTEST], ()):
                if data.startswith(found, start):
                    yield start, start + length

    def _add(self, run: bytes, mark: bytes = b"") -> None:
        self._runs.setdefault(run[:SHORTEST], set()).add((run + mark, len(run)))
