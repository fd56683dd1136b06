"""Reads the head of an answer that llhttp refuses, as leniently as Go and curl do."""

import re
from typing import NamedTuple

INTERIM = 100  # statuses below it mean nothing
SWITCHING = 101
FINAL = 200  # statuses below it announce another answer (RFC 9110, 15.2)
_GOOD = range(200, 300)
END = re.compile(rb"\n\r?\n")  # of a head
_BEGINNING = b"HTTP/"
_STATUS_LINE = re.compile(rb"HTTP/[0-9](?:\.[0-9])?[ \t]+([1-9][0-9]{2})(?![0-9])([^\n]*)\n", re.IGNORECASE)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_LENGTH = re.compile(rb"[0-9]{1,15}")
_FRAMING = {b"connection", b"upgrade", b"content-length", b"transfer-encoding"}  # what says where an answer ends
_CONTROLS = bytes.maketrans(bytes((*range(32), 127)), b" " * 33)


class Head(NamedTuple):
    """A final status, its headers, and what came behind them."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    rest: bytes


def is_good(status: int) -> bool:
    """Return whether `status` says that the request was taken."""
    return status in _GOOD


def read_head(data: bytearray, *, over: bool) -> Head | None:
    """Return the first final head in `data`; None if more of it has to come, or no more comes (`over`).

    Lines end with LF or CR LF. Interim heads (1xx) are dropped from `data`, so that each is read once. What is no
    header is left out. If no more comes, a whole status line is enough.

    Raises:
        ValueError: It is not HTTP, or the answer changes to another protocol.
    """
    while True:
        del data[: len(data) - len(data.lstrip(b"\r\n"))]
        if not data:
            return None
        found = _STATUS_LINE.match(data)
        if not found:
            if b"\n" in data or not _BEGINNING.startswith(bytes(data[: len(_BEGINNING)]).upper()):
                raise ValueError("there is no status")
            return None
        end = END.search(data, found.end() - 1)
        status = int(found[1])
        if status == SWITCHING:
            raise ValueError("what follows is another protocol")
        if status >= FINAL and (end or over):
            return Head(
                status,
                bytes(found[2]).strip(),
                _read_headers(bytes(data[found.end() : end.start() if end else len(data)])),
                bytes(data[end.end() :]) if end else b"",
            )
        if end is None:
            return None
        del data[: end.end()]


def _read_headers(data: bytes) -> list[tuple[bytes, bytes]]:
    headers = []
    for line in data.splitlines():
        name, colon, value = line.partition(b":")
        if colon and _NAME.fullmatch(name := name.rstrip()):  # and not the second line of a folded header
            headers.append((name, value.translate(_CONTROLS).strip()))
    return headers


def write_head(head: Head) -> bytes:
    """Return `head` as llhttp accepts it. The connection ends with the answer."""
    values: dict[bytes, list[bytes]] = {name: [] for name in _FRAMING}
    lines = [b"HTTP/1.1 %d" % head.status]
    for name, value in head.headers:
        if name.lower() in _FRAMING:
            values[name.lower()] += [part.strip() for part in value.split(b",")]
        else:
            lines.append(b"%b: %b" % (name, value))
    codings, lengths = values[b"transfer-encoding"], set(values[b"content-length"])
    if codings and codings[-1].lower() == b"chunked":
        lines.append(b"Transfer-Encoding: chunked")  # it decides, if there is a length too (RFC 9112, 6.3)
    elif not codings and len(lengths) == 1 and _LENGTH.fullmatch(length := lengths.pop()):
        lines.append(b"Content-Length: " + length)
    lines.append(b"Connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n"
