"""Host names: which are valid, and which `no_proxy` excludes."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_MAPPED = 96  # bits before an IPv4 address that is mapped into IPv6 (RFC 4291, 2.5.5.2)
_LONGEST = 253  # characters (RFC 1035, 2.3.4, without the final dot)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")  # with _, which DNS takes and some drains have


def is_host(name: str) -> bool:
    """Return whether `name` is an address, or a name that DNS can look up. It is ASCII, and may end with a dot."""
    if is_address(name):
        return True
    name = name.removesuffix(".")
    return len(name) <= _LONGEST and all(map(_LABEL.fullmatch, name.split(".")))


def is_address(name: str) -> bool:
    """Return whether `name` is an IPv4 or IPv6 address, which may have a zone."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def unescape_zone(host: str) -> str:
    """Return the host of a URL as the system knows it: in a URL the % before a zone is %25 (RFC 6874, 2)."""
    return host.replace("%25", "%", 1)


def is_excluded(host: str, port: int, patterns: str) -> bool:
    """Return whether `patterns`, the value of `no_proxy`, exclude a host, as they do for Go and curl.

    They are separated by commas or spaces. Each is `*`, an address, a network (`10.0.0.0/8`), or a name, which stands
    for every name below it, too; a dot or `*.` before it makes no difference. A port may stand behind it. An IPv4
    address that is mapped into IPv6 (`::ffff:10.0.0.1`) is an IPv4 address.
    """
    host = host.lower().removesuffix(".")
    return any(_matches(host, port, pattern) for pattern in re.split(r"[\s,]+", patterns.lower()) if pattern)


def _matches(host: str, port: int, pattern: str) -> bool:
    if pattern == "*":
        return True
    if is_address(host) and "/" in pattern:
        try:
            return _parse_address(host) in _parse_network(pattern)
        except ValueError:
            return False
    name, wanted = _split_port(pattern)
    if wanted and wanted != str(port):
        return False
    if is_address(host) or is_address(name):
        return is_address(host) and is_address(name) and _parse_address(host) == _parse_address(name)
    name = name.removeprefix("*").removeprefix(".").removesuffix(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _parse_address(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text)
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _parse_network(text: str) -> IPv4Network | IPv6Network:
    network = ip_network(text, strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED and network.network_address.ipv4_mapped:
        return IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - _MAPPED))
    return network


def _split_port(pattern: str) -> tuple[str, str]:
    """Return the host and the port of a pattern; the port is empty if there is none."""
    if pattern.startswith("["):
        name, _, rest = pattern.removeprefix("[").partition("]")
        return name, rest.removeprefix(":")
    if is_address(pattern):
        return pattern, ""
    name, colon, port = pattern.rpartition(":")
    return (name, port) if colon else (pattern, "")
