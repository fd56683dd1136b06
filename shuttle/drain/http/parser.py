"""The parser of answers: llhttp, or h11 where httptools is not installed, as in the single file."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from shuttle.drain.http.plain_parser import Listener


class AnswerParser(Protocol):
    """Reads answers, and tells a listener what it finds."""

    def feed_data(self, data: bytes) -> None:
        """Parse what has come, or raise one of REFUSALS."""

    def get_status_code(self) -> int:
        """Return the status of the answer."""

    def should_keep_alive(self) -> bool:
        """Return whether the connection can be used again behind this answer."""


Parser: "Callable[[Listener], AnswerParser]"
REFUSALS: tuple[type[Exception], ...]
try:
    from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
except ImportError:  # h11 does the work, and takes longer, at the start too
    from shuttle.drain.http.plain_parser import PlainParser, RefusedError

    Parser, REFUSALS = PlainParser, (RefusedError,)
else:
    Parser, REFUSALS = HttpResponseParser, (HttpParserError, HttpParserUpgrade)  # two bases; the second: status 101
