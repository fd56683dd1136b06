"""Which lines have arrived, and in which requests: in memory that two hours of lines fit into."""

from array import array
from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_RECENT = 100_000  # lines in requests that are known frame by frame: many times what can be in flight

Line = tuple[str, int]
"""The name of a file, and the number of a line in it."""


@dataclass(eq=False, slots=True)
class Request:
    """What a drain knows by a Logplex-Frame-Id."""

    id: str
    agent: int
    """The number of the one that was told last that it arrived, or has sent it first."""
    answered: bool
    """The drain has said that it took it."""
    frames: frozenset[bytes]
    """Without the reports; none if it came long ago."""

    def has_halves(self, other: "Request") -> bool:
        """Say whether one of the two is a part of the other: the frames of a half have the stamps that they had."""
        return self.frames < other.frames or other.frames < self.frames


class Arrivals:
    """The lines of each file by their numbers, each with the request in which it came last."""

    def __init__(self) -> None:
        self.lines = 0
        self._places: dict[str, array[int]] = {}  # by file and line, the number of a request and 1
        self._seen: dict[str, bytearray] = {}  # by file and line, whether it has arrived
        self._requests: list[Request] = []
        self._recent: OrderedDict[str, Request] = OrderedDict()
        self._frames = 0  # in the recent ones

    def find_request(self, frame_id: str) -> Request | None:
        """Return the request with this id, if it has come lately."""
        return self._recent.get(frame_id)

    def add_request(self, frame_id: str, agent: int, frames: Collection[bytes], *, answered: bool) -> Request:
        """Enter a request that has come for the first time."""
        request = Request(frame_id, agent, answered, frozenset(frames))
        self._requests.append(request)
        self._recent[frame_id] = request
        self._frames += len(frames)
        while self._frames > _RECENT:
            _, old = self._recent.popitem(last=False)
            self._frames -= len(old.frames)
            old.frames = frozenset()
        return request

    def add(self, line: Line) -> Request | None:
        """Enter a line of the request that was added last; return the one in which it came before."""
        name, number = line
        places, seen = self._places.setdefault(name, array("I")), self._seen.setdefault(name, bytearray())
        if number >= len(seen):
            more = number + 1 - len(seen)
            seen.extend(bytes(more))
            places.extend([0] * more)
        before = self._requests[places[number] - 1] if seen[number] else None
        self.lines += not seen[number]
        places[number] = len(self._requests)
        seen[number] = True
        return before

    def __contains__(self, line: Line) -> bool:
        name, number = line
        seen = self._seen.get(name, b"")
        return number < len(seen) and bool(seen[number])

    def find_gaps(self, name: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the runs of lines of a file from `start` up to `end` that have not arrived, each by its ends."""
        seen = self._seen.get(name, b"")
        while start < end:
            first = seen.find(0, start, end) if start < len(seen) else start
            if first < 0:
                first = max(start, min(end, len(seen)))
            if first >= end:
                return
            last = seen.find(1, first, end)
            last = end if last < 0 else last
            yield first, last
            start = last
