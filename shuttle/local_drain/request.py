"""What comes before a drain takes frames: a request's body is read, bounded, and checked as logplex does."""

import re
import zlib
from collections.abc import Iterator
from email.message import Message
from io import BufferedIOBase

from shuttle.local_drain.syslog import FrameError, parse_frames

BODY_LIMIT = 8_000_000  # bytes; logplex answers 500 to a body over about that
NO_ANSWER = 0  # in place of a status: the connection ends instead
_CONTENT_TYPE = "application/logplex-1"
_PIECE = 64 * 1024  # bytes read at once
_LONGEST_LINE = 4096  # bytes of a chunk's size with its extensions, or of a trailer
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;|\r?\n)")
_NUMBER = re.compile(r"[0-9]{1,15}")
_GZIP = 31  # zlib's wbits for a gzip header and trailer round the largest window


class RequestError(Exception):
    """A request that the drain does not accept: the status to answer, and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class BodyError(RequestError):
    """A body whose end cannot be found, so that the connection cannot be used again."""


def read_body(stream: BufferedIOBase, headers: Message, limit: int) -> bytes:
    """Read a request's body to its end and return the first `limit` + 1 bytes of it.

    What is longer is read all the same: a client that is still sending does not see an answer.

    Raises:
        BodyError: Content-Length or a chunk's size is no number.
        ConnectionError: The client went away before the end.
    """
    body = bytearray()
    for piece in _read_pieces(stream, headers):
        body += piece[: limit + 1 - len(body)]
    return bytes(body)


def check_request(headers: Message, body: bytes, *, authorizations: frozenset[str], max_body: int) -> list[bytes]:
    """Return the frames of an acceptable request.

    Args:
        headers: The request's headers.
        body: The body as it was sent, at least the first byte over the limit included.
        authorizations: The accepted values of the Authorization header; any is, if there are none.
        max_body: The most bytes of a body, before and after gzip, that 413 is not the answer to; 0 is logplex's
            own limit, over which it answers 500.

    Raises:
        RequestError: The request is not acceptable.
    """
    if authorizations and headers.get("Authorization") not in authorizations:
        raise RequestError(401, "wrong credentials" if "Authorization" in headers else "no credentials")
    if headers.get("Content-Type") != _CONTENT_TYPE:
        raise RequestError(415, f"Content-Type is {headers.get('Content-Type')!r} and not {_CONTENT_TYPE}")
    frames = _parse(_decode(headers, body, max_body))
    announced = headers.get("Logplex-Msg-Count")
    if announced != str(len(frames)):
        raise RequestError(400, f"Message count mismatch: Logplex-Msg-Count is {announced!r}, frames {len(frames)}")
    for name in ("Logplex-Drop-Count", "Logplex-Lost-Count"):
        read_count(headers, name)
    return frames


def read_count(headers: Message, name: str) -> int:
    """Return the number in the header `name`, 0 if it is absent.

    Raises:
        RequestError: It is no number.
    """
    value = headers.get(name, "0")
    if not _NUMBER.fullmatch(value):
        raise RequestError(400, f"{name} is {value!r} and not a number")
    return int(value)


def _read_pieces(stream: BufferedIOBase, headers: Message) -> Iterator[bytes]:
    if headers.get("Transfer-Encoding", "").lower() != "chunked":
        length = headers.get("Content-Length", "0")
        if not _NUMBER.fullmatch(length):
            raise BodyError(400, f"Content-Length is {length!r} and not a number")
        yield from _read_exactly(stream, int(length))
        return
    while size := _read_chunk_size(stream):
        yield from _read_exactly(stream, size)
        stream.readline(_LONGEST_LINE)
    while stream.readline(_LONGEST_LINE).strip():  # trailers, up to an empty line
        pass


def _read_chunk_size(stream: BufferedIOBase) -> int:
    line = stream.readline(_LONGEST_LINE)
    if not line:
        raise ConnectionError("the client went away in the middle of its request")
    size = _CHUNK_SIZE.match(line)
    if size is None:
        raise BodyError(400, "a chunk's size is not a number")
    return int(size[1], 16)


def _read_exactly(stream: BufferedIOBase, size: int) -> Iterator[bytes]:
    while size > 0:
        piece = stream.read(min(size, _PIECE))
        if not piece:
            raise ConnectionError("the client went away in the middle of its request")
        size -= len(piece)
        yield piece


def _decode(headers: Message, body: bytes, max_body: int) -> bytes:
    limit = max_body or BODY_LIMIT
    encoding = headers.get("Content-Encoding", "identity")
    if encoding not in ("identity", "gzip"):
        raise RequestError(415, f"Content-Encoding is {encoding!r} and neither gzip nor identity")
    if len(body) <= limit and encoding == "gzip":
        body = _gunzip(body, limit)
    if len(body) > limit:
        raise RequestError(413 if max_body else 500, f"the body has more than {limit} bytes")
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    """Return what `body` unpacks to, and no more than `limit` + 1 bytes of it."""
    plain = bytearray()
    try:
        while body and len(plain) <= limit:  # a gzip file is one member or several
            member = zlib.decompressobj(_GZIP)
            plain += member.decompress(body, limit + 1 - len(plain))
            if not member.eof and len(plain) <= limit:
                raise RequestError(400, "bad gzip: it ends too early")
            body = member.unused_data
    except zlib.error as error:
        raise RequestError(400, f"bad gzip: {error}") from None
    return bytes(plain)


def _parse(body: bytes) -> list[bytes]:
    try:
        return parse_frames(body)
    except FrameError as error:
        raise RequestError(400, str(error)) from None
