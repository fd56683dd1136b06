"""Finds the credentials that no log and no terminal may show."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from shuttle.config import SETTINGS, Config
from shuttle.core.secret import find_secrets

_URLS = ("LOGS_URL", "LOGPLEX_URL")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")


def find_credentials(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield each credential of `config`, and those in `environ` that its drain and its proxy are given.

    A setting that is declared secret is a credential, or a URL that holds some.
    """
    amazon = bool(config.endpoint.aws)
    for name, setting in SETTINGS.items():
        if setting.secret:
            yield from find_secrets(getattr(config, name), in_path=not amazon)  # its path names a stream
    yield from _find_proxies(environ)
    if amazon:
        yield from (environ.get(name, "") for name in _AWS)


def find_given_credentials(flags: Collection[str], argv: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the credentials in a command line and its environment that nobody has checked yet.

    `flags` are the names of those that take one.
    """
    for argument, following in zip(argv, [*argv[1:], ""], strict=False):
        name, equals, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if argument.startswith("-") and name in flags:
            yield from find_secrets(value if equals else following)
    for variable in (*_URLS, *(f"LOG_SHUTTLE_{name.upper().replace('-', '_')}" for name in flags)):
        yield from find_secrets(environ.get(variable, ""))
    yield from _find_proxies(environ)


def _find_proxies(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if name.lower() in _PROXIES:
            yield from find_secrets(value if "://" in value else f"http://{value}", in_path=False)
