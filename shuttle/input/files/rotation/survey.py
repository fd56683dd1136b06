"""A survey: one look at directories and the files in them. Each is looked at once, and stays as it was seen."""

import os
from pathlib import Path

from shuttle.input.files.path_errors import leads_nowhere
from shuttle.input.files.rotation.directories import Directories, Listing


class Survey:
    """What was seen; it begins with nothing."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories
        self._listings: dict[Path, Listing] = {}
        self._statuses: dict[Path, os.stat_result | None] = {}
        self._failed = False

    def list(self, directory: Path) -> Listing:
        """Return what the directory holds; nothing if it cannot be listed."""
        if directory not in self._listings:
            self._listings[directory] = self._directories.list(directory)
        return self._listings[directory]

    def stat(self, path: Path) -> os.stat_result | None:
        """Return the status of what a path leads to; None if it leads nowhere, or nobody can tell."""
        if path not in self._statuses:
            try:
                self._statuses[path] = path.stat()
            except OSError as error:  # it has vanished, or is a link to nothing
                self._statuses[path] = None
                self._failed |= not leads_nowhere(error)
        return self._statuses[path]

    def is_current(self) -> bool:
        """Say whether everything could be seen, and each name still stands for the file for which it stood."""
        seen = self._listings.items()
        return not self._failed and all(self._directories.list(directory) == listing for directory, listing in seen)
