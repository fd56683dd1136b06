"""The parser of answers: llhttp, or h11 where httptools is not installed, as in the single file."""

from collections.abc import Callable
from typing import Protocol

from shuttle.drain.http.plain_parser import Listener, PlainParser, RefusedError


class AnswerParser(Protocol):
    """Reads answers, and tells a listener what it finds."""

    def feed_data(self, data: bytes) -> None:
        """Parse what has come, or raise one of REFUSALS."""

    def get_status_code(self) -> int:
        """Return the status of the answer."""

    def should_keep_alive(self) -> bool:
        """Return whether the connection can be used again behind this answer."""


Parser: Callable[[Listener], AnswerParser] = PlainParser
REFUSALS: tuple[type[Exception], ...] = (RefusedError,)
try:
    from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
except ImportError:  # h11 does the work, and takes longer
    pass
else:
    Parser = HttpResponseParser
    REFUSALS = (HttpParserError, HttpParserUpgrade)  # two bases; the second: status 101
