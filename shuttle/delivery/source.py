"""A source of lines: how its bytes are split and framed, and how far its file is read."""

from dataclasses import dataclass

from shuttle.core.frame import Framer
from shuttle.core.lines import Splitter
from shuttle.core.position import Position

CHUNK = 256 * 1024  # bytes that are split at once: enough to make a batch's costs small, little enough to stay flat


@dataclass(slots=True, eq=False)
class Source:
    """One stream of bytes."""

    splitter: Splitter
    framer: Framer | None = None
    """None: the batcher's own."""
    position: Position | None = None
    """None: the bytes cannot be read again."""
