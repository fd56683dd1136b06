"""The CloudWatch Logs drain: each line becomes an event of PutLogEvents.

Limits (API reference of PutLogEvents): a request has at most 10,000 events and 1,048,576 bytes, with 26 bytes added
for each event. Its events are in the order of their times, which span 24 hours at most. The service refuses events by
index if they are older than 14 days, older than the group keeps, or more than two hours ahead. An event may have
256 KiB, many times the size of a frame.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from shuttle.config import Config
from shuttle.core.aws_stream import Destination
from shuttle.core.batch import Batch
from shuttle.core.frame import Framer
from shuttle.core.ledger import Owed
from shuttle.drain.aws.records import Call, Fate, Record, RecordShipment, dump, split_records
from shuttle.drain.aws.signer import Signer
from shuttle.drain.http.client import Client

MOST_EVENTS = 10_000
MOST_BYTES = 1_048_576
OVERHEAD = 26  # bytes an event
LONGEST_SPAN = 24 * 60 * 60 * 1000  # milliseconds
_OPERATION = "Logs_20140328."


class CloudWatch:
    """A stream that takes events. Each message is the raw line, or the frame if the line is framed, as in Go."""

    missing_advice = "create the group and the stream, correct -logs-url, or use -aws-create"
    creation_advice = "allow logs:CreateLogGroup and logs:CreateLogStream, create both yourself, or correct -logs-url"

    def __init__(
        self, config: Config, framer: Framer, client: Client, destination: Destination, wall: Callable[[], float]
    ) -> None:
        self._client = client
        self.url = config.endpoint.url
        self._framer = framer
        self._names = {"logGroupName": destination.group, "logStreamName": destination.stream}
        self._signer = Signer(destination)
        self._wall = wall
        # The header before the message; only raw lines get one from here, with the MSGID that is configured.
        header = rb"\d+ <\d+>\d+ (\S+) \S+ \S+ \S+ "
        raw = re.escape(config.msgid.encode("ascii")) + b" "
        self._header = re.compile(header + raw if config.input_format == "raw" else rb"\d+ (?=<\d+>\d+ (\S+) )")
        self.creations: Sequence[Call] = ()
        if config.aws_create:
            group = Call(f"{_OPERATION}CreateLogGroup", dump({"logGroupName": destination.group}))
            self.creations = (group, Call(f"{_OPERATION}CreateLogStream", dump(self._names)))

    def load(self, batch: Batch, owed: Owed, *, stamp: str) -> RecordShipment:
        """Return the shipment of `batch` and of the reports that are `owed`."""
        now = round(self._wall() * 1000)
        frames = split_records(batch, self._framer, owed, stamp)
        records = [self._make_record(line, frame, now) for line, frame in frames]
        records.sort(key=lambda record: record.time)  # stable: lines of one time stay in order
        return RecordShipment(self._client, self, self._signer, records=records, lines=batch.lines)

    def break_off(self, begun_before: float) -> None:
        """Interrupt requests that began before that time and have no answer."""
        self._client.break_off(begun_before)

    def _make_record(self, line: int, frame: bytes, now: int) -> Record:
        found = self._header.match(frame)
        start = found.end() if found else frame.index(b" ") + 1
        time = _read_time(found[1]) if found else None
        # An event is UTF-8 and not empty.
        message = frame[start:].removesuffix(b"\n").decode("utf-8", "replace") or " "
        content = {"timestamp": now if time is None else time, "message": message}
        return Record(line, content, len(message.encode()) + OVERHEAD, now if time is None else time)

    def count_fitting(self, records: Sequence[Record]) -> int:
        """Return how many of `records`, from the first on, fit one request."""
        latest = records[0].time + LONGEST_SPAN
        sizes = accumulate(record.size for record in records[:MOST_EVENTS] if record.time < latest)
        return sum(size <= MOST_BYTES for size in sizes)

    def put(self, records: Sequence[Record]) -> Call:
        """Return the call that puts `records`. The service needs no sequence tokens any more."""
        content = {**self._names, "logEvents": [record.content for record in records]}
        return Call(f"{_OPERATION}PutLogEvents", dump(content))

    def read(self, answer: dict[str, Any], count: int) -> tuple[list[Fate], str]:
        """Return the fates of the `count` events that were put, and an error. Those too old or too new are refused."""
        info = answer.get("rejectedLogEventsInfo") or {}
        old = max(int(info.get("tooOldLogEventEndIndex") or 0), int(info.get("expiredLogEventEndIndex") or 0))
        new = info.get("tooNewLogEventStartIndex")
        start = count if new is None else int(new)
        fates = [Fate.TAKEN if old <= index < start else Fate.REFUSED for index in range(count)]
        return fates, "events too old, too new or expired" if Fate.REFUSED in fates else ""


def _read_time(stamp: bytes) -> int | None:
    """Return a frame's time in milliseconds since the epoch; None if it cannot be read."""
    try:
        time = datetime.fromisoformat(stamp.decode("ascii"))
    except ValueError:
        return None
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
