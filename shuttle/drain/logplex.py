"""The logplex drain: sends a batch in one request, as logplex and drains like it expect."""

import re
import zlib
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

import httpx

from shuttle.config import APPNAME, Config
from shuttle.core.batch import Batch
from shuttle.core.endpoint import Endpoint
from shuttle.core.frame import PLACEHOLDER, Framer
from shuttle.core.ledger import Owed
from shuttle.core.outcome import Outcome, Verdict, judge
from shuttle.drain.http.client import Client, user_agent

CONTENT_TYPE = b"application/logplex-1"  # exactly: a parameter behind it gets 415 from logplex
_GZIP_WBITS = 31  # zlib: 15 bits of window, and 16 for a gzip header
_ZLIB_LEVEL = 6  # zlib's own default, and Go's
_ISAL_LEVEL = 1  # of 0 to 3: within a hundredth as small as 2 and 3 on log lines, and 1.1 and 2.4 times as fast


class Letter:
    """A batch in one request, which is the same at every attempt, but for renewed credentials."""

    divisible = True

    def __init__(self, drain: "Logplex", request: httpx.Request, *, lines: int, messages: int) -> None:
        self.taken = 0
        self.told = False
        self._drain = drain
        self._request = request
        self._lines = lines
        self._messages = messages  # a single line that is refused with a report is tried without it

    async def attempt(self) -> Outcome:
        """Send the request. The status alone decides the outcome."""
        outcome = judge(await self._drain.client.post(self._request), lines=self._messages)
        if outcome.verdict is Verdict.DELIVERED:
            self.taken, self.told = self._lines, True
        elif outcome.status == HTTPStatus.UNAUTHORIZED and (request := self._drain.renew(self._request)):
            self._request = request
            return outcome._replace(verdict=Verdict.RETRY)  # with what the drain may let in
        return outcome


class Logplex:
    """Makes the requests of one drain. `renew` returns its endpoint if the credentials have changed."""

    def __init__(
        self, config: Config, framer: Framer, client: Client, renew: Callable[[], Endpoint | None] = lambda: None
    ) -> None:
        self.client = client
        self._endpoint = config.endpoint
        self._renew = renew
        self._framer = framer
        self._compress = _load_compressor() if config.gzip else None
        self._token = _choose_token(config).encode("ascii")
        self._headers = self._make_headers()

    def load(self, batch: Batch, owed: Owed, *, stamp: str) -> Letter:
        """Return the shipment of `batch` and of the reports that are `owed`."""
        request = self.make_request(batch, owed, stamp=stamp)
        return Letter(self, request, lines=batch.lines, messages=batch.lines + bool(owed))

    def break_off(self, begun_before: float) -> None:
        """Interrupt requests that began before that time and have no answer."""
        self.client.break_off(begun_before)

    def renew(self, refused: httpx.Request) -> httpx.Request | None:
        """Return a request that was refused with the credentials as they are now; None if they are the same."""
        if endpoint := self._renew():
            self._endpoint = endpoint
            self._headers = self._make_headers()
        if refused.url == self._endpoint.url and refused.headers["Authorization"] == self._endpoint.authorization:
            return None
        headers = dict(refused.headers.raw) | dict(self._headers)
        return httpx.Request("POST", self._endpoint.url, headers=list(headers.items()), stream=refused.stream)

    def _make_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that all requests have."""
        headers = [
            (b"Host", self._endpoint.url.netloc),
            (b"User-Agent", user_agent().encode("ascii")),
            (b"Authorization", self._endpoint.authorization.encode("ascii")),
            (b"Content-Type", CONTENT_TYPE),
            (b"Logplex-Drain-Token", self._token),
        ]
        return [*headers, (b"Content-Encoding", b"gzip")] if self._compress else headers

    def make_request(self, batch: Batch, owed: Owed, *, stamp: str) -> httpx.Request:
        """Return the request with `batch` and the reports that are `owed`. Every attempt sends the same."""
        reports = []
        headers = [
            *self._headers,
            (b"X-Request-Id", batch.id.encode("ascii")),
            (b"Logplex-Frame-Id", batch.id.encode("ascii")),
        ]
        for code, name, tally in (
            ("L12", b"Logplex-Drop-Count", owed.dropped),
            ("L13", b"Logplex-Lost-Count", owed.lost),
        ):
            if tally.count:
                reports.append(self._framer.report(code, tally.count, since=tally.since, stamp=stamp))
                headers.append((name, b"%d" % tally.count))
        headers.append((b"Logplex-Msg-Count", b"%d" % (batch.frames + len(reports))))
        body = b"".join((*reports, batch.body)) if reports else batch.body
        if self._compress:
            body = self._compress(body)
        headers.append((b"Content-Length", b"%d" % len(body)))
        # As a stream: for `content` httpx goes through all the headers again, to add what is missing.
        return httpx.Request("POST", self._endpoint.url, headers=headers, stream=httpx.ByteStream(body))


def _choose_token(config: Config) -> str:
    """Return the drain token: some drains refuse a request without one. Of many files there is no one name."""
    named = config.appname if not re.search(PLACEHOLDER, config.appname) else APPNAME
    return config.drain_token or named


def _load_compressor() -> Callable[[bytes], bytes]:
    """Return the function that makes a gzip body: python-isal's if it is installed, else zlib's, a tenth as fast."""
    try:
        from isal import igzip  # noqa: PLC0415  # only -gzip pays for it
    except ImportError:
        return partial(zlib.compress, level=_ZLIB_LEVEL, wbits=_GZIP_WBITS)
    return partial(igzip.compress, compresslevel=_ISAL_LEVEL)
