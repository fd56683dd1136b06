"""One HTTP/1.1 connection to the drain: sends requests, and reads the answers with llhttp.

Strategy: the status decides what happens to a batch. Whatever else is odd about an answer costs the connection, and
nothing more. llhttp is strict. If it refuses a head, the head is read as leniently as Go and curl do, and given to
another llhttp without its oddities, so the body is read too. An answer is bounded: its head, its body, and all of it
together, including everything that a chunked body may contain beside the content.

A drain cannot have taken what it does not have, but some drains answer first and read later. So a 2xx that comes
before the request has arrived counts when it has; if that takes too long, it is a failure. Any other status counts
however early it is: a 413 is often sent before the body is read. Bytes on a new connection before its first request
begin an early answer. On a used connection they are an extra answer: nobody knows which request later answers belong
to, so the connection is closed.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import httpx

from shuttle.drain.http.answer import Answer
from shuttle.drain.http.arrival import Arrival
from shuttle.drain.http.failures import EarlyError
from shuttle.drain.http.head import END, FINAL, INTERIM, SWITCHING, is_good, read_head, write_head
from shuttle.drain.http.parser import REFUSALS, Parser
from shuttle.drain.http.tcp import count_unread

if TYPE_CHECKING:
    import socket

CONTENT_LIMIT = 512 * 1024  # bytes of a body; Kinesis' answer about 500 records takes a sixth of it or more
HEAD_LIMIT = 64 * 1024  # bytes of status and headers; nginx and Apache send 8 KiB at most
ANSWER_LIMIT = HEAD_LIMIT + 2 * CONTENT_LIMIT  # bytes of all of it: sizes of chunks, extensions and trailers, too
SENT = "sent"  # the extension of a request that says whether it was given to a connection
ARRIVED = "arrived"  # the one that says which share of it has arrived when it was given up


class UnansweredError(httpx.RemoteProtocolError):
    """The connection was closed before the first byte of an answer."""


class Connection(asyncio.Protocol):
    """Carries one request at a time, and calls `release` when it can carry the next. llhttp calls its `on_` methods."""

    def __init__(self, release: Callable[["Connection"], None]) -> None:
        self._parser = Parser(self)
        self._release = release
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._lost = False
        self._answer: Answer | None = None
        self._reusable = False
        self._left = False  # nobody waits for the rest of the answer
        self._received = 0
        self._used = False
        self._greeting = b""  # what came before the first request
        self._arrival: Arrival | None = None  # of the request in hand
        self._head = bytearray()  # what came before the status was known
        self._early = False  # that came before the request had arrived
        self._refusal: httpx.RemoteProtocolError | None = None  # llhttp's, of a head that has not come to its end
        self.made_at = 0.0
        """When it was opened, in seconds of the event loop's clock."""

    @property
    def open(self) -> bool:
        """Whether the connection is open, as far as is known."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come to its end."""
        return self._answer is not None

    @property
    def unasked(self) -> bool:
        """Whether something that nobody asked for waits to be read. TLS's own messages count too: nobody can tell."""
        return self._socket is not None and count_unread(self._socket) > 0

    def send(self, head: bytes, body: bytes) -> Answer:
        """Send a request and return its answer, which is still to come."""
        assert self._transport
        assert self._arrival
        assert self._answer is None
        answer = self._answer = Answer(self)
        self._used = True
        self._reusable = False
        self._received = 0
        if self._head:
            self._head.clear()
        self._arrival.begin(len(head) + len(body))
        if self.open:
            self._transport.writelines((head, body))
        if self._greeting:
            self.data_received(self._greeting)
        if self._lost:
            self.connection_lost(None)
        return answer

    def finish(self) -> None:
        """Finish with the answer. If it is not complete, close the connection."""
        self._answer = None
        if self._reusable and self.open:
            self._reusable = False
            self._release(self)
        else:
            self.abort()

    def leave(self) -> None:
        """Finish with the answer now, and read the rest while the connection is idle.

        An answer that ends with the connection has no use for that, and closes it.
        """
        if self._answer is None or self._answer.over or not self._parser.should_keep_alive():
            self.finish()
        else:
            self._left = True
            self._release(self)

    def give_up(self) -> float:
        """Close at once, as nobody waits for the answer any more; return the share of the request that has arrived."""
        arrived = self._arrival.cut() if self._arrival else 1.0
        self.abort()
        return arrived

    async def wait_arrived(self) -> None:
        """Return as soon as the request has arrived.

        Raises:
            EarlyError: It does not arrive soon, or was answered before it was sent.
        """
        if self._greeting or not self._arrival:
            raise EarlyError
        await self._arrival.wait()

    def abort(self) -> None:
        """Close at once."""
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport that the event loop gives."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._socket = transport.get_extra_info("socket")
        self._arrival = Arrival(self._transport)
        self.made_at = asyncio.get_running_loop().time()

    def data_received(self, data: bytes) -> None:
        """Parse the bytes that arrived."""
        answer = self._answer
        if answer is None:  # nobody asked for anything
            self._greeting += data
            if self._used or len(self._greeting) > HEAD_LIMIT:
                self.abort()
            return
        self._received += len(data)
        refusal = self._refusal or self._parse(data)
        if refusal or not answer.status:
            self._read_on(data, refusal)
        elif self._received > ANSWER_LIMIT:
            self._fail(httpx.RemoteProtocolError(f"the answer is longer than {ANSWER_LIMIT} bytes"))

    def _read_on(self, data: bytes, refusal: httpx.RemoteProtocolError | None) -> None:
        """Keep `data` of a head that is not whole, or that llhttp refuses."""
        self._early = self._is_early()
        known = len(self._head)
        self._head += data
        if refusal and (self._refusal is None or END.search(self._head, max(0, known - 2))):
            self._forgive(refusal)  # which costs as much as the head is long
        if self._answer and not self._answer.status and self._received > HEAD_LIMIT:
            self._fail(httpx.RemoteProtocolError(f"the head of the answer is longer than {HEAD_LIMIT} bytes"))

    def _parse(self, data: bytes) -> httpx.RemoteProtocolError | None:
        """Let llhttp read `data`, and return why it refuses it."""
        try:
            self._parser.feed_data(data)
        except REFUSALS as error:
            return httpx.RemoteProtocolError(f"the answer is not HTTP: {error}")
        return None

    def _forgive(self, refusal: httpx.RemoteProtocolError) -> None:
        """Wait for the end of a head that llhttp refuses, and read the answer without its oddities."""
        answer = self._answer
        if answer is None or answer.status:
            self._fail(refusal)
            return
        try:
            head = read_head(self._head, over=False)
        except ValueError:
            self._fail(refusal)
            return
        self._refusal = refusal
        if head:
            self._refusal = None
            answer.headers.clear()
            self._parser = Parser(self)
            if again := self._parse(write_head(head) + head.rest):
                self._fail(again)
            answer.headers[:] = head.headers

    def connection_lost(self, exc: Exception | None) -> None:
        """End the answer that is awaited: no more of it comes."""
        self._lost = True
        if self._received:
            self._fail(httpx.RemoteProtocolError("the connection was closed in the middle of the answer"))
        else:
            error = UnansweredError("the connection was closed without an answer")
            error.__cause__ = exc
            self._fail(error)

    def _fail(self, error: httpx.TransportError) -> None:
        """Close the connection. The answer fails, unless its status can be read all the same."""
        self._reusable = False
        answer = self._answer
        self.abort()
        if answer and not answer.begun.done():
            try:
                head = read_head(self._head, over=True)
            except ValueError:
                head = None
            if head and not (is_good(head.status) and self._early):
                answer.status, answer.headers = head.status, head.headers
                answer.begun.set_result(None)
            else:
                answer.begun.set_exception(EarlyError() if head else error)
        if answer:
            answer.end()

    def _is_early(self) -> bool:
        """Return whether part of the request has not arrived, or the answer came before it was sent."""
        return bool(self._greeting) or (self._arrival is not None and not self._arrival.is_complete)

    def on_message_begin(self) -> None:
        """Refuse an answer that nobody asked for."""
        if self._answer is None or self._answer.over:
            self._answer = None  # what it goes on to say must not alter the answer that was asked for
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. One that comes when the status is known is a trailer, which means nothing here."""
        if self._answer and not self._answer.status:
            self._answer.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin the answer, unless it is an interim one (1xx)."""
        if self._answer is None:
            return
        status = self._parser.get_status_code()
        if status < INTERIM:
            self._fail(httpx.RemoteProtocolError(f"the answer is not HTTP: its status is {status:03d}"))
            return
        if status == SWITCHING:
            self._fail(httpx.RemoteProtocolError("the drain switched to another protocol (101) that nobody asked for"))
            return
        if status < FINAL:
            self._answer.headers.clear()
            return
        self._answer.status = status
        self._answer.early = is_good(status) and self._is_early()
        if not self._answer.begun.done():
            self._answer.begun.set_result(None)

    def on_body(self, content: bytes) -> None:
        """Keep a part of the body, up to the limit."""
        if self._answer is None:
            return
        if self._left:
            self._answer.length += len(content)
        else:
            self._answer.add(content)
        if self._answer.length > CONTENT_LIMIT:
            self._fail(httpx.RemoteProtocolError(f"the body of the answer is longer than {CONTENT_LIMIT} bytes"))

    def on_message_complete(self) -> None:
        """End the answer. The connection stays open if both sides want it and the request was read to its end."""
        assert self._transport
        if self._answer and self._answer.status:
            self._reusable = self._parser.should_keep_alive() and not self._transport.get_write_buffer_size()
            self._answer.complete = True
            self._answer.end()
            if self._left:
                self._forget()

    def _forget(self) -> None:
        """Drop a complete answer that nobody waited for."""
        self._left = False
        self._answer = None
        if not self._reusable:
            self.abort()
        self._reusable = False
