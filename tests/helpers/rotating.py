"""An application's rotations, each by a word: what it does to a log, and to the files that it was rotated to."""

import os
import shutil
from pathlib import Path

from tests.helpers.compression import pack
from tests.helpers.trial import Trial

WORDS = ("write", "rename", "rename-away", "copy", "copy only", "compress")
LINES = 3  # of one word


class Rotating:
    """Does to a log what a word says, and writes lines for its trial."""

    def __init__(self, trial: Trial, log: Path, *, dated: bool = False) -> None:
        self.rotated: list[Path] = []  # the newest first
        self._trial = trial
        self._log = log
        self._dated = dated
        self._count = 0
        self._copied = False  # and not cut yet: nothing is written meanwhile

    def do(self, word: str) -> None:
        """Do one of WORDS. What is copied is cut by the next word, whatever that is."""
        if self._copied:
            self.cut()
        match word:
            case "write":
                self._trial.write(self._log, LINES)
            case "rename" | "rename-away":
                if self._log.exists():
                    self._log.rename(self._make_room())
                if word == "rename":
                    self._log.touch()
            case "copy" | "copy only":
                if self._log.exists():
                    shutil.copyfile(self._log, self._make_room())
                    self._copied = True
                if word == "copy":
                    self.cut()
            case "compress":
                self._compress()

    def cut(self) -> None:
        """Cut what was copied."""
        if self._copied:
            os.truncate(self._log, 0)
        self._copied = False

    def _compress(self) -> None:
        """Compress the newest rotated file that is not compressed yet."""
        plain = [place for place, path in enumerate(self.rotated) if path.suffix != ".gz"]
        if plain:
            self.rotated[plain[0]] = pack(self.rotated[plain[0]], "gz")

    def _make_room(self) -> Path:
        """Return where the log is rotated to, when the older ones have made room."""
        self._count += 1
        for number, path in [] if self._dated else reversed(list(enumerate(self.rotated, 2))):
            ending = ".gz" if path.suffix == ".gz" else ""
            self.rotated[number - 2] = path.rename(path.with_name(f"{self._log.name}.{number}{ending}"))
        stamp = f"-20261126-{self._count:06d}" if self._dated else ".1"
        self.rotated.insert(0, self._log.with_name(f"{self._log.name}{stamp}"))
        return self.rotated[0]
