"""The feed of messages: what one browser gets, as server-sent events that it can resume by their ids.

An id is `EPOCH-NUMBER`. Each run of a drain has an epoch of its own, so that the ids of two runs are never taken for
each other's. A feed holds no messages: it knows how far it has come in the ring. Who reads more slowly than messages
come is overtaken by the ring, and is told how many were missed.
"""

import json
import re
from collections.abc import Sequence

from shuttle.local_drain.page.message_ring import MessageRing, Stretch
from shuttle.local_drain.syslog import split_frame

MOST = 2000  # messages in an event
MOST_BYTES = 256 * 1024  # of theirs: an event is in memory while it is sent
_RETRY = 1000  # milliseconds until a browser tries again that has lost its connection
_ID = re.compile(r"([0-9a-f]{1,32})-([0-9]{1,15})")


class MessageFeed:
    """The way of one browser through the ring.

    Args:
        epoch: That of this run.
        last: The id of the last event that the browser has; empty if it has none.
    """

    def __init__(self, epoch: str, last: str) -> None:
        found = _ID.fullmatch(last)
        self._epoch = epoch
        self._resumed = found is not None and found[1] == epoch
        self._next = int(found[2]) + 1 if found and self._resumed else 0

    def greet(self) -> bytes:
        """Return the first event, which says whether the messages go on from where the browser was."""
        return b"retry: %d\n" % _RETRY + format_event("hello", {"epoch": self._epoch, "resumed": self._resumed})

    def choose(self, ring: MessageRing) -> Stretch:
        """Return the messages to send next. They are in no other stretch that this returns."""
        if self._next > ring.end:  # an id that was never given
            self._next = 0
        return ring.read(self._next, most=MOST, most_bytes=MOST_BYTES)

    def send(self, stretch: Stretch) -> bytes:
        """Return the event with these messages; nothing if there are none."""
        if not stretch.frames:
            return b""
        skipped = stretch.first - self._next if self._next else 0
        self._next = stretch.end
        messages = [describe(frame) for frame in stretch.frames]
        data = {"first": stretch.first, "skipped": skipped, "messages": messages}
        return format_event("messages", data, id=f"{self._epoch}-{stretch.end - 1}")


def describe(frame: bytes) -> Sequence[object]:
    """Return `PRI VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID`, the message as text, and the frame's length."""
    pri, version, *fields, message = split_frame(frame)
    return [int(pri), int(version), *fields, message, len(frame)]


def format_event(name: str, data: object, *, id: str = "") -> bytes:  # noqa: A002  # the field's own word
    """Return a server-sent event. JSON in ASCII has no newline, which would end the data."""
    lines = [f"id: {id}"] * bool(id) + [f"event: {name}", f"data: {json.dumps(data, separators=(',', ':'))}"]
    return ("\n".join(lines) + "\n\n").encode("ascii")
