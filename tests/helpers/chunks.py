"""Feeds a splitter the same bytes whole, byte by byte and in random cuts: what comes out must be the same."""

import random
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

from shuttle.core.lines import Splitter

RANDOM_CUTS = 5  # ways to cut each case at random, beside whole and byte by byte


class Split(NamedTuple):
    lines: list[bytes]
    malformed: int


def split(splitter: Splitter, chunks: Iterable[bytes]) -> Split:
    lines: list[bytes] = []
    malformed = 0
    for chunk in chunks:
        lines += splitter.feed(chunk)
        malformed += splitter.take_malformed()
    lines += splitter.finish()
    return Split(lines, malformed + splitter.take_malformed())


def split_every_way(make: Callable[[], Splitter], data: bytes) -> Split:
    whole = split(make(), [data])
    assert split(make(), [data[place : place + 1] for place in range(len(data))]) == whole
    source = random.Random(len(data))  # the same cuts in every run
    for _ in range(RANDOM_CUTS):
        places = source.choices(range(len(data) + 1), k=source.randint(1, 10))
        assert split(make(), cut_at(data, places)) == whole, f"cut at {sorted(places)}"
    return whole


def cut_at(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return `data` in chunks, cut at `places`: two places alike make an empty chunk, one behind the end none."""
    ends = [0, *sorted(place for place in places if place <= len(data)), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]
