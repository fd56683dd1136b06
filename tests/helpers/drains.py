"""A drain in memory that does what a test's script says, and keeps every request as a strict receiver reads it."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from itertools import chain, repeat

import httpx
import trio

from shuttle.core.backoff import read_retry_after
from shuttle.core.outcome import Reply, Verdict, judge
from shuttle.drain.http.connection import ARRIVED
from tests.helpers.virtual import wall

_FRAME = re.compile(rb"<\d{1,3}>1 \S{32} (\S+) \S+ (\S+) - - ([^\n]*)\n")
_REPORT = re.compile(rb"Error (L1[23]): (\d+) messages (dropped|lost) since (\S{32})")
NEVER = 1e9  # seconds


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    at: float
    """Seconds of the virtual clock."""
    headers: httpx.Headers
    body: bytes
    lines: tuple[bytes, ...]
    """The messages, reports apart."""
    reports: dict[str, int]
    """L12 and L13 to the count that each tells."""
    first: tuple[str, ...]
    """The codes of the reports before any line, in order."""

    @property
    def id(self) -> str:
        return str(self.headers["Logplex-Frame-Id"])


def read_call(request: httpx.Request, at: float) -> Call:
    """Read `request` strictly: a count, a length or a frame that is wrong is an error."""
    body = request.read()
    lines: list[bytes] = []
    reports: dict[str, int] = {}
    place = 0
    while place < len(body):
        length = re.compile(rb"[1-9]\d* ").match(body, place)
        assert length, f"no length at {place}"
        place = length.end() + int(length[0])
        frame = _FRAME.fullmatch(body, length.end(), place)
        assert frame, f"no frame: {body[length.end() : place]!r}"
        report = _REPORT.fullmatch(frame[3])
        if frame.group(1, 2) == (b"heroku", b"log-shuttle") and report:
            assert not lines, "a report stands behind a line"
            reports[report[1].decode()] = int(report[2])
        else:
            lines.append(frame[3])
    headers = request.headers
    assert int(headers["Logplex-Msg-Count"]) == len(lines) + len(reports)
    assert int(headers["Content-Length"]) == len(body)
    assert headers["X-Request-Id"] == headers["Logplex-Frame-Id"]
    assert int(headers.get("Logplex-Drop-Count", 0)) == reports.get("L12", 0)
    assert int(headers.get("Logplex-Lost-Count", 0)) == reports.get("L13", 0)
    return Call(at, headers, body, tuple(lines), reports, tuple(reports))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the drain does with one request. It takes what it answers with 2xx."""

    status: int = 204
    delay: float = 0.0
    """Seconds until the answer."""
    headers: dict[str, str] = field(default_factory=dict)
    error: type[httpx.TransportError] | None = None
    """What the sender sees in place of an answer."""
    takes: bool = False
    """It takes the batch, whatever it answers."""
    text: str = ""
    arrived: float = 1.0
    """The share of the request that has arrived if the sender gives up before the answer."""


TAKE = Answer()
CLOSE = Answer(error=httpx.RemoteProtocolError)
REFUSE = Answer(error=httpx.ConnectError)
HANG = Answer(delay=NEVER)
Script = Callable[[Call], Answer]


def in_turn(*answers: Answer | int, then: Answer = TAKE) -> Script:
    """Give one answer after the other, then always the last one; a number is a status."""
    rest = chain((Answer(answer) if isinstance(answer, int) else answer for answer in answers), repeat(then))
    return lambda _: next(rest)


def refuse_lines_with(word: bytes, status: int = 400) -> Script:
    """Refuse every batch that has a line with `word` in it."""
    return lambda call: Answer(status) if any(word in line for line in call.lines) else TAKE


def http_date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


class Drain(httpx.AsyncBaseTransport):
    """Answers by its script."""

    def __init__(self, script: Script | Answer = TAKE) -> None:
        self.script: Script = in_turn(then=script) if isinstance(script, Answer) else script
        self.calls: list[Call] = []
        self.taken: dict[str, Call] = {}
        """What it took, by Frame-Id."""
        self.heard: list[Call] = []
        """What it took and the sender was told of."""
        self.denied: Counter[str] = Counter()
        """How often it answered, by Frame-Id, that the endpoint takes nothing."""
        self.paused_until = 0.0
        """When the last pause that it asked for ends, in seconds of the virtual clock."""
        self.at_once = 0
        self.most_at_once = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = read_call(request, trio.current_time())
        self.calls.append(call)
        answer = self.script(call)
        takes = answer.takes or (answer.error is None and answer.status // 100 == 2)
        if takes:
            self.taken.setdefault(call.id, call)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await trio.sleep(answer.delay)
        except trio.Cancelled:
            request.extensions[ARRIVED] = answer.arrived
            raise
        finally:
            self.at_once -= 1
        if answer.error:
            raise answer.error("scripted")
        self.denied[call.id] += judge(Reply(answer.status), lines=1).verdict is Verdict.DENIED
        pause = read_retry_after(answer.headers.get("Retry-After", ""), wall())
        self.paused_until = max(self.paused_until, trio.current_time() + pause)
        if answer.status // 100 == 2:
            self.heard.append(call)
        return httpx.Response(answer.status, headers=answer.headers, text=answer.text)

    @property
    def lines(self) -> list[bytes]:
        """The lines it took and the sender was told of, in that order."""
        return [line for call in self.heard for line in call.lines]

    def told(self, code: str) -> int:
        """The lines that the reports it took, and the sender was told of, tell of."""
        return sum(call.reports.get(code, 0) for call in self.heard)
