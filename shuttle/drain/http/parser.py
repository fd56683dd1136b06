"""The parser of answers: llhttp, or h11 where httptools is not installed, as in the single file."""

from shuttle.drain.http.plain_parser import PlainParser, RefusedError

try:
    from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
except ImportError:
    Parser = PlainParser
    REFUSALS: tuple[type[Exception], ...] = (RefusedError,)
else:
    Parser = HttpResponseParser
    REFUSALS = (RefusedError, HttpParserError, HttpParserUpgrade)  # the last one: status 101
