"""What the drain answers to GET: its page, the events of it, and its numbers for Prometheus.

An answer is an iterator over pieces of bytes, so that whoever sends them can give each its time. A slow reader holds
one piece, in bounded memory, and no lock. There is an end to how many there are.
"""

import base64
import binascii
import secrets
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import Message
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import parse_qs, urlsplit

from shuttle.local_drain.behaviour import Behaviour
from shuttle.local_drain.page.message_feed import MessageFeed, format_event
from shuttle.local_drain.page.notebook import Look, Notebook
from shuttle.local_drain.page.prometheus_text import format_numbers
from shuttle.observe.web_guard import HEADERS, is_for_here, is_from_elsewhere

MOST_FEEDS = 16  # pages at once; a browser opens six, since more connections to one server it does not make
MOST_ANSWERS = 32  # of any kind
MOST_SHOWN = 100  # series on a page
TICK = 0.1  # seconds between two looks for messages: soon to an eye, and a flood makes ten events of it
_TICKS = 10  # until the numbers are sent again

_TEXT = "text/plain; charset=utf-8"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


class DrainSite:
    """The pages of a drain, to which it tells all that comes."""

    def __init__(self, notebook: Notebook | None = None) -> None:
        self._notebook = notebook or Notebook()
        self._epoch = secrets.token_hex(8)
        self._files = dict(_load())
        self._lock = threading.Lock()
        self._open = {"answers": 0, "feeds": 0}

    def take(self, frames: Sequence[bytes], counts: Mapping[str, int]) -> None:
        """Take in the frames of a request, and the drain's counts after it."""
        self._notebook.take(frames, counts)

    def answer(
        self, target: str, headers: Message, *, behaviour: Behaviour, stopping: threading.Event
    ) -> Generator[bytes, None, None]:
        """Yield the answer to a GET, piece by piece; that to `/events` goes on until `stopping` is set."""
        if refusal := _refuse(headers, behaviour):
            yield from refusal
            return
        with self._admit("answers", MOST_ANSWERS) as admitted:
            if not admitted:
                yield from _say(HTTPStatus.SERVICE_UNAVAILABLE, f"there are {MOST_ANSWERS} answers under way already")
                return
            url = urlsplit(target)
            if url.path == "/events":
                last = headers.get("Last-Event-ID") or parse_qs(url.query).get("last", [""])[-1]
                yield from self._feed(last, stopping)
            elif url.path == "/metrics":
                look = self._notebook.look()
                totals = {**look.totals, "ignored": look.ignored}
                yield from _reply(HTTPStatus.OK, *format_numbers(totals, look.rows, headers.get("Accept", "")))
            elif url.path in self._files:
                yield from _reply(HTTPStatus.OK, *self._files[url.path])
            else:
                yield from _say(HTTPStatus.NOT_FOUND, "there is a page at /, and numbers for Prometheus at /metrics")

    def _feed(self, last: str, stopping: threading.Event) -> Iterator[bytes]:
        with self._admit("feeds", MOST_FEEDS) as admitted:
            if not admitted:
                yield from _say(HTTPStatus.SERVICE_UNAVAILABLE, f"there are {MOST_FEEDS} pages open already")
                return
            feed = MessageFeed(self._epoch, last)
            yield _head(HTTPStatus.OK, {"Content-Type": "text/event-stream"}) + feed.greet()
            tick = 0
            while not stopping.is_set():
                if tick % _TICKS == 0:
                    yield format_event("numbers", _describe(self._notebook.look()))
                tick += 1
                if event := self._notebook.follow(feed):
                    yield event
                stopping.wait(TICK)

    @contextmanager
    def _admit(self, kind: str, most: int) -> Iterator[bool]:
        """Count one more of a kind while the block runs, unless there are `most`."""
        with self._lock:
            admitted = self._open[kind] < most
            self._open[kind] += admitted
        try:
            yield admitted
        finally:
            with self._lock:
                self._open[kind] -= admitted


def _load() -> Iterator[tuple[str, tuple[str, bytes]]]:
    for file in (files(__package__) / "assets").iterdir():
        suffix = f".{file.name.rpartition('.')[2]}"
        if suffix in _TYPES:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            yield path, (_TYPES[suffix], file.read_bytes())


def _refuse(headers: Message, behaviour: Behaviour) -> list[bytes]:
    """Return the answer to whom the page does not answer; nothing if it does."""
    if not is_for_here(headers.get("Host"), "127.0.0.1"):
        return _say(HTTPStatus.MISDIRECTED_REQUEST, "the Host header names another machine; ask for 127.0.0.1")
    if is_from_elsewhere(headers.get("Sec-Fetch-Site"), headers.get("Sec-Fetch-Mode")):
        return _say(HTTPStatus.FORBIDDEN, "another site asks for this")
    if not _is_let_in(headers.get("Authorization", ""), behaviour):
        realm = {"WWW-Authenticate": 'Basic realm="log-shuttle-drain"'}
        return _say(
            HTTPStatus.UNAUTHORIZED, "the user and password of -auth, or any user and the token of -bearer", realm
        )
    return []


def _is_let_in(authorization: str, behaviour: Behaviour) -> bool:
    """Return whether it is what a delivery needs, or has the token as a password, which a browser can ask for."""
    if not behaviour.authorizations or authorization in behaviour.authorizations:
        return True
    scheme, _, given = authorization.partition(" ")
    try:
        _, _, password = base64.b64decode(given, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    return scheme == "Basic" and behaviour.bearer != "" and password == behaviour.bearer.encode()


def _describe(look: Look) -> dict[str, object]:
    rows = sorted(look.rows[:MOST_SHOWN])
    metrics = [{**metric._asdict(), **numbers} for metric, numbers in rows]
    return {"rates": look.rates, "metrics": metrics, "series": len(look.rows), "ignored": look.ignored}


def _say(status: HTTPStatus, text: str, more: Mapping[str, str] | None = None) -> list[bytes]:
    return _reply(status, _TEXT, f"{text}\n".encode(), more)


def _reply(status: HTTPStatus, kind: str, body: bytes, more: Mapping[str, str] | None = None) -> list[bytes]:
    return [_head(status, {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}) + body]


def _head(status: HTTPStatus, more: Mapping[str, str]) -> bytes:
    """Return the head of an answer. No page keeps a connection, which a delivery may need."""
    lines = [f"{name}: {value}" for name, value in {**more, **HEADERS, "Connection": "close"}.items()]
    return "\r\n".join([f"HTTP/1.1 {status.value} {status.phrase}", *lines, "", ""]).encode("ascii")
