"""What an attempt's outcome means for its lines."""

from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus


class Verdict(Enum):
    """What becomes of a batch after an attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"
    MORE = "more"
    """The drain goes on to take it: what is left is sent at once."""
    HALVE = "halve"
    """Refused as a whole, though parts of it may be taken."""
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: the drain's answer, or why there was none."""

    status: int | None = None
    error: str = ""
    """Why there was no answer, or what the drain said of its refusal."""
    advice: str = ""
    """What the user can do about it."""
    retry_after: str = ""
    """The Retry-After header."""
    content: bytes = field(default=b"", repr=False, compare=False)
    """The beginning of the answer's body, of a drain that says there what it took."""


_RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
# Too large as a whole, or with one bad frame, which fails a whole batch at logplex.
_HALVED = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}

_ADVICE: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "check the user and password in -logs-url, or -bearer-token",
    HTTPStatus.FORBIDDEN: "check the user and password in -logs-url, or -bearer-token",
    HTTPStatus.NOT_FOUND: "check the path of -logs-url",
    HTTPStatus.METHOD_NOT_ALLOWED: "check the path of -logs-url: nothing there takes a POST",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "give a smaller -batch-bytes",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the drain does not take application/logplex-1, or not with -gzip",
}


def judge(status: int | None, lines: int) -> Verdict:
    """Return what `status` means for a batch of `lines` lines; None stands for no answer."""
    match status and status // 100:
        case 2:
            return Verdict.DELIVERED
        case 4 if status not in _RETRIED:
            return Verdict.HALVE if lines > 1 and status in _HALVED else Verdict.LOST
        case _:
            return Verdict.RETRY


def advise(status: int) -> str:
    """Return what the user can do about an answer of `status`; nothing if that is not known."""
    if status // 100 == HTTPStatus.MULTIPLE_CHOICES // 100:
        return "redirects are not followed: give the drain's final address as -logs-url"
    return _ADVICE.get(status, "")
