"""Explains why there was no answer, in words that a user can act on."""

import socket
import ssl

import httpx

_CERTIFICATE = "-ca-file names the authority to trust; -skip-verify trusts anyone"
_SCHEME = "check whether -logs-url is http: or https:, and its port"
_NEVER_WORKED = f"if it never worked, {_SCHEME}"  # a port that speaks TLS may say nothing, or hang up
_ADDRESS = "check host and port of -logs-url, and that the drain is running"


def describe(error: BaseException) -> tuple[str, str]:  # noqa: PLR0911  # a table, as a match
    """Return what `error` means, and what the user can do about it, if that is known."""
    chain = [error]
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)
    for cause in chain:
        match cause:
            case ssl.SSLCertVerificationError():
                return f"the drain's certificate is not trusted: {cause.verify_message}", _CERTIFICATE
            case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "RECORD_LAYER_FAILURE" | "HTTP_REQUEST"):
                return "the drain does not speak TLS there", _SCHEME
            case ssl.SSLError():
                return f"TLS failed: {cause.reason or cause}", "check -client-cert and -client-key"
            case socket.gaierror():
                return f"the drain's host name is not known: {cause.strerror}", "check the host of -logs-url"
            case ConnectionRefusedError():
                return "connection refused", _ADDRESS
            case ConnectionResetError() | BrokenPipeError():
                return "connection reset by the drain", _NEVER_WORKED
            case OSError(errno=number) if number is not None:
                return cause.strerror or str(cause), _ADDRESS
    return str(error) or type(error).__name__, _NEVER_WORKED if isinstance(error, httpx.RemoteProtocolError) else ""
