"""The head of an answer, read as forgivingly as Go and curl read it. For answers that llhttp refuses."""

import re
from typing import NamedTuple

SWITCHING = 101
FINAL = 200  # statuses below it announce another answer (RFC 9110, 15.2)
_BEGINNING = b"HTTP/"
_STATUS_LINE = re.compile(rb"HTTP/[0-9](?:\.[0-9])?[ \t]+([1-9][0-9]{2})(?![0-9])[^\n]*\n", re.IGNORECASE)
_END = re.compile(rb"\n\r?\n")


class Head(NamedTuple):
    """A final status and its headers."""

    status: int
    headers: list[tuple[bytes, bytes]]


def read_head(data: bytes, *, over: bool) -> Head | None:
    """Return the first final head in `data`; None if more of it has to come, or no more comes (`over`).

    Lines end with LF or CR LF. Interim heads (1xx) are passed over. What is no header is left out. If no more comes, a
    whole status line is enough.

    Raises:
        ValueError: It is not HTTP, or the answer changes to another protocol.
    """
    while data := data.lstrip(b"\r\n"):
        found = _STATUS_LINE.match(data)
        if not found:
            if b"\n" in data or not _BEGINNING.startswith(data[: len(_BEGINNING)].upper()):
                raise ValueError("there is no status")
            return None
        end = _END.search(data, found.end() - 1)
        status = int(found[1])
        if status == SWITCHING:
            raise ValueError("what follows is another protocol")
        if status >= FINAL and (end or over):
            lines = data[found.end() : end.start() if end else len(data)].splitlines()
            pairs = [line.partition(b":") for line in lines]
            return Head(status, [(name.strip(), value.strip()) for name, colon, value in pairs if colon])
        if end is None:
            return None
        data = data[end.end() :]
    return None
