"""Secrets: which ones a setting holds, and the plain forms in which each may appear."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from shuttle.core.reading import encode, repair_data
from shuttle.core.runs import RUN, SHORTEST

_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+"
_ODD = r"[^\x20-\x7e]"
_SUBSTITUTES = ("?", "\ufffd")


def find_secrets(value: str, *, in_path: bool = True) -> Iterator[str]:
    """Yield the secrets in a setting: a whole token, or a URL's user, password and tokens.

    A part of the path is a token if it has as many characters as a run has bytes, unless `in_path` says that none is;
    so is each value of the query.
    """
    _, separator, rest = value.partition("://")
    if not separator:
        yield value
        return
    userinfo, _, location = rest.rpartition("@")
    location, _, fragment = location.partition("#")
    user, _, password = userinfo.partition(":")
    yield from map(_unquote, (user, password))
    if len(password) < SHORTEST:
        yield _unquote(userinfo)
    if not in_path:
        return
    path, _, query = location.partition("?")
    yield from (part for part in map(_unquote, path.split("/")[1:]) if len(part) >= RUN)
    for name, equals, text in (pair.partition("=") for pair in query.split("&")):
        yield _unquote(text if equals else name)
    yield _unquote(fragment)


def find_forms(secret: str) -> Iterator[bytes]:
    """Yield `secret` in UTF-8: as it is, decoded, line by line, as Latin-1, and with others for its odd characters."""
    texts = {secret, _unquote(secret), *re.split(_CONTROL, secret)}
    if not secret.isascii():
        latin = encode(secret).decode("latin-1")
        shown = {re.sub(_ODD, substitute, text) for substitute in _SUBSTITUTES for text in (secret, latin)}
        texts |= {latin} | {text for text in shown if len(re.sub(r"[?\ufffd]", "", text)) >= SHORTEST}
        yield repair_data(b"".join(_encode_shortly(char) for char in secret))
    yield from map(repair_data, map(encode, texts))


def _encode_shortly(char: str) -> bytes:
    """Return the byte of Latin-1, as Python and JavaScript escape it, or UTF-8."""
    try:
        return char.encode("latin-1")
    except UnicodeEncodeError:
        return encode(char)


def _unquote(text: str) -> str:
    return unquote_to_bytes(encode(text)).decode("utf-8", "surrogateescape")
