"""The sums of a run, or of several: what happened, and what is wrong."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class Sums:
    """Counts by name, of which `names` are shown, in this order."""

    names: tuple[str, ...]
    counts: Counter[str]
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(f"{name}={self.counts[name]}" for name in self.names)

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.names, self.counts + other.counts, self.problems + other.problems)
