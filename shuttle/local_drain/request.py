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
_LONGEST_QUOTED = 40  # characters of a header in a reason: enough to recognise it
_PIECE = 64 * 1024  # bytes read at once
_LONGEST_LINE = 4096  # bytes of a chunk's size with its extensions, or of a trailer
_MOST_TRAILERS = 100  # as many as http.server takes headers
_END = b"\r\n"
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;|\r\n)")
_NUMBER = re.compile(r"[0-9]{1,15}")
_GZIP_PIECE = 2048  # bytes unpacked at once
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
        BodyError: Where the body ends is not said, or said in two ways, or in a way that is not known here.
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
        raise RequestError(415, f"Content-Type is {_quote(headers.get('Content-Type'))} and not {_CONTENT_TYPE}")
    frames = _parse(_decode(headers, body, max_body))
    announced = headers.get("Logplex-Msg-Count")
    if announced != str(len(frames)):
        counts = f"Logplex-Msg-Count is {_quote(announced)}, frames {len(frames)}"
        raise RequestError(400, f"Message count mismatch: {counts}")
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
        raise RequestError(400, f"{name} is {_quote(value)} and not a number")
    return int(value)


def _quote(value: str | None) -> str:
    return repr(value if value is None or len(value) <= _LONGEST_QUOTED else f"{value[:_LONGEST_QUOTED]}...")


def _read_pieces(stream: BufferedIOBase, headers: Message) -> Iterator[bytes]:
    if headers.defects or headers.get_payload():  # the parser takes that and all behind it for no headers
        raise BodyError(400, "a header is none: a name, at once a colon, and a value")
    encoding = ", ".join(headers.get_all("Transfer-Encoding", []))
    lengths = headers.get_all("Content-Length", [])
    if encoding and lengths:
        raise BodyError(400, "both Transfer-Encoding and Content-Length are there")
    if encoding and encoding.strip().lower() != "chunked":
        raise BodyError(400, f"Transfer-Encoding is {_quote(encoding)} and not chunked")
    if encoding:
        yield from _read_chunks(stream)
    else:
        yield from _read_exactly(stream, _parse_length(lengths))


def _parse_length(lengths: list[str]) -> int:
    if len(set(lengths)) > 1:
        raise BodyError(400, "Content-Length is there twice, and different")
    length = lengths[0] if lengths else "0"
    if not _NUMBER.fullmatch(length):
        raise BodyError(400, f"Content-Length is {_quote(length)} and not a number")
    return int(length)


def _read_chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    while size := _read_chunk_size(stream):
        yield from _read_exactly(stream, size)
        if _read_line(stream) != _END:
            raise BodyError(400, "a chunk is longer than its size")
    for _ in range(_MOST_TRAILERS + 1):  # and an empty line
        if _read_line(stream) == _END:
            return
    raise BodyError(400, f"there are more than {_MOST_TRAILERS} trailers")


def _read_chunk_size(stream: BufferedIOBase) -> int:
    size = _CHUNK_SIZE.match(_read_line(stream))
    if size is None:
        raise BodyError(400, "a chunk's size is not a number")
    return int(size[1], 16)


def _read_line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
        raise BodyError(400, f"a line of a chunked body has more than {_LONGEST_LINE} bytes")
    if not line.endswith(b"\n"):
        raise ConnectionError("the client went away in the middle of its request")
    if not line.endswith(_END) or b"\r" in line[:-2]:  # another reader may see the end of a line elsewhere
        raise BodyError(400, "a line of a chunked body does not end with CRLF")
    return line


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
        raise RequestError(415, f"Content-Encoding is {_quote(encoding)} and neither gzip nor identity")
    if len(body) <= limit and encoding == "gzip":
        body = _gunzip(body, limit)
    if len(body) > limit:
        raise RequestError(413 if max_body else 500, f"the body has more than {limit} bytes")
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    """Return what `body` unpacks to, and no more than `limit` + 1 bytes of it."""
    plain = bytearray()
    member = zlib.decompressobj(_GZIP)
    try:
        # In small pieces: zlib copies what follows a member, and there may be a member in every twenty bytes.
        for start in range(0, len(body), _GZIP_PIECE):
            piece = body[start : start + _GZIP_PIECE]
            while piece and len(plain) <= limit:
                if member.eof:  # a gzip file is one member or several
                    member = zlib.decompressobj(_GZIP)
                plain += member.decompress(piece, limit + 1 - len(plain))
                piece = member.unused_data if member.eof else b""
    except zlib.error as error:
        raise RequestError(400, f"bad gzip: {error}") from None
    if not member.eof and len(plain) <= limit:
        raise RequestError(400, "bad gzip: it ends too early")
    return bytes(plain)


def _parse(body: bytes) -> list[bytes]:
    try:
        return parse_frames(body)
    except FrameError as error:
        raise RequestError(400, str(error)) from None
