"""What a client may send, or leave unsent: the drain refuses it in bounded time and memory."""

import gzip
import socket
import zlib
from typing import Any

import pytest

from shuttle.local_drain import Behaviour, LocalDrain

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/logplex-1\r\nLogplex-Msg-Count: 1\r\n"
FRAME = b"11 <1>1 - - - -"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def connect(drain: LocalDrain) -> socket.socket:
    host, port = drain.url.split("/")[2].split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def ask(drain: LocalDrain, request: bytes) -> bytes:
    """Send `request` and return all that comes until the drain closes the connection."""
    with connect(drain) as client:
        client.sendall(request)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", b"both Transfer-Encoding and"),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", b"not chunked"),
        (HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", b"not chunked"),
        (HEAD + b"Transfer-Encoding: identity\r\n\r\n", b"not chunked"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", b"twice"),
        (CHUNKED + b"1;" + b"x" * 4094, b"a line of a chunked body has more"),
        (CHUNKED + b"1\r\nab\r\n", b"a chunk is longer than its size"),
        (CHUNKED + b"0\r\n" + b"A: b\r\n" * 101, b"more than 100 trailers"),
        (CHUNKED + b"0\r\n" + b"A" * 4096, b"a line of a chunked body has more"),
        (CHUNKED + b"1\na\r\n0\r\n\r\n", b"a line of a chunked body does not end with CRLF"),
        (CHUNKED + b"1;a=b\na\r\n0\r\n\r\n", b"a line of a chunked body does not end with CRLF"),
        (CHUNKED + b"1\r\na\n0\r\n\r\n", b"a line of a chunked body does not end with CRLF"),
        (CHUNKED + b"1\r\na\r\n0\n\r\n", b"a line of a chunked body does not end with CRLF"),
        (CHUNKED + b"1\r\na\r\n0\r\n\n", b"a line of a chunked body does not end with CRLF"),
        (CHUNKED + b"1\r\na\r\n0\r\nA: b\n\r\n", b"a line of a chunked body does not end with CRLF"),
        (CHUNKED + b"1;a\rb\r\na\r\n0\r\n\r\n", b"a line of a chunked body does not end with CRLF"),
        (HEAD + b"Transfer-Encoding : chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", b"a header is none"),
        (HEAD + b"Content-Length: 1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", b"a header is none"),
        (HEAD + b"Content-Length: 1\r\nno colon\r\n\r\n0\r\n\r\n", b"a header is none"),
        (HEAD.replace(b"Host", b" Host") + b"Content-Length: 1\r\n\r\n0\r\n\r\n", b"a header is none"),
        (HEAD + b"Content-Length: 1\r\n: x\r\n\r\n0\r\n\r\n", b"a header is none"),
    ],
)
def test_a_body_without_a_clear_end_is_answered_400(request_: bytes, reason: bytes) -> None:
    with LocalDrain() as drain:
        answer = ask(drain, request_)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert reason in answer
    assert answer.count(b"HTTP/1.1") == 1  # nothing behind it is taken for a request


def test_many_gzip_members_are_copied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = 0
    make = zlib.decompressobj

    class Member:
        def __init__(self, wbits: int) -> None:
            self._member = make(wbits)

        def decompress(self, data: bytes, limit: int) -> bytes:
            nonlocal copied
            plain = self._member.decompress(data, limit)
            copied += len(self._member.unused_data)
            return plain

        def __getattr__(self, name: str) -> Any:
            return getattr(self._member, name)

    monkeypatch.setattr(zlib, "decompressobj", Member)
    body = gzip.compress(b"") * 10_000
    with LocalDrain() as drain:
        request = HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        assert ask(drain, request + body).startswith(b"HTTP/1.1 400 ")
    assert copied < 2048 * 10_000 < len(body) * 10_000 / 2


@pytest.mark.parametrize(
    "start",
    [b"", b"POST / HT", HEAD, HEAD + b"Content-Length: 100\r\n\r\n", CHUNKED, CHUNKED + b"0\r\n"],
    ids=["idle", "request line", "head", "body", "chunk", "trailers"],
)
def test_a_client_that_stops_is_dropped(start: bytes) -> None:
    with LocalDrain(Behaviour(patience=0.05)) as drain, connect(drain) as client:
        client.sendall(start)
        assert client.recv(100) == b""
    assert "connection ended: nothing complete came in 0.05 s" in [exchange.reason for exchange in drain.exchanges]


def test_a_client_that_trickles_is_dropped() -> None:
    with LocalDrain(Behaviour(patience=0.1)) as drain, connect(drain) as client:
        client.sendall(CHUNKED)
        client.settimeout(0.01)
        with pytest.raises(ConnectionError):  # noqa: PT012 - as many bytes as it takes
            while True:
                client.sendall(b"1\r\nx\r\n")
                try:
                    if not client.recv(100):
                        raise ConnectionError
                except TimeoutError:
                    pass


def test_a_connection_more_than_allowed_is_closed() -> None:
    with LocalDrain(Behaviour(most_connections=1)) as drain, connect(drain) as first:
        first.sendall(HEAD + b"Content-Length: 1\r\n\r\n")
        assert drain.wait_for(requests=1)
        with connect(drain) as second:
            assert second.recv(100) == b""
    assert "connection closed: there are 1 already" in [exchange.reason for exchange in drain.exchanges]


def test_pipelined_requests_are_answered_in_turn() -> None:
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(FRAME)
    with LocalDrain() as drain:
        last = HEAD + b"Connection: close\r\nContent-Length: 0\r\n\r\n"
        answer = ask(drain, (request + FRAME) * 3 + last)
    assert answer.count(b"HTTP/1.1 ") == 4


@pytest.mark.parametrize(
    "header",
    [
        "Content-Length",
        "Transfer-Encoding",
        "Content-Encoding",
        "Content-Type",
        "Logplex-Msg-Count",
        "Logplex-Drop-Count",
        "Logplex-Lost-Count",
    ],
)
def test_a_long_header_is_not_quoted_whole(header: str) -> None:
    frame = b"14 <1>1 - - - - -"
    wanted = {
        "Host": "x",
        "Content-Type": "application/logplex-1",
        "Logplex-Msg-Count": "1",
        "Content-Length": str(len(frame)),
        "Connection": "close",
    }
    if header == "Transfer-Encoding":
        del wanted["Content-Length"]
    head = "".join(f"{name}: {value}\r\n" for name, value in (wanted | {header: "9z" * 2500}).items())
    with LocalDrain() as drain:
        answer = ask(drain, f"POST / HTTP/1.1\r\n{head}\r\n".encode() + frame)
        [exchange] = drain.exchanges
    assert header in exchange.reason
    assert "'9z9z" in exchange.reason
    assert len(exchange.reason) < 200
    assert len(answer) < 500
