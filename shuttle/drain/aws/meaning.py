"""Judges a service's reply. AWS names most errors in the body, and many have the status 400.

The status is kept as the service gave it. It decides unless the error has a name that says more, whatever the body
is: a proxy or firewall in front of the service answers in HTML. But a 400 without a name may mean anything, such as a
service that is too busy, so it costs no line.
"""

import json
from typing import Any, NamedTuple

import httpx

from shuttle.core.outcome import Reply, Verdict, judge

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
_MISSING = "ResourceNotFoundException"
_THERE = "ResourceAlreadyExistsException"
_ACCEPTED = "DataAlreadyAcceptedException"
_SIGNATURE = "InvalidSignatureException"
_FOREIGN = (None, httpx.codes.PROXY_AUTHENTICATION_REQUIRED)  # what is no answer of the service
_UNREADABLE = "unreadable answer"
_DENIED_ADVICE = "check the credentials, their permissions, and the clock"
_STRANGER_ADVICE = "this is not an error of AWS: check -aws-endpoint, and any proxy or firewall in between"


class Meaning(NamedTuple):
    """What a reply means."""

    reply: Reply
    """With the status that was given, and an error in the service's words."""
    verdict: Verdict
    """HALVE: something about the records is wrong."""
    kind: str = ""
    """The name of the error."""
    content: dict[str, Any] | None = None
    """Of a good answer."""

    @property
    def missing(self) -> bool:
        """Whether the group or the stream is not there."""
        return self.kind == _MISSING

    @property
    def there(self) -> bool:
        """Whether what was to be created is there."""
        return self.content is not None or self.kind == _THERE

    @property
    def expired(self) -> bool:
        """Whether other credentials are needed."""
        return self.kind in _EXPIRED


def find_meaning(reply: Reply) -> Meaning:
    """Return what `reply` means."""
    if reply.status in _FOREIGN:
        return Meaning(reply, judge(reply, lines=2).verdict)
    answer = _parse(reply.content)
    if reply.status == httpx.codes.OK and answer is not None:
        return Meaning(Reply(status=reply.status), Verdict.DELIVERED, content=answer)
    if reply.status in range(httpx.codes.OK, httpx.codes.MULTIPLE_CHOICES):
        return refuse_to_read(reply)
    kind = str((answer or {}).get("__type", "")).rpartition("#")[2].partition(":")[0]
    message = str((answer or {}).get("message") or (answer or {}).get("Message") or reply.error)
    error = f"{kind}: {message}" if kind else message
    verdict, advice = _judge(reply, kind, message)
    told = Reply(status=reply.status, error=error, advice=advice, retry_after=reply.retry_after)
    return Meaning(told, verdict, kind, {} if kind == _ACCEPTED else None)


def refuse_to_read(reply: Reply) -> Meaning:
    """Return the meaning of a malformed good answer: nobody knows what the service took."""
    return Meaning(Reply(status=reply.status, error=_UNREADABLE), Verdict.RETRY)


def _judge(reply: Reply, kind: str, message: str) -> tuple[Verdict, str]:
    """Return the verdict on an error of AWS, and what the user can do about it."""
    if kind in _THROTTLED or kind == _MISSING:
        return Verdict.RETRY, ""
    if kind in _EXPIRED or (kind == _SIGNATURE and ("expired" in message or "not yet current" in message)):
        return Verdict.RETRY, _DENIED_ADVICE  # the clock may be put right
    if kind in _DENIED:
        return Verdict.DENIED, _DENIED_ADVICE
    if not kind and reply.status == httpx.codes.BAD_REQUEST:
        return Verdict.RETRY, ""
    verdict = judge(reply, lines=2).verdict
    return verdict, _STRANGER_ADVICE if verdict is Verdict.DENIED and not kind else ""


def _parse(content: bytes) -> dict[str, Any] | None:
    """Return the JSON object of an answer, empty if the answer is; None if it is no object, or cut off."""
    if not content:
        return {}
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
