"""A parser of answers without compiled code: h11 with the interface of httptools, for the single file.

Strategy: each answer gets its own h11.Connection, which believes that it sent a POST. What h11 refuses is refused
here too, so the connection reads the head as it does after llhttp's refusal. Of bytes after the end of an answer,
only the beginning is reported: nobody asked for them, and the connection is closed.
"""

import re
from typing import Protocol

import h11

_HEAD_MOST = 128 * 1024  # bytes; the connection's own limit is lower
_START = b"HTTP/1."
_STATUS = re.compile(rb"HTTP/1\.[0-9] [0-9]{3}")
_STATUS_LENGTH = 12  # bytes that it matches
_NO_BODY = (204, 304)  # RFC 9112, 6.3


class Listener(Protocol):
    """The events of an answer."""

    def on_message_begin(self) -> None:
        """Note that an answer begins."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""

    def on_headers_complete(self) -> None:
        """Take note of the status."""

    def on_body(self, content: bytes) -> None:
        """Take a part of the body."""

    def on_message_complete(self) -> None:
        """Note that the answer is whole."""


class RefusedError(Exception):
    """What came is no HTTP."""


class PlainParser:
    """Reads one answer after another, and calls the methods of `listener`."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._reader: h11.Connection | None = None
        self._start = b""  # of an answer
        self._status = 0
        self._keeps_alive = False

    def get_status_code(self) -> int:
        """Return the status of the answer."""
        return self._status

    def should_keep_alive(self) -> bool:
        """Return whether the connection can be used again behind this answer."""
        return self._keeps_alive

    def feed_data(self, data: bytes) -> None:
        """Parse what has come.

        Raises:
            RefusedError: It is not HTTP.
        """
        if self._reader is None:
            data = data.lstrip(b"\r\n")  # as llhttp does
            if not data:
                return
            self._reader = _begin()
            self._start = b""
            self._listener.on_message_begin()
        if len(self._start) < _STATUS_LENGTH:
            self._check_start(data)
        try:
            self._reader.receive_data(data)
            self._read(self._reader)
        except h11.RemoteProtocolError as error:
            raise RefusedError(str(error)) from None

    def _check_start(self, data: bytes) -> None:
        """Refuse at once what cannot become an answer: h11 would wait for the end of a head."""
        self._start = (self._start + data)[:_STATUS_LENGTH]
        whole = len(self._start) == _STATUS_LENGTH
        if not (_STATUS.match(self._start) if whole else self._start.startswith(_START[: len(self._start)])):
            raise RefusedError("there is no status")

    def _read(self, reader: h11.Connection) -> None:
        while True:
            match reader.next_event():
                case h11.InformationalResponse() | h11.Response() as response:
                    self._tell_head(response)
                case h11.Data(data=content):
                    self._listener.on_body(bytes(content))
                case h11.EndOfMessage():
                    self._listener.on_message_complete()
                    self._reader = None
                    if reader.trailing_data[0].strip(b"\r\n"):
                        self._listener.on_message_begin()
                    return
                case _:  # more has to come
                    return

    def _tell_head(self, response: h11.InformationalResponse | h11.Response) -> None:
        self._status = response.status_code
        named = dict(response.headers)
        options = {option.strip().lower() for option in named.get(b"connection", b"").split(b",")}
        lengths = {b"content-length", b"transfer-encoding"} & named.keys()
        framed = self._status in _NO_BODY or len(lengths) == 1  # two may contradict each other
        kept = b"close" not in options and (response.http_version >= b"1.1" or b"keep-alive" in options)
        self._keeps_alive = framed and kept
        for name, value in response.headers.raw_items():
            self._listener.on_header(name, value)
        self._listener.on_headers_complete()


def _begin() -> h11.Connection:
    """Return an h11 connection that has sent a POST. It asks for another protocol, so h11 reports such an answer."""
    reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_MOST)
    headers = [("Host", "drain"), ("Connection", "upgrade"), ("Upgrade", "any")]
    reader.send(h11.Request(method="POST", target="/", headers=headers))
    reader.send(h11.EndOfMessage())
    return reader
