"""The address of `-stats-addr`, and which names a request may call it by."""

import ipaddress
import re
from typing import NamedTuple

LOOPBACK = "127.0.0.1"
_ADDRESS = r"(?:(?:\[(?P<ipv6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<host>[A-Za-z0-9._-]*)):)?(?P<port>[0-9]{1,5})"
_HOST = r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?"
_HIGHEST_PORT = 65535


class StatsAddress(NamedTuple):
    """Where to listen."""

    host: str
    port: int
    """0: any that is free."""


def parse_stats_address(text: str) -> StatsAddress | None:
    """Return the address that `text` is, this machine's own where it names no host; None if it is none."""
    match = re.fullmatch(_ADDRESS, text, re.ASCII)
    if not match or int(match["port"]) > _HIGHEST_PORT:
        return None
    return StatsAddress(match["ipv6"] or match["host"] or LOOPBACK, int(match["port"]))


def may_be_called(host: str, names: frozenset[str]) -> bool:
    """Return whether a request with the header `Host: host` is meant for this server: for an IP address or `names`.

    A page from elsewhere can have its own name lead here (DNS rebinding), and would then read what is served. It cannot
    have an IP address or a name of ours in its own address.
    """
    match = re.fullmatch(_HOST, host, re.ASCII)
    if not match:
        return False
    name = (match["ipv6"] or match["host"]).lower().removesuffix(".")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in names
    return True
