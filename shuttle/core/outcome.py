"""The outcome of an attempt: the drain's reply, and the verdict on the lines."""

from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple


class Verdict(Enum):
    """What happens to a batch after an attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"
    MORE = "more"
    """The drain has taken a part: the rest is sent at once."""
    HALVE = "halve"
    """Refused as a whole, though parts of it may be taken."""
    DENIED = "denied"
    """Refused by the endpoint, whatever the lines are: it may take them once somebody corrects it, or a setting."""
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the drain replied to one request, or why there was no reply."""

    status: int | None = None
    """None: no reply."""
    error: str = ""
    """Why there was none, or what the drain said of its refusal."""
    advice: str = ""
    """What the user can do about it."""
    retry_after: str = ""
    """The Retry-After header."""
    sent: bool = True
    """The request was written to a connection, at least in part."""
    late: bool = False
    """There was no reply in time."""
    arrived: float = 1.0
    """The share of the request that the drain's machine has, as far as is known, when there was no reply in time."""
    content: bytes = field(default=b"", repr=False, compare=False)
    """The beginning of the body."""


class Outcome(NamedTuple):
    """The result of one attempt, and what it means for the lines. The drain's protocol decides the verdict, once."""

    verdict: Verdict
    status: int | None = None
    error: str = ""
    advice: str = ""
    retry_after: str = ""
    sent: bool = True
    late: bool = False
    arrived: float = 1.0

    @property
    def failed(self) -> bool:
        """Whether the lines are still to be sent, and not because they are too many."""
        return self.verdict in (Verdict.RETRY, Verdict.DENIED)

    @property
    def answered(self) -> bool:
        """Whether there was a reply: the drain does not have the lines if it says that it failed."""
        return self.status is not None

    @property
    def accepted(self) -> bool:
        """Whether the drain took what it was sent, or part of it."""
        good = self.status is not None and self.status // 100 == HTTPStatus.OK // 100
        return self.verdict is Verdict.DELIVERED or (self.verdict is Verdict.MORE and good)


_RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
# About the lines: too large as a whole, or with one bad frame, which fails a whole batch at logplex.
_HALVED = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}

_ADVICE: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "check the user and password in -logs-url, or -bearer-token",
    HTTPStatus.FORBIDDEN: "check the user and password in -logs-url, or -bearer-token",
    HTTPStatus.NOT_FOUND: "check the path of -logs-url",
    HTTPStatus.METHOD_NOT_ALLOWED: "check the path of -logs-url: it accepts no POST",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "add the user and password to the proxy's URL: http://user:password@host:port",
    HTTPStatus.GONE: "the drain was removed: change -logs-url",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "use a smaller -batch-bytes",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the drain does not accept application/logplex-1, or not with -gzip",
}


def judge(reply: Reply, *, lines: int) -> Outcome:
    """Return the outcome of an attempt to send `lines` lines that got `reply`. The HTTP status decides the verdict."""
    return conclude(reply, _read_status(reply.status, lines))


def conclude(reply: Reply, verdict: Verdict) -> Outcome:
    """Return the outcome with `reply` and `verdict`."""
    return Outcome(
        verdict, reply.status, reply.error, reply.advice, reply.retry_after, reply.sent, reply.late, reply.arrived
    )


def _read_status(status: int | None, lines: int) -> Verdict:
    match status and status // 100:
        case 2:
            return Verdict.DELIVERED
        case 4 if status in _HALVED:
            return Verdict.HALVE if lines > 1 else Verdict.LOST
        case 4 if status not in _RETRIED:
            return Verdict.DENIED
        case _:
            return Verdict.RETRY


def advise(status: int) -> str:
    """Return what the user can do about an answer of `status`; an empty text if that is not known."""
    if status // 100 == HTTPStatus.MULTIPLE_CHOICES // 100:
        return "redirects are not followed: give the drain's final address as -logs-url"
    return _ADVICE.get(status, "")
