"""The Kinesis drain: each frame becomes a record of PutRecords, as in Go's log-shuttle.

Limits (API reference of PutRecords): a request has at most 500 records and 5 MiB, partition keys included. A record
may have 1 MiB, a hundred times the size of a frame.
"""

import base64
from collections.abc import Sequence
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

MOST_RECORDS = 500
MOST_BYTES = 5 * 1024 * 1024
_OPERATION = "Kinesis_20131202.PutRecords"


class Kinesis:
    """A stream that takes records."""

    missing_advice = "create the stream, or correct -logs-url"
    creation_advice = missing_advice
    creations: Sequence[Call] = ()

    def __init__(self, config: Config, framer: Framer, client: Client, destination: Destination) -> None:
        self._client = client
        self.url = config.endpoint.url
        self._framer = framer
        self._stream = destination.stream
        self._signer = Signer(destination)
        self._hostname = config.hostname
        self._shards = config.kinesis_shards
        self._next = 0

    def load(self, batch: Batch, owed: Owed, *, stamp: str) -> RecordShipment:
        """Return the shipment of `batch` and of the reports that are `owed`."""
        frames = split_records(batch, self._framer, owed, stamp)
        records = [self._make_record(line, frame) for line, frame in frames]
        return RecordShipment(self._client, self, self._signer, records=records, lines=batch.lines)

    def break_off(self, begun_before: float) -> None:
        """Interrupt requests that began before that time and have no answer."""
        self._client.break_off(begun_before)

    def _make_record(self, line: int, frame: bytes) -> Record:
        content = make_record(frame, hostname=self._hostname, shard=self._next % self._shards + 1)
        self._next += 1
        return Record(line, content, len(frame) + len(content["PartitionKey"]))

    def count_fitting(self, records: Sequence[Record]) -> int:
        """Return how many of `records`, from the first on, fit one request."""
        sizes = accumulate(record.size for record in records[:MOST_RECORDS])
        return sum(size <= MOST_BYTES for size in sizes)

    def put(self, records: Sequence[Record]) -> Call:
        """Return the call that puts `records`."""
        content = {"StreamName": self._stream, "Records": [record.content for record in records]}
        return Call(_OPERATION, dump(content))

    def read(self, answer: dict[str, Any], count: int) -> tuple[list[Fate], str]:
        """Return the fates of the `count` records that were put, and the error. Those with an error are sent again."""
        results = answer.get("Records")
        if not isinstance(results, list) or len(results) != count:
            return [Fate.AGAIN] * count, "the answer does not tell of each record"
        errors = [result.get("ErrorCode") for result in results]
        first = next((f"{r['ErrorCode']}: {r.get('ErrorMessage', '')}" for r in results if r.get("ErrorCode")), "")
        return [Fate.AGAIN if error else Fate.TAKEN for error in errors], first


def make_record(frame: bytes, *, hostname: str, shard: int) -> dict[str, str]:
    """Return the record of PutRecords that holds `frame`; `shard`, from 1, spreads the partition keys."""
    return {"PartitionKey": f"{hostname}{shard}", "Data": base64.b64encode(frame).decode("ascii")}
