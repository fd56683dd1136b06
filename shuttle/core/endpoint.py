"""The drain's address: splits a URL into the request's URL, the credentials, and a text that may be shown."""

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import httpx

from shuttle.core.host_name import is_address, is_host, unescape_zone
from shuttle.errors import ConfigError

if TYPE_CHECKING:
    from shuttle.core.aws_stream import Destination

SCHEMES = ("http", "https")
HIGHEST_PORT = 65_535
_AMAZON = ("amazonaws.", "api.aws")  # one of these is part of the name of each host of Amazon's
_UNSAFE = r"[\x00-\x20\x7f]"
_ACCEPTED = (
    "must be http://[user:password@]host[:port]/path or https://... (the value is not shown: it may hold a password)"
)

_HINT = "percent-encode reserved characters in a password: / is %2F, @ is %40, # is %23"


class _OddNameError(ConfigError):
    """A label of the host is no name in any language (IDNA, RFC 5891)."""

    def __init__(self) -> None:
        super().__init__(f"-logs-url has a host that is not a valid international name; it {_ACCEPTED}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Where and as whom batches are posted.

    The repr shows neither `url` nor `authorization`: some providers put the token into the URL's path or query.
    """

    url: httpx.URL = field(repr=False)
    """What is requested: without userinfo and fragment, its path never empty."""
    authorization: str = field(repr=False)
    """The value of the Authorization header."""
    shown: str
    """Scheme, host and port: all of the URL that logs may hold."""
    aws: "Destination | None" = None
    """The stream, of a drain that is one of Amazon's."""


def parse_endpoint(url: str, *, bearer_token: str = "", appname: str = "token", aws_endpoint: str = "") -> Endpoint:
    """Split `url`. A bearer token wins over userinfo, and userinfo over Basic `token:<appname>`.

    If `aws_endpoint` is given, an AWS stream is reached there.

    Raises:
        ConfigError: The URL cannot be used. The text shows nothing of it but its host.
    """
    if not url:
        raise ConfigError(
            "no drain: give -logs-url https://drain.example/logs, or set LOGS_URL=https://token:password@drain.example/logs"
        )
    if re.search(_UNSAFE, url):
        raise ConfigError(f"-logs-url has a space or a control character in it; it {_ACCEPTED}")
    if re.search(r"%(?![0-9A-Fa-f]{2})", url):
        raise ConfigError(f"-logs-url has a % without two hex digits after it (write % as %25); it {_ACCEPTED}")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        if "IDNA" in str(error):
            raise _OddNameError from None
        raise ConfigError(f"-logs-url cannot be parsed ({_HINT}); it {_ACCEPTED}") from None
    try:
        host = parsed.host.removesuffix(".")
    except UnicodeError:
        raise _OddNameError from None
    behind = b"@" in parsed.raw_path or "@" in parsed.fragment
    certain = is_address(host) or host == "localhost" or ("." in host and parsed.port is None)
    if behind and not certain:
        # A password's / ? or # would end what looks like a host and its port; these would be shown, and be sent to.
        raise ConfigError(f"-logs-url has a / ? # or @ before an @ ({_HINT}); it {_ACCEPTED}")
    _check_server(parsed)
    if destination := _find_stream(parsed):
        clean = (
            _read_aws_endpoint(aws_endpoint)
            if aws_endpoint
            else httpx.URL(f"{parsed.scheme}://{parsed.netloc.decode('ascii')}/")
        )
        return Endpoint(url=clean, authorization="", shown=_show(clean), aws=destination)
    clean = parsed.copy_with(userinfo=b"", fragment=None)
    return Endpoint(url=clean, authorization=_authorize(parsed.userinfo, bearer_token, appname), shown=_show(clean))


def may_be_amazon(host: str) -> bool:
    """Return whether `core/aws_stream.py` is needed to tell whose host this is. It takes time to load."""
    return any(name in host.lower() for name in _AMAZON)


def _check_server(url: httpx.URL) -> None:
    """Refuse a URL to which no request can be sent."""
    if url.scheme not in SCHEMES:
        raise ConfigError(f"-logs-url has no http or https scheme; it {_ACCEPTED}")
    if not url.host:
        raise ConfigError(f"-logs-url names no host; it {_ACCEPTED}")
    if not is_host(unescape_zone(url.raw_host.decode("ascii"))):
        raise ConfigError(
            f"-logs-url has a host with an empty, overlong or odd label (is a variable unset?); it {_ACCEPTED}"
        )
    if url.port is not None and not 1 <= url.port <= HIGHEST_PORT:
        # The port is not shown either: if the host is missing, the password is in its place.
        raise ConfigError(f"-logs-url has a port that is not from 1 to {HIGHEST_PORT}; it {_ACCEPTED}")


def _find_stream(url: httpx.URL) -> "Destination | None":
    """Return the stream that `url` names; None if its host is none of Amazon's."""
    if not may_be_amazon(url.host):
        return None
    from shuttle.core.aws_stream import read_destination, read_host  # noqa: PLC0415  # start-up: few need it

    service = read_host(url.host)
    return read_destination(url, service) if service else None


def _show(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _read_aws_endpoint(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError):
        url = httpx.URL()
    named = bool(url.raw_host) and is_host(unescape_zone(url.raw_host.decode("ascii")))
    if url.scheme not in SCHEMES or not named or url.userinfo or re.search(_UNSAFE, text):
        raise ConfigError("-aws-endpoint (not shown): must be http://host[:port] or https://host[:port]")
    return url.copy_with(path=url.path or "/", query=None, fragment=None)


def _authorize(userinfo: bytes, bearer_token: str, appname: str) -> str:
    if bearer_token:
        return f"Bearer {bearer_token}"
    return encode_userinfo(userinfo) if userinfo else _encode_basic(f"token:{appname}".encode("ascii"))


def encode_userinfo(userinfo: bytes) -> str:
    """Return the Authorization header for the percent-encoded userinfo of a URL."""
    user, _, password = userinfo.partition(b":")
    return _encode_basic(unquote_to_bytes(user) + b":" + unquote_to_bytes(password))


def _encode_basic(credentials: bytes) -> str:
    return "Basic " + base64.b64encode(credentials).decode("ascii")
