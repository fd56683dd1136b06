"""An answer to a request, with the headers that keep other sites out."""

from typing import NamedTuple

from shuttle.observe import web_guard

HEADERS = (("Connection", "close"), *web_guard.HEADERS.items())
"""Of each answer: one for each connection, and what guards a page."""

TEXT = "text/plain; charset=utf-8"


class WebAnswer(NamedTuple):
    """What a client gets."""

    status: int
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()
    """Beside those of each answer."""


def refuse(status: int, reason: str) -> WebAnswer:
    """Return an answer that says in one line what is wrong."""
    return WebAnswer(status, f"{reason}\n".encode())
