"""The TLS settings: which certificates of the drain are trusted, and which one the client presents."""

import os
import ssl
from pathlib import Path

import certifi

from shuttle.config import Config
from shuttle.errors import ConfigError, quote


def load_tls(config: Config) -> ssl.SSLContext | None:
    """Return the TLS settings for an https drain, None for an http one.

    The drain's certificate must be signed by one of the system's authorities, or by one of `-ca-file` if that is given.
    Where the system has no authorities, as in a slim image, Mozilla's are used. SSL_CERT_FILE and SSL_CERT_DIR are
    obeyed.

    Raises:
        ConfigError: A file cannot be read or used. The text names its flag.
    """
    if config.endpoint.url.scheme != "https":
        return None
    for flag, path in (
        ("-ca-file", config.ca_file),
        ("-client-cert", config.client_cert),
        ("-client-key", config.client_key),
    ):
        if path and not _is_readable(path):
            raise ConfigError(f"{flag} {quote(str(path))}: must be a file that can be read")
    if config.ca_file:
        try:
            context = ssl.create_default_context(cafile=config.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(f"-ca-file {str(config.ca_file)!r}: must hold certificates in PEM ({error})") from None
    else:
        context = ssl.create_default_context(cafile=None if _has_authorities() else certifi.where())
    if config.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.client_cert:
        try:
            # the empty password: a key that needs one must fail and not ask at a terminal
            context.load_cert_chain(config.client_cert, config.client_key, password="")
        except OSError as error:
            files = f"-client-cert {str(config.client_cert)!r}"
            if config.client_key:
                files += f" -client-key {str(config.client_key)!r}"
            raise ConfigError(
                f"{files}: must hold a certificate and its key in PEM, without a password ({error})"
            ) from None
    return context


def _is_readable(path: Path) -> bool:
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except OSError:  # its directory is closed to us, or its name too long
        return False


def _has_authorities() -> bool:
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return True
    return bool(paths.capath) and any(os.scandir(paths.capath))
