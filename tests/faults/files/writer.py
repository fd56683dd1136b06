"""A writer: appends numbered lines to a file, and rotates it in every way that there is."""

import contextlib
import gzip
import os
import shutil
import threading
import time
from collections import deque
from pathlib import Path
from random import Random

from tests.faults.files.books import Books, make_line
from tests.faults.files.generations import Fate, Generation
from tests.faults.files.truce import Truce

KINDS = {"rename": 6, "late": 4, "copytruncate": 6, "delete": 4, "truncate": 3, "gone": 3}  # and how often
COMPRESSION = "gzip"
_SEEN = 1.0  # seconds in which a line is seen for sure, on a machine that has much else to do
_OPEN = 0.1  # seconds for which a file is open that is open for good
_LATE = 1.0  # seconds after a rename in which an application still writes to the old file
_KEPT = 6  # rotated files at least


class Writer(threading.Thread):
    """Writes `path` until `stop` is set."""

    def __init__(
        self,
        path: Path,
        books: Books,
        truce: Truce,
        random: Random,
        *,
        stop: threading.Event,
        without: frozenset[str],
    ) -> None:
        super().__init__(name=f"writer of {path.name}")
        self._kinds = {kind: weight for kind, weight in KINDS.items() if kind not in without}
        self._compresses = COMPRESSION not in without
        self._path = path
        self._books = books
        self._truce = truce
        self._random = random
        self._end = stop
        self._numbered = random.random() < 0.6  # app.log.1; else app.log-20261125-000001
        self._rotations = 0
        self._written = 0
        self._kept: deque[Generation] = deque()  # that were rotated, the newest first
        self._all: deque[Generation] = deque()
        self._old: tuple[int, Generation, float] | None = None  # open still, after a rename, and until when
        self._free: Generation | None = None  # nothing is rotated until some of it has arrived
        self._create()

    def run(self) -> None:
        while not self._end.is_set():
            self._write()
            if self._random.random() < 0.06 and self._kinds:
                self._rotate()
            if self._random.random() < 0.04 and self._compresses:
                self._compress()
            self._prune()
            self._end.wait(self._random.choice((0.0, 0.01, 0.03, 0.05, 0.1)))
        self._close_old()
        os.close(self._fd)

    def write(self, lines: int) -> None:
        """Append so many lines."""
        self._append(self._fd, self._live, lines)

    def _write(self) -> None:
        count = self._random.choice((1, 3, 10, 10, 50, 50, 200))
        if self._random.random() < 0.004:
            count = 6000  # more than the agent reads at once
        if self._old and self._random.random() < 0.5:
            fd, generation, until = self._old
            if time.monotonic() < until:
                self._append(fd, generation, count)
                return
            self._close_old()
        self._append(self._fd, self._live, count)

    def _append(self, fd: int, generation: Generation, count: int) -> None:
        lines = [(generation.name, self._written + number) for number in range(count)]
        generation.runs.append((self._written, self._written + count))
        self._written += count
        data = b"".join(map(make_line, lines))
        if self._random.random() < 0.1:  # in two parts
            place = self._random.randrange(len(data))
            os.write(fd, data[:place])
            self._end.wait(0.01)
            data = data[place:]
        os.write(fd, data)

    def _create(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
        self._begin_generation()

    def _begin_generation(self) -> None:
        self._live = Generation(self._path.stem, self._books.arrived)
        self._all.append(self._live)
        self._books.generations.append(self._live)

    def _rotate(self) -> None:
        if self._free and not self._free.has_begun_to_arrive:
            return
        self._free = None
        self._close_old()
        kind = self._random.choices(list(self._kinds), list(self._kinds.values()))[0]
        number = self._books.generations.index(self._live)
        if getattr(self, f"_rotate_by_{kind}")():
            self._books.note(f"{kind} of {self._path.name}, generation {number}, line {self._written}", kind)
            self._rotations += 1

    def _rotate_by_rename(self, *, late: bool = False) -> bool:
        old, fd = self._live, self._fd
        self._path.rename(self._make_room(old))
        if self._random.random() < 0.3:
            self._append(fd, old, 5)
        if self._random.random() < 0.3:
            self._end.wait(0.1)  # nothing stands there
        self._create()
        if late:
            self._old = fd, old, time.monotonic() + self._random.uniform(0.0, _LATE)
        else:
            os.close(fd)
        return True

    def _rotate_by_late(self) -> bool:
        return self._rotate_by_rename(late=True)

    def _rotate_by_copytruncate(self) -> bool:
        shutil.copyfile(self._path, self._make_room(self._live))
        if self._random.random() < 0.3:
            self._end.wait(0.05)
        os.ftruncate(self._fd, 0)
        self._begin_generation()
        return True

    def _rotate_by_delete(self) -> bool:
        return self._take_away(Fate.DELETED, _OPEN)

    def _rotate_by_truncate(self) -> bool:
        return self._take_away(Fate.TRUNCATED, _SEEN)

    def _take_away(self, fate: Fate, wait: float) -> bool:
        """Delete the file or truncate it, while the agent has it open, which runs until it has noticed."""
        before = self._live
        tried = threading.Event()

        def is_over() -> bool:
            arrived = before.has_arrived or fate is Fate.TRUNCATED
            return tried.is_set() and (before is self._live or (arrived and after.has_begun_to_arrive))

        if not self._truce.hold(is_over):
            return False
        after = before
        if self._truce.is_open(self._path):
            time.sleep(wait)
            if self._truce.is_open(self._path):
                before.fate = fate
                if fate is Fate.DELETED:
                    self._path.unlink()
                    os.close(self._fd)
                    self._create()
                else:
                    os.ftruncate(self._fd, 0)
                    self._begin_generation()
                after = self._free = self._live
                self.write(1)
        tried.set()
        return after is not before

    def _rotate_by_gone(self) -> bool:
        with self._truce.while_down() as down:
            if not down:
                return False
            self._live.fate = Fate.GONE
            os.ftruncate(self._fd, 0)
            self._begin_generation()
        self._free = self._live
        return True

    def _make_room(self, generation: Generation) -> Path:
        """Return where `generation` is rotated to, when the older ones have made room."""
        if self._numbered:
            for number, other in reversed(list(enumerate(self._kept, 2))):
                assert other.place
                place = self._path.with_name(f"{self._path.name}.{number}" + ".gz" * (other.place.suffix == ".gz"))
                other.place = other.place.rename(place)
            place = self._path.with_name(f"{self._path.name}.1")
        else:
            place = self._path.with_name(f"{self._path.name}-20261125-{self._rotations:06d}")
        generation.place = place
        self._kept.appendleft(generation)
        return place

    def _compress(self) -> None:
        """Compress a rotated file as gzip does: beside the file, which goes when that is done."""
        plain = [one for one in list(self._kept)[1:] if one.place and one.place.suffix != ".gz"]
        if plain:
            generation = self._random.choice(plain)
            assert generation.place
            packed = generation.place.with_name(generation.place.name + ".gz")
            with generation.place.open("rb") as file, gzip.open(packed, "wb", compresslevel=1) as other:
                shutil.copyfileobj(file, other)
            generation.place.unlink()
            self._books.note(f"gzip to {packed.name}", COMPRESSION)
            generation.place = packed

    def _prune(self) -> None:
        """Delete the oldest rotated file as soon as nobody needs it."""
        while len(self._kept) > _KEPT:
            place = self._all.index(self._kept[-1])
            needed = list(self._all)[place : place + 3]
            if not all(one.has_arrived or one.fate in (Fate.TRUNCATED, Fate.GONE) for one in needed):
                return
            generation = self._kept.pop()
            assert generation.place
            generation.place.unlink()
            generation.place = None

    def _close_old(self) -> None:
        if self._old:
            with contextlib.suppress(OSError):
                os.close(self._old[0])
            self._old = None
