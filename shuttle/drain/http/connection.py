"""One HTTP/1.1 connection to the drain: sends requests, and reads the answers with llhttp."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import httptools
import httpx

CONTENT_LIMIT = 512 * 1024  # bytes of a body; Kinesis tells of 500 records in a sixth of it or more
HEAD_LIMIT = 64 * 1024  # bytes of status and headers; nginx and Apache send 8 KiB at most
SENT = "sent"  # the extension of a request that says whether it was given to a connection
_FINAL = 200  # statuses below it announce another answer (RFC 9110, 15.2)


class UnansweredError(httpx.RemoteProtocolError):
    """The connection was closed before the first byte of an answer."""


class Answer(httpx.AsyncByteStream):
    """The drain's answer as it arrives. As a stream it is the body, which ends early if the connection breaks."""

    def __init__(self, connection: "Connection") -> None:
        loop = asyncio.get_running_loop()
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.begun: asyncio.Future[None] = loop.create_future()
        """Done when status and headers are there; fails with an httpx.TransportError if none come."""
        self.complete = False
        """All of the answer is there."""
        self.over = False
        """Nothing more of the body comes."""
        self.content: list[bytes] = []
        self.length = 0
        self._connection = connection
        self._ended: asyncio.Future[None] | None = None  # made for whoever waits: most answers come in one piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not self.over:
            self._ended = self._ended or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._ended)
        for piece in self.content:
            yield piece

    def end(self) -> None:
        """Note that the body is over."""
        self.over = True
        if self._ended and not self._ended.done():
            self._ended.set_result(None)

    async def aclose(self) -> None:
        """Release the connection. It can be used again if the answer is complete."""
        self._connection.finish()


class Connection(asyncio.Protocol):
    """Carries one request at a time, and calls `release` when it can carry the next. llhttp calls its `on_` methods."""

    def __init__(self, release: Callable[["Connection"], None]) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._release = release
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._reusable = False
        self._received = 0

    @property
    def open(self) -> bool:
        """Whether the connection is open, as far as is known."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, head: bytes, body: bytes) -> Answer:
        """Send a request and return its answer, which is still to come."""
        assert self._transport
        assert self._answer is None
        self._answer = Answer(self)
        self._reusable = False
        self._received = 0
        self._transport.writelines((head, body))
        return self._answer

    def finish(self) -> None:
        """Finish with the answer. If it is not complete, close the connection."""
        self._answer = None
        if self._reusable and self.open:
            self._reusable = False
            self._release(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport that the event loop gives."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        """Parse the bytes that arrived."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:  # two bases; the second: status 101
            self._fail(httpx.RemoteProtocolError(f"the answer is not HTTP: {error}"))
        if self._answer and not self._answer.status and self._received > HEAD_LIMIT:
            self._fail(httpx.RemoteProtocolError(f"the head of the answer is longer than {HEAD_LIMIT} bytes"))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the answer that is awaited: no more of it comes."""
        if self._received:
            self._fail(httpx.RemoteProtocolError("the connection was closed in the middle of the answer"))
        else:
            error = UnansweredError("the connection was closed without an answer")
            error.__cause__ = exc
            self._fail(error)

    def _fail(self, error: httpx.TransportError) -> None:
        self._reusable = False
        if self._answer:
            if not self._answer.begun.done():
                self._answer.begun.set_exception(error)
            self._answer.end()
        self.abort()

    def on_message_begin(self) -> None:
        """Refuse an answer that nobody asked for."""
        if self._answer is None or self._answer.over:
            self._answer = None  # what it goes on to say must not alter the answer that was asked for
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        if self._answer:
            self._answer.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin the answer, unless it is an interim one (1xx)."""
        if self._answer is None:
            return
        status = self._parser.get_status_code()
        if status < _FINAL:
            self._answer.headers.clear()
            return
        self._answer.status = status
        if not self._answer.begun.done():
            self._answer.begun.set_result(None)

    def on_body(self, content: bytes) -> None:
        """Keep a part of the body, up to the limit."""
        if self._answer is None:
            return
        self._answer.content.append(content)
        self._answer.length += len(content)
        if self._answer.length > CONTENT_LIMIT:
            self._fail(httpx.RemoteProtocolError(f"the body of the answer is longer than {CONTENT_LIMIT} bytes"))

    def on_message_complete(self) -> None:
        """End the answer. The connection stays open if both sides want it and the request was read to its end."""
        assert self._transport
        if self._answer and self._answer.status:
            self._reusable = self._parser.should_keep_alive() and not self._transport.get_write_buffer_size()
            self._answer.complete = True
            self._answer.end()
