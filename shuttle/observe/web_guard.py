"""What guards a page on this machine: a browser runs the scripts of others, and they can reach it.

A site may give its own name the address 127.0.0.1, and would then read the page as its own: so the Host header must
have a name of this machine. Another site may load from the page: so a request must not come from there.
"""

import re
from collections.abc import Mapping

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::[0-9]{1,5})?")  # a name or an address, and perhaps a port

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"  # no text becomes HTML, whatever the page's scripts do
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""The headers of every answer to a browser. Scripts and styles are files of their own."""


def is_for_here(host: str | None, bound: str) -> bool:
    """Return whether a Host header names this machine: by a name of its loopback, or the address that it listens on.

    Any port will do: a tunnel may begin at another.
    """
    found = _HOST.fullmatch(host or "")
    return found is not None and found[1].lower() in LOOPBACK | {bound.lower()}


def is_from_elsewhere(site: str | None, mode: str | None) -> bool:
    """Return whether another site has made the request, and not a person who follows a link.

    Args:
        site: The Sec-Fetch-Site header. Who sends none is no browser, or an old one.
        mode: The Sec-Fetch-Mode header.
    """
    return site not in (None, "same-origin", "none") and mode != "navigate"
