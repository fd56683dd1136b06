"""Sends a batch to a service that takes many records in a request, and answers for each whether it has it.

Strategy: the records that are left to be sent are a list. A request holds as many of the first ones as the service
takes at once. The answer removes those that the service has or will never take. Those that failed stay in front, in
order. One bad record can make the service refuse a whole request. Then the next request holds half as many records,
until the bad one is alone and is left out.
"""

import json
from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol

import anyio
import httpx

from shuttle.core.batch import Batch
from shuttle.core.frame import Framer, split_body
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome, Reply, Verdict, conclude, judge
from shuttle.drain.aws.signer import Signer
from shuttle.drain.http.client import Client, user_agent

CONTENT_TYPE = "application/x-amz-json-1.1"
ANSWER_LIMIT = 512 * 1024  # bytes: 500 records of Kinesis with a message of an error each take a third of it
REPORT = -1  # in the place of a line's index
PAUSE = 0.05  # seconds after an answer in which some records failed, and twice as many after each that follows,
LONGEST_PAUSE = 1.0  # up to these: a stream counts what it takes by the second
LATE = 2  # requests without an answer in time: there were too many records for the link
HOPELESS = 16  # records refused one by one: if the last of the batch is too, the rest will not do either
_THROTTLED = {
    *("ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "LimitExceededException"),
    *("RequestLimitExceeded", "TooManyRequestsException", "KMSThrottlingException", "ServiceUnavailableException"),
    *("InternalFailure", "InternalFailureException", "OperationAbortedException"),
    *("KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException", "KMSOptInRequired"),
}
_EXPIRED = {"ExpiredTokenException", "ExpiredToken", "RequestExpired"}
_DENIED = {
    *("AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "OptInRequired"),
    *("MissingAuthenticationTokenException", "MissingAuthenticationToken", "IncompleteSignatureException"),
    *("IncompleteSignature", "InvalidClientTokenId", "KMSAccessDeniedException", "NotAuthorized"),
}
_NARROWED = {httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE}
_MISSING = "ResourceNotFoundException"
_SIGNATURE = "InvalidSignatureException"
_DONE = {"ResourceAlreadyExistsException", "DataAlreadyAcceptedException"}
_FOREIGN = (None, httpx.codes.PROXY_AUTHENTICATION_REQUIRED)  # what is no answer of the service
_UNREADABLE = "an answer that cannot be read"
_DENIED_ADVICE = "check the credentials, what they may do, and the clock"


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
        self._creating: int | None = None  # which of the creations is next
        self._tried: set[int] = set()  # creations, since the last pause
        self._created = False  # for this batch: what is missing all the same is waited for
        self._goes_on = False
        self._late = 0  # answers in a row that did not come in time

    @property
    def taken(self) -> int:
        """The number of lines of which the service has every record."""
        missing = self._refused.union(record.line for record in self._left) - {REPORT}
        return self._lines - len(missing)

    @property
    def told(self) -> bool:
        """Whether the service has every report."""
        return REPORT not in self._refused and all(record.line != REPORT for record in self._left)

    async def attempt(self) -> Outcome:
        """Send the next request and return its outcome."""
        try:
            request = await self._make_request()
        except httpx.TransportError as error:
            reply = Reply(error=str(error))
        else:
            reply = await self._client.post(request, shown=ANSWER_LIMIT)
            self._note_time(reply)
        self._goes_on = False
        read = reply if reply.status in _FOREIGN else self._read(reply)
        if self._goes_on:
            return conclude(read, Verdict.MORE if self._left else Verdict.DELIVERED)
        return judge(read, lines=1)

    def _note_time(self, reply: Reply) -> None:
        """Send half as many records next if these were sent twice without an answer in time."""
        self._late = self._late + 1 if reply.late and reply.sent else 0
        if self._late >= LATE and len(self._sent) > 1:
            self._most = (len(self._sent) + 1) // 2
            self._late = 0

    async def _make_request(self) -> httpx.Request:
        """Return the next request, signed now. It puts records, or creates what is missing.

        It waits first if the service has throttled records.
        """
        if self._partial:
            await anyio.sleep(min(LONGEST_PAUSE, PAUSE * 2 ** (self._partial - 1)))
        if self._creating is not None:
            call = self._service.creations[self._creating]
        else:
            fitting = min(self._service.count_fitting(self._left), self._most or len(self._left))
            self._sent = self._left[-1:] if self._probing else self._left[:fitting]
            call = self._service.put(self._sent)
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

    def _read(self, reply: Reply) -> Reply:
        """Handle the service's reply, and return it with the HTTP status that matches its meaning."""
        assert reply.status is not None
        answer = _parse(reply.content)
        kind = str((answer or {}).get("__type", "")).rpartition("#")[2].partition(":")[0]
        strange = reply.status == httpx.codes.BAD_REQUEST and not kind  # broken off, or somebody else's
        if answer is None or strange or httpx.codes.OK < reply.status < httpx.codes.MULTIPLE_CHOICES:
            return Reply(status=httpx.codes.BAD_GATEWAY, error=_UNREADABLE)
        message = str(answer.get("message") or answer.get("Message") or reply.error)
        error = f"{kind}: {message}" if kind else message
        if reply.status == httpx.codes.OK or kind in _DONE:
            return self._go_on(answer)
        if kind == _MISSING or (kind in _DENIED and self._creating is not None):
            return self._miss(error)
        status, advice = _translate(kind, message, reply.status)
        if kind in _EXPIRED:
            self._signer.renew()
        elif status in _NARROWED and self._creating is None:
            self._narrow(error)
        return Reply(status=status, error=error, advice=advice, retry_after=reply.retry_after)

    def _go_on(self, answer: dict[str, Any]) -> Reply:
        if self._creating is not None:
            last = len(self._service.creations) - 1
            self._creating = self._creating + 1 if self._creating < last else None
            self._created = self._creating is None
            self._goes_on = True
            return Reply(status=httpx.codes.OK)
        try:
            fates, error = self._service.read(answer, len(self._sent))
        except (TypeError, ValueError, AttributeError, KeyError, OverflowError):  # it is JSON, and not what was agreed
            return Reply(status=httpx.codes.BAD_GATEWAY, error=_UNREADABLE)
        judged = list(zip(self._sent, fates, strict=True))
        again = [record for record, fate in judged if fate is Fate.AGAIN]
        if again and len(again) == len(judged):
            return Reply(status=httpx.codes.TOO_MANY_REQUESTS, error=error)
        if refused := {record.line for record, fate in judged if fate is Fate.REFUSED}:
            self._refused |= refused
            self._reason = error
        rest = self._left[: -len(judged)] if self._probing else self._left[len(judged) :]
        self._left = again + rest
        self._partial = self._partial + 1 if again else 0
        self._alone = 0
        self._probing = False
        self._goes_on = True
        return Reply(status=httpx.codes.OK, error=error or self._reason)

    def _miss(self, error: str) -> Reply:
        """Create what is missing, if that is allowed. Else wait until somebody has created it."""
        before = len(self._service.creations) if self._creating is None else self._creating
        if before > 0 and not self._created and before - 1 not in self._tried and _MISSING in error:
            self._creating = before - 1
            self._tried.add(self._creating)
            self._goes_on = True
            return Reply(status=httpx.codes.NOT_FOUND, error=error)
        self._creating = None
        self._tried.clear()
        return Reply(status=httpx.codes.SERVICE_UNAVAILABLE, error=error, advice=self._service.missing_advice)

    def _narrow(self, error: str) -> None:
        """Send half as many records next. Leave out one that is refused alone; all, if the last one is refused too."""
        self._goes_on = True
        if len(self._sent) > 1:
            self._most = (len(self._sent) + 1) // 2
            return
        self._alone += 1
        self._most = None
        self._reason = error
        over = len(self._left) if self._probing else 1
        self._refused |= {record.line for record in self._left[:over]}
        self._left = self._left[over:]
        self._probing = self._alone >= HOPELESS


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


def _translate(kind: str, message: str, status: int) -> tuple[int, str]:
    """Return the HTTP status that matches an error of AWS, and what the user can do about it."""
    if kind in _THROTTLED:
        return httpx.codes.TOO_MANY_REQUESTS, ""
    if kind in _EXPIRED or (kind == _SIGNATURE and ("expired" in message or "not yet current" in message)):
        return httpx.codes.SERVICE_UNAVAILABLE, _DENIED_ADVICE  # the clock may be put right
    if kind in _DENIED:
        return httpx.codes.FORBIDDEN, _DENIED_ADVICE
    return status, ""


def _parse(content: bytes) -> dict[str, Any] | None:
    """Return the JSON object of an answer, empty if the answer is; None if it is no object, or cut off."""
    if not content:
        return {}
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
