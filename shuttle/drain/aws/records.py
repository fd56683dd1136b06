"""Sends a batch as records, many in one request. The service says for each record whether it has it.

Strategy: the records that are left to be sent are a list. A request holds as many of the first ones as the service
takes at once. The answer removes those that the service has or will never take. Those that failed stay in front, in
order. One bad record can make the service refuse a whole request. Then the next request holds half as many records,
until the bad one is alone and is left out.

What is missing is created as part of the attempt that missed it: only the answer to the records is an outcome. So a
service that lets nobody create them is as good as one that takes nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, NamedTuple, Protocol

import anyio
import httpx

from shuttle.core.batch import Batch
from shuttle.core.frame import Framer, split_body
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome, Reply, Verdict, conclude
from shuttle.drain.aws.meaning import Meaning, find_meaning, refuse_to_read
from shuttle.drain.aws.signer import Signer
from shuttle.drain.http.client import Client, user_agent

CONTENT_TYPE = "application/x-amz-json-1.1"
ANSWER_LIMIT = 512 * 1024  # bytes: 500 records of Kinesis with a message of an error each take a third of it
REPORT = -1  # in the place of a line's index
PAUSE = 0.05  # seconds after an answer in which some records failed, and twice as many after each that follows,
LONGEST_PAUSE = 1.0  # up to these: a stream counts what it takes by the second
LATE = 2  # requests without an answer in time: there were too many records for the link
HOPELESS = 16  # records refused one by one: if the last of the batch is too, the rest will not do either


class Record(NamedTuple):
    """A frame in the form that a service takes."""

    line: int
    """The index of its line in the batch, or REPORT."""
    content: dict[str, Any]
    """As it stands in the request's JSON."""
    size: int
    """Bytes, as the service counts them."""
    time: int = 0
    """Milliseconds since the epoch, where that matters."""


class Fate(Enum):
    """A service's answer for one record."""

    TAKEN = "taken"
    AGAIN = "again"
    REFUSED = "refused"


class Call(NamedTuple):
    """A request without its signature."""

    target: str
    """The operation: the value of X-Amz-Target."""
    body: bytes


class RecordService(Protocol):
    """How a service takes records."""

    url: httpx.URL
    missing_advice: str
    creation_advice: str
    creations: Sequence[Call]
    """What makes what is missing: the last is tried first, and needs the ones before it. None if it is not allowed."""

    def count_fitting(self, records: Sequence[Record]) -> int:
        """Return how many of `records`, from the first on, fit one request."""

    def put(self, records: Sequence[Record]) -> Call:
        """Return the call that puts `records`."""

    def read(self, answer: dict[str, Any], count: int) -> tuple[list[Fate], str]:
        """Return the fates of the `count` records that were put, by a good answer, and an error if there is one."""


class RecordShipment:
    """The records of a batch that are left to be sent."""

    divisible = False  # the service may have some of the records

    def __init__(
        self, client: Client, service: RecordService, signer: Signer, records: Sequence[Record], lines: int
    ) -> None:
        self._client = client
        self._service = service
        self._signer = signer
        self._lines = lines
        self._refused: set[int] = set()
        self._left = list(records)  # no frame is as large as what a service takes as one record
        self._sent: list[Record] = []
        self._most: int | None = None  # records in a request, after one that was refused as a whole
        self._partial = 0  # answers in a row in which some records failed
        self._alone = 0  # that were refused alone, in a row
        self._probing = False  # the last record, to see whether the rest will do
        self._reason = ""  # of those that were refused
        self._created = False  # for this batch: what is missing all the same is waited for
        self._late = 0  # answers in a row that did not come in time

    @property
    def taken(self) -> int:
        """The number of lines whose records the service has."""
        missing = self._refused.union(record.line for record in self._left) - {REPORT}
        return self._lines - len(missing)

    @property
    def told(self) -> bool:
        """Whether the service has every report."""
        return REPORT not in self._refused and all(record.line != REPORT for record in self._left)

    async def attempt(self) -> Outcome:
        """Send the next request and return its outcome. What is missing for it is created, if that is allowed."""
        meaning = await self._put()
        if meaning.missing and self._service.creations and not self._created:
            if refusal := await self._create(len(self._service.creations) - 1):
                return refusal
            self._created = True
            meaning = await self._put()
        if meaning.content is not None:
            return self._read(meaning, meaning.content)
        if meaning.missing:
            advice = "" if self._service.creations else self._service.missing_advice
            return conclude(replace(meaning.reply, advice=advice), meaning.verdict)
        if meaning.verdict is Verdict.HALVE:
            return self._narrow(meaning.reply)
        return conclude(meaning.reply, meaning.verdict)

    async def _put(self) -> Meaning:
        """Put records, as many as the service takes at once. Wait first if it has throttled records."""
        if self._partial:
            await anyio.sleep(min(LONGEST_PAUSE, PAUSE * 2 ** (self._partial - 1)))
        fitting = min(self._service.count_fitting(self._left), self._most or len(self._left))
        self._sent = self._left[-1:] if self._probing else self._left[:fitting]
        meaning = await self._call(self._service.put(self._sent))
        self._note_time(meaning.reply)
        return meaning

    async def _create(self, place: int) -> Outcome | None:
        """Create the item at that place of the creations, and those it needs; return the outcome if that fails.

        A service that refuses to make it refuses every batch. It does not take any part of this one if it agrees.
        """
        call = self._service.creations[place]
        meaning = await self._call(call)
        if meaning.missing and place > 0:
            if refusal := await self._create(place - 1):
                return refusal
            meaning = await self._call(call)
        if meaning.there:
            return None
        not_yet = meaning.verdict is Verdict.RETRY and (place > 0 or not meaning.missing)
        if not_yet or not meaning.kind:
            return conclude(meaning.reply, meaning.verdict if not_yet else Verdict.DENIED)
        return conclude(replace(meaning.reply, advice=self._service.creation_advice), Verdict.DENIED)

    async def _call(self, call: Call) -> Meaning:
        """Make a call, signed now, and return the meaning of the reply."""
        try:
            request = await self._sign(call)
        except httpx.TransportError as error:
            return find_meaning(Reply(error=str(error), sent=False))
        meaning = find_meaning(await self._client.post(request, shown=ANSWER_LIMIT))
        if meaning.expired:
            self._signer.renew()
        return meaning

    async def _sign(self, call: Call) -> httpx.Request:
        url = self._service.url
        headers = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": user_agent(),
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Target": call.target,
        }
        signed = await self._signer.sign(url, headers, call.body)
        signed["Content-Length"] = str(len(call.body))
        return httpx.Request("POST", url, headers=signed, stream=httpx.ByteStream(call.body))

    def _note_time(self, reply: Reply) -> None:
        """Send half as many records next if these were sent twice without an answer in time."""
        self._late = self._late + 1 if reply.late and reply.sent else 0
        if self._late >= LATE and len(self._sent) > 1:
            self._most = (len(self._sent) + 1) // 2
            self._late = 0

    def _read(self, meaning: Meaning, content: dict[str, Any]) -> Outcome:
        """Read from a good answer which records the service has."""
        status = meaning.reply.status
        try:
            fates, error = self._service.read(content, len(self._sent))
        except (TypeError, ValueError, AttributeError, KeyError, OverflowError):  # it is JSON, and not what was agreed
            unread = refuse_to_read(meaning.reply)
            return conclude(unread.reply, unread.verdict)
        judged = list(zip(self._sent, fates, strict=True))
        again = [record for record, fate in judged if fate is Fate.AGAIN]
        if again and len(again) == len(judged):
            return conclude(Reply(status=status, error=error), Verdict.RETRY)
        if refused := {record.line for record, fate in judged if fate is Fate.REFUSED}:
            self._refused |= refused
            self._reason = error
        rest = self._left[: -len(judged)] if self._probing else self._left[len(judged) :]
        self._left = again + rest
        self._partial = self._partial + 1 if again else 0
        self._alone = 0
        self._probing = False
        verdict = Verdict.MORE if self._left else Verdict.DELIVERED
        return conclude(Reply(status=status, error=error or self._reason), verdict)

    def _narrow(self, reply: Reply) -> Outcome:
        """Send half as many records next. Leave out one that is refused alone; all, if the last one is refused too."""
        if len(self._sent) > 1:
            self._most = (len(self._sent) + 1) // 2
            return conclude(reply, Verdict.MORE)
        self._alone += 1
        self._most = None
        self._reason = reply.error
        over = len(self._left) if self._probing else 1
        self._refused |= {record.line for record in self._left[:over]}
        self._left = self._left[over:]
        self._probing = self._alone >= HOPELESS
        return conclude(reply, Verdict.MORE if self._left else Verdict.LOST)


def split_records(batch: Batch, framer: Framer, owed: Owed, stamp: str) -> list[tuple[int, bytes]]:
    """Return each frame, its length prefix included, with the index of its line. Reports of what is owed come first."""
    tallies = (("L12", owed.dropped), ("L13", owed.lost))
    records = [
        (REPORT, framer.report(code, tally.count, since=tally.since, stamp=stamp))
        for code, tally in tallies
        if tally.count
    ]
    counts = dict(batch.long)
    frames = iter(split_body(batch.body, batch.frames))
    for line in range(batch.lines):
        records += [(line, next(frames)) for _ in range(counts.get(line, 1))]
    return records


def dump(content: object) -> bytes:
    """Return JSON without spaces."""
    return json.dumps(content, separators=(",", ":")).encode("ascii")
