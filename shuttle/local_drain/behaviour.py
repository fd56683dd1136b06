"""How a local drain listens, whom it lets in and how it misbehaves, checked once."""

import base64
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from shuttle.errors import UsageError

_HIGHEST_PORT = 65_535
_FIRST_REFUSAL, _LAST_STATUS = 300, 599  # a 2xx would say that the drain has what it threw away


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """The settings of a local drain. Times are in seconds, sizes in bytes.

    Raises:
        UsageError: A setting is out of its range.
    """

    port: int = 0
    """Where it listens on 127.0.0.1; 0 is any free port."""
    cert: Path | None = None
    """A file of PEM certificates, its own first; with it the drain speaks HTTPS."""
    key: Path | None = None
    """The file of the certificate's key, if `cert` does not hold it."""

    auth: str = field(default="", repr=False)
    """`user:password` as Basic auth has them; if neither this nor `bearer` is given, anyone is let in."""
    bearer: str = field(default="", repr=False)
    """A bearer token that is let in."""
    max_body: int = 0
    """The largest body that 413 is not the answer to; 0 is logplex's limit, which it answers 500 to."""

    patience: float = 60.0
    """How long a client may take for a request's head and again for its body; so long an idle connection is kept."""
    most_connections: int = 500
    """How many connections there may be at once; others are closed."""

    status: int = 0
    """The answer to every request in place of the right one."""
    retry_after: int | None = None
    """The Retry-After header beside `status`."""
    delay: float = 0.0
    """The time between a request and whatever is the answer to it."""
    close: bool = False
    """Whether the connection ends in place of an answer."""
    reset: bool = False
    """Whether it does so with a TCP reset."""
    times: int = 0
    """How many requests, from the first on, it misbehaves in; 0 is all of them."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= _HIGHEST_PORT:
            raise UsageError(f"-port {self.port}: must be from 0 (any) to {_HIGHEST_PORT}")
        if self.auth and ":" not in self.auth:
            raise UsageError("-auth (not shown): must be user:password")
        if self.key and not self.cert:
            raise UsageError(f"-key {str(self.key)!r}: needs -cert with its certificate")
        if self.status and not _FIRST_REFUSAL <= self.status <= _LAST_STATUS:
            raise UsageError(f"-status {self.status}: must be from {_FIRST_REFUSAL} to {_LAST_STATUS}")
        if self.retry_after is not None and not self.status:
            raise UsageError(f"-retry-after {self.retry_after}: needs -status with the answer that it goes with")
        for name in ("max_body", "retry_after", "delay", "times"):
            if (getattr(self, name) or 0) < 0:
                raise UsageError(f"-{name.replace('_', '-')} {getattr(self, name)}: must be 0 or more")

    @property
    def authorizations(self) -> frozenset[str]:
        """The values of the Authorization header that are let in; any is, if there are none."""
        basic = base64.b64encode(self.auth.encode()).decode("ascii")
        return frozenset([f"Basic {basic}"] * bool(self.auth) + [f"Bearer {self.bearer}"] * bool(self.bearer))

    def behaved(self) -> Self:
        """Return the same without misbehaviour."""
        return replace(self, status=0, retry_after=None, delay=0.0, close=False, reset=False)
