"""What may have changed in the watched directories."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Changes:
    """What may have changed. Nothing of it need have, and a path may have appeared, grown, shrunk or gone."""

    paths: frozenset[Path] = frozenset()
    """Directory and name, as the directory was added."""
    directories: frozenset[Path] = frozenset()
    """Any path in these."""
    everything: bool = False
    """Any path at all: files that were moved out of their directory too."""

    def __contains__(self, path: Path) -> bool:
        return self.everything or path in self.paths or path.parent in self.directories
