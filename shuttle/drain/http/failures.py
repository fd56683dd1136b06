"""Explains why there was no answer, and what the user can do."""

import re
import socket
import ssl
from http import HTTPStatus

import httpx

SHOWN = 200  # bytes of a refusal that logs show
_DENIED = str(HTTPStatus.PROXY_AUTHENTICATION_REQUIRED.value)
_CERTIFICATE = "name the authority to trust with -ca-file; -skip-verify trusts anyone"
_TIMES = "check the dates of the drain's certificate, and the clock of this machine"
_NAMES = "check the host of -logs-url: the drain's certificate must name it"
_CERTIFICATES = {9: _TIMES, 10: _TIMES, 62: _NAMES, 64: _NAMES}  # X509_V_ERR_ in openssl/x509_vfy.h
_SCHEME = "check whether -logs-url is http: or https:, and its port"
_NEVER_WORKED = f"if it never worked, {_SCHEME}"  # a port that speaks TLS may say nothing, or hang up
_ADDRESS = "check host and port of -logs-url, and that the drain is running"
UNREACHED = "check host and port of -logs-url, and the proxy if there is one; a slow link may need a longer -timeout"
_PROXY = "check host and port of the proxy (http_proxy, https_proxy or all_proxy), and that it is running"
_EARLY = "the drain must read the whole request before it answers 2xx; what it does not read is lost"
_RULES = "check what the proxy allows, and host and port of -logs-url"


class RefusalError(httpx.ProxyError):
    """The proxy refused a tunnel to the drain."""


class DenialError(RefusalError):
    """It did so because it wants credentials."""


class EarlyError(httpx.RemoteProtocolError):
    """The drain took a request before it had all of it."""

    def __init__(self) -> None:
        super().__init__("the drain answered before it had the whole request")


def make_refusal(words: str) -> RefusalError:
    """Return the error of a proxy that refused a tunnel in these words; the status stands before them."""
    kind = DenialError if words.startswith(_DENIED) else RefusalError
    return kind(f"the proxy refused: {words[:SHOWN].rstrip()}")


def describe(error: BaseException) -> tuple[str, str]:  # noqa: PLR0911  # a table, as a match
    """Return what `error` means, and what the user can do about it, if that is known.

    An httpx.ProxyError tells of the way to the proxy, or of what the proxy said.
    """
    chain = _trace(error)
    if any(isinstance(cause, httpx.ProxyError) for cause in chain):
        return _describe_proxy(chain)
    for cause in chain:
        match cause:
            case ssl.SSLCertVerificationError():
                advice = _CERTIFICATES.get(cause.verify_code, _CERTIFICATE)
                return f"the drain's certificate is not trusted: {cause.verify_message}", advice
            case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "RECORD_LAYER_FAILURE" | "HTTP_REQUEST"):
                return "the drain does not speak TLS on this port", _SCHEME
            case ssl.SSLError():
                return f"TLS failed: {cause.reason or cause}", _advise_on_tls(cause.reason or "")
            case socket.gaierror():
                return f"the drain's host name is not known: {cause.strerror}", "check the host of -logs-url"
            case ConnectionRefusedError():
                return "connection refused", _ADDRESS
            case ConnectionResetError() | BrokenPipeError():
                return "connection reset", _NEVER_WORKED  # by the drain, a proxy, or what is between them
            case OSError(errno=number) if number is not None:
                return cause.strerror or str(cause), _ADDRESS
    return str(error) or type(error).__name__, _advise(error)


def _advise_on_tls(reason: str) -> str:
    """Return what the user can do about a failure of TLS; the drain's alerts tell of the client's certificate."""
    if re.search("PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|WRONG_SSL_VERSION", reason):
        return "the drain must speak TLS 1.2 or later"
    if re.search("ALERT.*(CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED|DECRYPT)", reason):
        return "check -client-cert and -client-key"
    return _NEVER_WORKED if "EOF" in reason else ""


def _advise(error: BaseException) -> str:
    match error:
        case EarlyError():
            return _EARLY
        case httpx.RemoteProtocolError():
            return _NEVER_WORKED
    return ""


def is_unreachable(error: BaseException) -> bool:
    """Return whether `error` means that there is no TCP connection. A reset may come later, from behind a proxy."""
    later = (ssl.SSLError, ConnectionResetError, BrokenPipeError)
    return any(isinstance(cause, OSError) and not isinstance(cause, later) for cause in _trace(error))


def _trace(error: BaseException) -> list[BaseException]:
    """Return `error` and its chain of causes; of several causes, the first."""
    chain = [error]
    while cause := _find_cause(chain[-1]):
        chain.append(cause)
    return chain


def _find_cause(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):  # one for each address of a host
        return error.exceptions[0]
    return error.__cause__ or error.__context__


def _describe_proxy(chain: list[BaseException]) -> tuple[str, str]:
    for cause in chain:
        match cause:
            case RefusalError():
                return str(cause), _RULES
            case socket.gaierror():
                return f"the proxy's host name is not known: {cause.strerror}", _PROXY
            case ConnectionRefusedError():
                return "connection refused by the proxy", _PROXY
            case ConnectionResetError() | BrokenPipeError():
                return "connection reset by the proxy", _PROXY
            case OSError(errno=number) if number is not None:
                return f"no connection to the proxy: {cause.strerror or cause}", _PROXY
    return str(chain[0]), _PROXY
