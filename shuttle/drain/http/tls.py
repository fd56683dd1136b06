"""The TLS settings: which certificates of the drain are trusted, and which one the client presents."""

import ssl
from pathlib import Path

import certifi

from shuttle.config import Config
from shuttle.drain.http.authorities import check_authorities, has_authorities, is_readable, warn_of_authorities
from shuttle.errors import ConfigError, quote
from shuttle.observe.log import Logger


class Tls:
    """The settings for new connections. A client certificate that was replaced is read again.

    Raises:
        ConfigError: A file cannot be read or used. The text names its flag.
    """

    def __init__(self, config: Config, log: Logger) -> None:
        self._config = config
        self._log = log
        self._files = [path for path in (config.client_cert, config.client_key) if path]
        self._read = self._look()
        self._context = _make_context(config)
        if not config.ca_file:
            warn_of_authorities(log)
        if config.skip_verify:
            log.warning(
                "tls.unverified", advice="anyone can pretend to be the drain; name the authority to trust with -ca-file"
            )

    @property
    def context(self) -> ssl.SSLContext:
        """The settings from the current files. While these cannot be used, the previous settings stay."""
        if self._files and (found := self._look()) != self._read:
            self._read = found
            try:
                self._context = _make_context(self._config)
            except ConfigError as error:
                self._log.warning("tls.unchanged", error=str(error), advice="the previous certificate stays in use")
            else:
                self._log.info("tls.changed", file=self._files[0])
        return self._context

    def _look(self) -> list[tuple[int, int, int] | None]:
        """Return a value that changes when the files of the client's certificate do."""
        return [_identify(path) for path in self._files]


def load_tls(config: Config, log: Logger) -> Tls | None:
    """Return the TLS settings for an https drain, None for an http one.

    The drain's certificate must be signed by one of the system's authorities, or by one of `-ca-file` if that is given.
    Where the system has no authorities, as in a slim image, Mozilla's are used. SSL_CERT_FILE and SSL_CERT_DIR are
    obeyed.

    Raises:
        ConfigError: A file cannot be read or used. The text names its flag.
    """
    return Tls(config, log) if config.endpoint.url.scheme == "https" else None


def _make_context(config: Config) -> ssl.SSLContext:
    for flag, path in (
        ("-ca-file", config.ca_file),
        ("-client-cert", config.client_cert),
        ("-client-key", config.client_key),
    ):
        if path and not is_readable(path):
            raise ConfigError(f"{flag} {quote(str(path))}: must be a file that can be read")
    context = _trust(config)
    # The same on every Python: 3.13 began to refuse authorities without key usage, and to take an intermediate one.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False  # a certificate names its hosts as SANs (RFC 9110, 4.3.4)
    if config.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.client_cert:
        _present(context, config)
    return context


def _trust(config: Config) -> ssl.SSLContext:
    if not config.ca_file:
        check_authorities()
        # As a text: the single file has no path for it, and would write a file into /tmp.
        return ssl.create_default_context(cadata=None if has_authorities() else certifi.contents())
    try:
        return ssl.create_default_context(cafile=config.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"-ca-file {str(config.ca_file)!r}: must hold certificates in PEM ({error})") from None


def _present(context: ssl.SSLContext, config: Config) -> None:
    assert config.client_cert
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


def _identify(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
