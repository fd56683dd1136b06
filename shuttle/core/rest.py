"""Rests: pauses in reading a source that trickles, so that one wake-up finds several lines.

Theory of operation. A line waits for its batch anyway, and each wake-up costs more than a line. So whoever reads a
source rests before the next look if lines follow each other closely. There are three states:

    quiet ──lines less than a rest apart──▶ trickling ──a rest in which nothing came──▶ quiet
    quiet, trickling ──more comes in a rest than the source may hold unread──▶ flooding ──FLOOD seconds──▶ quiet

- quiet: no rest. A line after a silence is read at once.
- trickling: a rest after each read that has emptied the source.
- flooding: no rest. A pipe that is full stops whoever writes to it.
"""

import math
from collections.abc import Callable

SHARE = 10  # a tenth of the time that a line waits for its batch
LONGEST = 0.025  # seconds: the time in a frame is the time of the look, and must not be much later than the line
SHORTEST = 0.001  # seconds; less is not worth a timer
FLOOD = 1.0  # seconds without a rest after a flood
FULL_SHARE = 4  # of what a source holds: more than that in a rest is a flood


def choose_rest(wait: float) -> float:
    """Return the duration of a rest in seconds if lines wait `wait` seconds for their batch; 0 for none."""
    rest = min(LONGEST, wait / SHARE)
    return rest if rest >= SHORTEST else 0.0


class Rests:
    """Decides about rests of at most `seconds` for a source that holds `room` bytes.

    `fits` returns how many more chunks like the last one fit into the batch that is being filled. A full batch is sent
    at once, so a rest ends before the batch is expected to be full.
    """

    def __init__(self, seconds: float, *, room: int, fits: Callable[[], float]) -> None:
        self._longest = seconds
        self._most = room // FULL_SHARE
        self._fits = fits
        self._bytes = 0  # these two: since the source was empty
        self._emptied_at = -math.inf
        self._since = -math.inf  # when the wait for more began
        self._flood_ends = -math.inf

    def note(self, length: int) -> None:
        """Note that `length` bytes were read."""
        self._bytes += length

    def choose(self, emptied_at: float) -> float:
        """Return how many seconds to rest after a read that emptied the source; 0 for none."""
        if not self._longest:
            return 0.0
        lasted = emptied_at - self._emptied_at
        if self._bytes > self._most * max(1.0, lasted / self._longest):
            self._flood_ends = emptied_at + FLOOD
        closely = emptied_at - self._since < self._longest
        self._bytes, self._emptied_at, self._since = 0, emptied_at, emptied_at
        if not closely or emptied_at < self._flood_ends:
            return 0.0
        rest = min(self._longest, (self._fits() - 1) * lasted)
        if rest < SHORTEST:
            return 0.0
        self._since += rest
        return rest
