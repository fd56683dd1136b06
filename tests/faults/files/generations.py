"""Generations: what stood in a file from its creation or truncation to the next one, and what has become of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tests.faults.files.arrivals import Arrivals

_FIRST = 1000  # lines that are looked at for one that has arrived

Run = tuple[int, int]
"""Lines from the one number up to the other."""


class Fate(Enum):
    """What became of a generation of a file, and so what can be expected of its lines."""

    KEPT = "kept"
    """It can be read: live, rotated, compressed or deleted when all of it had arrived."""
    DELETED = "deleted"
    """Unlinked while the agent had it open."""
    TRUNCATED = "truncated"
    """Without a copy, when the agent had seen it."""
    GONE = "gone"
    """Truncated without a copy, and no agent ran."""


@dataclass(eq=False)
class Generation:
    """What stood in a file from its creation or truncation to the next."""

    name: str
    arrivals: Arrivals
    fate: Fate = Fate.KEPT
    place: Path | None = None
    """Where it was rotated to."""
    runs: list[Run] = field(default_factory=list)
    """Its lines. Those of another generation come between them if that is still written to after its rotation."""
    _checked: int = 0  # the runs that have arrived

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return sum(end - start for start, end in self.runs)

    @property
    def has_begun_to_arrive(self) -> bool:
        if not self.runs:
            return False
        start, end = self.runs[0]
        end = min(end, start + _FIRST)
        return next(self.arrivals.find_gaps(self.name, start, end), None) != (start, end)

    @property
    def has_arrived(self) -> bool:
        while self._checked < len(self.runs):
            if next(self.arrivals.find_gaps(self.name, *self.runs[self._checked]), None):
                return False
            self._checked += 1
        return True

    def find_missing(self) -> Iterator[Run]:
        """Yield the lines that have not arrived."""
        for start, end in self.runs[self._checked :]:
            yield from self.arrivals.find_gaps(self.name, start, end)

    def describe(self) -> str:
        """Say which lines stand in it, where it is, and what is missing."""
        where = self.place.name if self.place else "live or gone"
        missing = list(self.find_missing())
        return (
            f"{self.name}, {self.fate.value}, {where}: lines {_format(self.runs)}; "
            f"missing {sum(end - start for start, end in missing)}: {_format(missing)}"
        )


def _format(runs: list[Run]) -> list[str]:
    joined: list[Run] = []
    for start, end in runs:
        first = joined.pop()[0] if joined and joined[-1][1] == start else start
        joined.append((first, end))
    return [f"{start}-{end - 1}" for start, end in joined]
