"""The calls of the system by which files are looked at and read: counted, and made to fail or to be late.

They are taken at Python's `os`, whoever makes them. What a test does itself is left out, in `own`.
"""

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

KINDS = {
    "stat": "stat",
    "lstat": "stat",
    "fstat": "stat",
    "read": "read",
    "pread": "read",
    "preadv": "read",
    "readv": "read",
    "lseek": "read",
    "open": "open",
    "close": "close",
    "scandir": "list",
    "listdir": "list",
}
"""What kind of call each is."""

Before = Callable[[str, Path], None]
"""Takes the kind of a call and the path that it is about, and may raise what the call is to raise."""


class SystemCalls:
    """The calls about what stands in `directory`, counted by their kinds."""

    def __init__(self, directory: Path) -> None:
        self.counts: Counter[str] = Counter()
        self.before: Before = lambda kind, path: None
        self._directory = os.fspath(directory)
        self._apart = threading.local()

    @contextmanager
    def own(self) -> Iterator[None]:
        """Leave out what is called in this block by this thread."""
        apart = getattr(self._apart, "is", False)
        setattr(self._apart, "is", True)
        try:
            yield
        finally:
            setattr(self._apart, "is", apart)

    def wrap(self, call: Callable[..., Any], kind: str) -> Callable[..., Any]:
        """Return what takes the place of `call`."""

        def called(*args: Any, **kwargs: Any) -> Any:
            if getattr(self._apart, "is", False) or not (path := self._find_path(args)):
                return call(*args, **kwargs)
            self.counts[kind] += 1
            with self.own():
                try:
                    self.before(kind, path)
                except OSError:
                    if kind == "close":  # as Linux does: the descriptor is gone, whatever it says
                        call(*args, **kwargs)
                    raise
            return call(*args, **kwargs)

        return called

    def _find_path(self, args: tuple[Any, ...]) -> Path | None:
        """Return the path that a call is about, if it is one of those in the directory."""
        target = args[0] if args else os.curdir
        if isinstance(target, int):
            with self.own(), contextlib.suppress(OSError):
                name = str(Path(f"/proc/self/fd/{target}").readlink()).removesuffix(" (deleted)")
                return self._choose(name)
            return None
        return self._choose(os.path.abspath(os.fsdecode(target)))  # noqa: PTH100  # a link stands for itself

    def _choose(self, name: str) -> Path | None:
        return Path(name) if f"{name}/".startswith(f"{self._directory}/") else None


@contextmanager
def system_calls(directory: Path) -> Iterator[SystemCalls]:
    """See the calls about what stands in `directory`, within the block."""
    calls = SystemCalls(directory)
    with pytest.MonkeyPatch.context() as patch:
        for name, kind in KINDS.items():
            if hasattr(os, name):
                patch.setattr(os, name, calls.wrap(getattr(os, name), kind))
        yield calls
