"""An answer's bytes, however they are cut, and bytes that are no answer. The wire is in memory."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.drain.http.connection import ANSWER_LIMIT, CONTENT_LIMIT, HEAD_LIMIT, Connection, UnansweredError
from tests.helpers.chunks import cut_at

pytestmark = pytest.mark.usefixtures("each_parser")

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
ANSWERS = {
    b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n": (204, b""),
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello": (200, b"hello"),
    b"HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 3\r\n\r\nno!": (429, b"no!"),
    b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n": (200, b"hello"),
    CONTINUE + HINTS + CONTINUE + b"HTTP/1.1 413 Large\r\nContent-Length: 1\r\n\r\n!": (413, b"!"),
    b"HTTP/1.1 200 OK\r\nUpgrade: h2,h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok": (
        200,
        b"ok",
    ),  # Apache's
    b"\r\nHTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n": (500, b""),
}


class Wire(asyncio.Transport):
    """Keeps what is written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unwritten = 0
        """Bytes that the other end has not taken yet."""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unwritten

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


class Line:
    """A connection, its wire and the answer to the one request that was sent."""

    def __init__(self) -> None:
        self.released: list[Connection] = []
        self.wire = Wire()
        self.connection = Connection(self.released.append)
        self.connection.connection_made(self.wire)
        self.answer = self.connection.send(b"head", b"body")

    def feed(self, *chunks: bytes) -> None:
        """Give what a transport would: nothing empty, and nothing once it is closed."""
        for chunk in filter(None, chunks):
            if not self.wire.closed:
                self.connection.data_received(chunk)

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.answer])


def run(test: Callable[[], Any]) -> None:
    asyncio.run(test())


@given(case=st.sampled_from(list(ANSWERS.items())), data=st.data())
def test_an_answer_does_not_depend_on_the_chunks(case: tuple[bytes, tuple[int, bytes]], data: st.DataObject) -> None:
    sent, (status, body) = case
    places = data.draw(st.lists(st.integers(0, len(sent))))

    async def check() -> None:
        for chunks in ([sent], [sent[place : place + 1] for place in range(len(sent))], cut_at(sent, places)):
            line = Line()
            line.feed(*chunks)
            await line.answer.begun
            assert (line.answer.status, await line.read()) == (status, body)
            assert httpx.Headers(line.answer.headers).get("Retry-After") == ("7" if status == 429 else None)
            await line.answer.aclose()
            assert line.released == [line.connection]

    run(check)


def test_an_interim_response_is_not_the_answer() -> None:
    """Its headers are not the answer's."""

    async def check() -> None:
        line = Line()
        line.feed(CONTINUE, HINTS)
        assert not line.answer.begun.done()
        line.feed(b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n")
        assert line.answer.begun.done()
        assert line.answer.headers == [(b"Server", b"x")]

    run(check)


@pytest.mark.parametrize(
    ("garbage", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.7\r\n", "not HTTP"),
        (b"220 mail.example ESMTP\r\n", "not HTTP"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "not HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 99999 What\r\n\r\n", "not HTTP"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
            "the drain switched to another protocol",
        ),
        (b"POST / HTTP/1.1\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 " + b"b" * HEAD_LIMIT, "longer than 65536"),
        (CONTINUE * (HEAD_LIMIT // len(CONTINUE) + 1), "longer than 65536"),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else None,
)
@pytest.mark.parametrize("size", [1, 1000, HEAD_LIMIT * 2])
def test_an_invalid_answer_ends_the_connection(garbage: bytes, why: str, size: int) -> None:
    async def check() -> None:
        line = Line()
        line.feed(*(garbage[start : start + size] for start in range(0, len(garbage), size)))
        with pytest.raises(httpx.RemoteProtocolError, match=why):
            await asyncio.wait_for(line.answer.begun, 5)
        assert line.wire.closed

    run(check)


@pytest.mark.parametrize("line", [b"HTTP/1.1 101 Switching", b"HTTP/1.1 000 OK", b"HTTP/1.1 099 OK"])
def test_a_status_that_ends_nothing_is_not_waited_behind(line: bytes) -> None:
    """The connection stays open, and nothing else comes."""

    async def check() -> None:
        connected = Line()
        connected.feed(line + b"\r\n\r\n")
        assert connected.answer.begun.done()
        error = connected.answer.begun.exception()
        assert isinstance(error, httpx.RemoteProtocolError)
        assert ("the drain switched to another protocol" in str(error)) == (b"101" in line)
        assert connected.wire.closed

    run(check)


ODD = [
    b"HTTP/1.1 204 No Content\nServer: x\n\n",
    b"\n\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 204\r\n\r\n",
    b"HTTP/1.1  204  No Content\r\n\r\n",
    b"http/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.0 204 No Content\r\n\r\n",
    b"HTTP/9.9 204 OK\r\n\r\n",
    b"HTTP/2 204\r\n\r\n",
    b"HTTP/1.1 204 No\tContent \xff\r\n\r\n",
    b"HTTP/1.1 204 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 204 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 204 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 204 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
    b"HTTP/1.1 204 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 204 OK\r\nContent-Length: many\r\n\r\n",
    b"HTTP/1.1 204 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"HTTP/1.1 204 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\nx",
    b"HTTP/1.1 204 OK\r\nbroken\r\n\r\n",
    b"HTTP/1.1 204 OK\r\nServer : x\r\n\r\n",
    b"HTTP/1.1 204 OK\r\n: x\r\n\r\n",
    b"HTTP/1.1 204 OK\r\nServer: a\r\n b\r\n\r\n",
    b"HTTP/1.1 204 OK\r\nServer: \x00\x01\r\n\r\n",
    b"HTTP/1.1 204 OK\r\nS\xc3\xa9rver: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    CONTINUE.replace(b"\r", b"") + HINTS.replace(b"\r", b"") + b"HTTP/1.1 204 No Content\n\n",
    CONTINUE + b"HTTP/1.1 204 No Content\n\n",
    b"HTTP/1.1 204 OK\r\n" + b"A: b\r\n" * (HEAD_LIMIT // 6) + b"\r\n",
    b"HTTP/1.1 204 OK\r\nA: " + b"b" * HEAD_LIMIT + b"\r\n\r\n",
]


@pytest.mark.parametrize("data", ODD, ids=lambda data: repr(data[-40:]))
@pytest.mark.parametrize("size", [1, 7, HEAD_LIMIT * 2])
def test_the_status_decides_whatever_else_is_odd(data: bytes, size: int) -> None:
    async def check() -> None:
        line = Line()
        line.feed(*(data[start : start + size] for start in range(0, len(data), size)))
        await asyncio.wait_for(line.answer.begun, 5)
        assert line.answer.status == (204 if b" 204" in data else 200)
        await line.answer.aclose()
        assert line.wire.closed or line.released

    run(check)


@pytest.mark.parametrize("data", [b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 204 No Content\nServer: x"])
def test_a_status_counts_whose_head_is_cut_off(data: bytes) -> None:
    async def check() -> None:
        line = Line()
        line.feed(data)
        line.connection.connection_lost(None)
        await line.answer.begun
        assert line.answer.status == 204

    run(check)


def test_a_retry_after_is_read_from_an_odd_head() -> None:
    async def check() -> None:
        line = Line()
        line.feed(b"HTTP/1.1 503 Busy\nretry-after : 7\nbroken\n\n")
        await line.answer.begun
        assert (line.answer.status, line.answer.headers) == (503, [(b"retry-after", b"7")])

    run(check)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
        b"http/1.1 200\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nServer: a\r\n b\r\nContent-Length : 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nServer: \0\r\nContent-Length: 2\r\n\r\n{}",
        CONTINUE.replace(b"\r", b"") + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=lambda head: repr(head[:50]),
)
@pytest.mark.parametrize("size", [1, 7, HEAD_LIMIT])
def test_the_body_behind_an_odd_head_is_read(head: bytes, size: int, each_parser: str) -> None:
    """AWS says in it which records it has. The connection is closed, unless h11 finds nothing odd about the head."""

    async def check() -> None:
        line = Line()
        line.feed(*(head[start : start + size] for start in range(0, len(head), size)))
        await line.answer.begun
        assert (line.answer.status, line.answer.complete) == (200, True)
        assert await line.read() == b"{}"
        await line.answer.aclose()
        if each_parser == "llhttp" or b"Transfer-Encoding" in head:
            assert line.wire.closed
            assert line.released == []

    run(check)


@pytest.mark.parametrize("lengths", [b"Content-Length: 1\r\nContent-Length: 9\r\n", b"Content-Length: -2\r\n"])
def test_a_body_of_unknown_length_ends_with_the_connection(lengths: bytes) -> None:
    async def check() -> None:
        line = Line()
        line.feed(b"HTTP/1.1 200 OK\r\n" + lengths + b"\r\n{", b"}")
        await line.answer.begun
        assert not line.answer.over
        line.connection.connection_lost(None)
        assert await line.read() == b"{}"

    run(check)


def test_a_body_is_given_as_it_comes() -> None:
    async def check() -> None:
        line = Line()
        line.feed(b"HTTP/1.1 403 No\r\n\r\nno ")
        pieces = aiter(line.answer)
        assert await anext(pieces) == b"no "
        asyncio.get_running_loop().call_soon(line.feed, b"such ")
        assert await asyncio.wait_for(anext(pieces), 5) == b"such "
        line.feed(b"to", b"ken")
        line.connection.connection_lost(None)
        assert [piece async for piece in pieces] == [b"to", b"ken"]

    run(check)


def test_an_unwanted_body_without_a_length_is_not_waited_for() -> None:
    """It saves no connection: at 500 requests a second, 500 would stay open."""

    async def check() -> None:
        line = Line()
        line.feed(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await line.answer.begun
        line.answer.leave()
        assert line.wire.closed
        assert line.released == []

    run(check)


ENDLESS = {
    "trailers": (b"HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 1000),
    "one trailer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ", b"b" * 6000),
    "an extension": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=", b"y" * 6000),
    "extensions": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;x=" + b"y" * 6000 + b"\r\nz\r\n"),
    "empty lines": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.", b"\r\n" * 3000),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_answer_is_bounded(name: str) -> None:
    beginning, rest = ENDLESS[name]

    async def check() -> None:
        line = Line()
        line.feed(beginning)
        fed = 0
        while not line.wire.closed and fed < 10 * ANSWER_LIMIT:
            line.feed(rest)
            fed += len(rest)
        assert fed <= ANSWER_LIMIT + len(rest)
        await line.answer.begun
        assert line.answer.status in (200, 204)
        assert len(line.answer.headers) <= 1
        assert sum(map(len, line.answer.content)) <= CONTENT_LIMIT

    run(check)


@pytest.mark.parametrize("unasked", [b"\r\n", b"H", b"HTTP/1.1 204 No Content\r\n\r\n"])
def test_an_idle_connection_that_receives_anything_is_closed(unasked: bytes) -> None:
    async def check() -> None:
        line = Line()
        line.feed(b"HTTP/1.1 204 No Content\r\n\r\n")
        await line.answer.aclose()
        assert line.released
        line.feed(unasked)
        assert line.wire.closed

    run(check)


def test_a_body_that_nobody_wants_holds_nothing_up() -> None:
    """The connection is used again once the rest has come."""

    async def check() -> None:
        line = Line()
        line.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        await line.answer.begun
        line.answer.leave()
        assert line.released == [line.connection]
        before = line.connection.busy
        line.feed(b"llo")
        assert (before, line.connection.busy) == (True, False)
        assert not line.wire.closed

    run(check)


@pytest.mark.parametrize("rest", [b"llo\r\nHTTP/1.1", b"lloHTTP/1.1 204 No Content\r\n\r\n"])
def test_what_follows_an_unwanted_body_ends_the_connection(rest: bytes) -> None:
    async def check() -> None:
        line = Line()
        line.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        line.answer.leave()
        line.feed(rest)
        assert line.wire.closed

    run(check)


@given(st.binary(min_size=1))
def test_any_bytes_give_an_answer_or_an_error(data: bytes) -> None:
    """Either an answer or an error comes of them, if only when the drain hangs up."""

    async def check() -> None:
        line = Line()
        line.feed(data)
        line.connection.connection_lost(None)
        assert line.answer.begun.done()
        assert isinstance(line.answer.begun.exception(), httpx.RemoteProtocolError) or line.answer.status >= 200

    run(check)


def test_an_end_before_the_first_byte_is_unanswered() -> None:
    """An end after the first byte is another error."""

    async def check() -> None:
        silent, spoken = Line(), Line()
        cause = ConnectionResetError()
        silent.connection.connection_lost(cause)
        error = silent.answer.begun.exception()
        assert isinstance(error, UnansweredError)
        assert error.__cause__ is cause
        spoken.feed(b"H")
        spoken.connection.connection_lost(None)
        assert not isinstance(spoken.answer.begun.exception(), UnansweredError)

    run(check)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_ends_the_connection(chunked: bool) -> None:
    """The answer stands."""

    async def check() -> None:
        line = Line()
        piece = b"." * 1000
        if chunked:
            line.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            piece = b"3e8\r\n" + piece + b"\r\n"
        else:
            line.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        fed = 0
        while not line.wire.closed:
            line.feed(piece)
            fed += 1000
        assert CONTENT_LIMIT < fed <= CONTENT_LIMIT + 1000
        await line.answer.begun
        assert line.answer.status == 200
        assert len(await line.read()) == fed
        await line.answer.aclose()
        assert line.released == []

    run(check)


def test_an_early_answer_ends_the_connection() -> None:
    """The request has not been read to its end."""

    async def check() -> None:
        line = Line()
        line.wire.unwritten = 1
        line.feed(b"HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n")
        await line.answer.begun
        await line.answer.aclose()
        assert line.wire.closed
        assert line.released == []

    run(check)


def test_an_answer_closed_early_ends_the_connection() -> None:
    async def check() -> None:
        line = Line()
        line.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
        await line.answer.aclose()
        assert line.wire.closed
        assert line.released == []

    run(check)
