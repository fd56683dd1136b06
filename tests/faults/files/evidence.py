"""What a run leaves to be read: enough to explain a line that came twice, and no more than a disk has room for."""

import contextlib
import shutil
from pathlib import Path

_MOST = 64 << 20  # bytes of a trace: some hundred thousand requests
_KEPT = 40  # agents, the last ones: some minutes


class Trace:
    """A file of lines. When it has `most` bytes it becomes `.old`, in place of the one before, and another is begun."""

    def __init__(self, path: Path, most: int = _MOST) -> None:
        self._path = path
        self._most = most

    def write(self, line: str) -> None:
        """Add a line."""
        with self._path.open("a", encoding="ascii") as file:
            file.write(line + "\n")
            size = file.tell()
        if size > self._most:
            self._path.replace(self._path.with_name(f"{self._path.name}.old"))


class Evidence:
    """What the last agents have said and recorded, and what stood in the directory of the logs when each had ended."""

    def __init__(self, directory: Path, logs: Path, state: Path) -> None:
        self.trace = Trace(directory / "requests")
        self._directory = directory
        self._logs = logs
        self._state = state

    def keep(self, number: int, said: list[str]) -> None:
        """Keep what there is of the agent with this number, which has ended, and let go of older ones."""
        self._find(number, "log").write_text("".join(said))
        self._find(number, "files").write_text("".join(f"{line}\n" for line in self._list()))
        with contextlib.suppress(FileNotFoundError):  # it had not come so far
            shutil.copytree(self._state, self._find(number, "state"))
        old = number - _KEPT
        for kind in ("log", "files"):
            self._find(old, kind).unlink(missing_ok=True)
        shutil.rmtree(self._find(old, "state"), ignore_errors=True)

    def _find(self, number: int, kind: str) -> Path:
        return self._directory / f"agent-{number}.{kind}"

    def _list(self) -> list[str]:
        """Return a line for each file: its inode, size, time of change in nanoseconds, and name."""
        found = []
        for path in sorted(self._logs.iterdir()):
            with contextlib.suppress(FileNotFoundError):  # it is being rotated
                status = path.stat()
                found.append(f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {path.name}")
        return found
