"""An answer to a request, with the headers that keep other sites out."""

from typing import NamedTuple

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("Connection", "close"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Content-Security-Policy", _POLICY),
)
"""Of each answer. The page loads nothing from elsewhere, runs no script of anybody else's, and is in no frame."""

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
