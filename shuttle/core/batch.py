"""Batches: lines that are sent together under one id. A batcher fills them and says when one is due."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from hashlib import blake2s
from itertools import accumulate
from typing import NamedTuple

from shuttle.core.frame import Framer, Run, split_body
from shuttle.core.position import Position, Span, select_spans

OVERHEAD = 512  # bytes that a batch takes in memory beside its body


class Batch(NamedTuple):
    """Lines sent together."""

    id: str
    """32 hex digits: the Frame-Id and the X-Request-Id of every attempt."""
    body: bytes
    lines: int
    """Source lines in it."""
    frames: int
    long: tuple[tuple[int, int], ...]
    """(index of a line, its number of frames) for each line that makes more than one, in order."""
    born: float
    """When its first line was read, in seconds of the monotonic clock."""
    spans: tuple[Span, ...] = ()
    """Where its lines stand in files; nothing of lines that came another way."""
    again: bool = False
    """An earlier process has sent it: a drain that knows its id passes over all that comes with it."""

    @property
    def size(self) -> int:
        """Its size in memory, in bytes."""
        return len(self.body) + OVERHEAD

    def halve(self) -> "tuple[Batch, ...]":
        """Return two batches that hold its lines in order; one if it has one line. Their ids derive from its own.

        Raises:
            FramesError: Its body is not the frames that it should be.
        """
        if self.lines == 1:
            return (self._replace(id=_derive(self.id, 0)),)
        middle = self.lines // 2
        frames = middle + sum(count - 1 for index, count in self.long if index < middle)
        place = sum(map(len, split_body(self.body, self.frames)[:frames]))
        first = tuple(entry for entry in self.long if entry[0] < middle)
        second = tuple((index - middle, count) for index, count in self.long if index >= middle)
        rest = self.lines - middle
        whole = sum(span.lines for span in self.spans) == self.lines  # else nobody knows where each line is
        spans = (select_spans(self.spans, 0, middle), select_spans(self.spans, middle, rest)) if whole else ((), ())
        return (
            Batch(_derive(self.id, 0), self.body[:place], middle, frames, first, self.born, spans[0]),
            Batch(_derive(self.id, 1), self.body[place:], rest, self.frames - frames, second, self.born, spans[1]),
        )


def _derive(parent: str, part: int) -> str:
    """Return the id of a half. It is the same in every retry of the whole, so that a drain can detect duplicates."""
    return blake2s(f"{parent}/{part}".encode("ascii"), digest_size=16).hexdigest()


class Batcher:
    """Collects lines into batches. A batch is full by count or by bytes, and due when its first line has waited."""

    def __init__(self, framer: Framer, *, size: int, max_bytes: int, wait: float, new_id: Callable[[], str]) -> None:
        self._framer = framer  # of lines that come with no other
        self._size = size
        self._max_bytes = max_bytes
        self._wait = wait
        self._new_id = new_id
        self._empty()

    def _empty(self) -> None:
        self._runs: list[bytes] = []
        self._bytes = 0
        self._frames = 0
        self._long: list[tuple[int, int]] = []
        self._spans: list[Span] = []
        self._born = 0.0
        self.lines = 0
        """Lines in the batch that is being filled."""

    @property
    def due(self) -> float | None:
        """The time to flush the batch that is being filled, on the clock of `add`; None if it is empty."""
        return self._born + self._wait if self.lines else None

    @property
    def filled(self) -> int:
        """Bytes in the batch that is being filled."""
        return self._bytes

    @property
    def spans(self) -> list[Span]:
        """Where the lines of the batch that is being filled stand in files."""
        return list(self._spans)

    def count_more(self, lines: int, length: int) -> float:
        """Return how many more times `lines` lines of `length` bytes in all fit the batch, about."""
        return min((self._size - self.lines) / lines, (self._max_bytes - self._bytes) / length)

    def add(
        self,
        lines: Sequence[bytes],
        *,
        stamp: str,
        now: float,
        framer: Framer | None = None,
        position: Position | None = None,
    ) -> list[Batch]:
        """Add `lines`, read at `stamp`, and return the batches that are full. `position` is theirs in the file."""
        framer = framer or self._framer
        full = []
        start = 0
        while start < len(lines):
            end = min(len(lines), start + self._size - self.lines)
            run = framer.frame(lines[start:end], stamp)
            if self._bytes + len(run.body) > self._max_bytes:
                fitting = self._count_fitting(run, end - start)
                if not fitting:
                    full.append(self.close())
                    continue
                if start + fitting < end:
                    end = start + fitting
                    run = framer.frame(lines[start:end], stamp)
            self._append(run, end - start, now)
            if position:
                self._spans.append(position.take(lines[start:end], stamp))
            start = end
            if self.lines == self._size or self._bytes >= self._max_bytes:
                full.append(self.close())
        return full

    def _count_fitting(self, run: Run, lines: int) -> int:
        """Return how many of a run's lines still fit the batch. An empty batch takes one line, however long."""
        sizes = list(map(len, split_body(run.body, run.frames)))
        for index, count in run.long:
            sizes[index : index + count] = [sum(sizes[index : index + count])]
        fitting = bisect_right(list(accumulate(sizes)), self._max_bytes - self._bytes)
        return fitting or (0 if self.lines else min(lines, 1))

    def _append(self, run: Run, lines: int, now: float) -> None:
        if not self.lines:
            self._born = now
        self._long += [(self.lines + index, count) for index, count in run.long]
        self._runs.append(run.body)
        self._bytes += len(run.body)
        self._frames += run.frames
        self.lines += lines

    def close(self) -> Batch:
        """Return the batch that is being filled and begin the next. It must hold a line at least."""
        body = b"".join(self._runs)
        spans = tuple(self._spans)
        batch = Batch(self._new_id(), body, self.lines, self._frames, tuple(self._long), self._born, spans)
        self._empty()
        return batch
