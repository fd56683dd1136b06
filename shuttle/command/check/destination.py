"""Checks the drain: first without the network, then whether a line reaches it."""

import contextlib
import functools
import importlib.util
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

import httpx

from shuttle.assembly import check_packages
from shuttle.command.check.finding import Finding, Overheard, Report
from shuttle.command.check.provenance import hide_url
from shuttle.command.check.route import Found, Route, Step, take
from shuttle.command.check.trial import send_line
from shuttle.config import Config
from shuttle.core.aws_stream import Destination
from shuttle.core.endpoint import Endpoint
from shuttle.drain.http.authorities import has_authorities, list_authorities
from shuttle.drain.http.proxy import find_proxy, make_proxy_error, name_proxy_variables
from shuttle.drain.http.tls import load_tls
from shuttle.errors import ConfigError

LONGEST = 30.0  # seconds for each step where -timeout 0 sets no limit: an agent waits on, and a check must end
_MARGIN = 5.0  # seconds beyond -timeout for what has limits of its own, and says better what has passed them


def limit(config: Config, longest: float = LONGEST) -> Config:
    """Return `config` with a limit for each step of the way."""
    return config if config.timeout else replace(config, timeout=longest)


def prepare(config: Config, report: Report) -> Route | None:
    """Report what the configuration says about the drain, and return the route to it; None if there is none."""
    report.add(_describe_drain(config))
    failures: list[Finding] = []
    proxy = tls = None
    try:
        check_packages(config)
    except ConfigError as error:
        failures.append(Finding("fail", "packages", str(error)))
    try:
        proxy = find_proxy(config.endpoint)
        if proxy and proxy.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
            raise make_proxy_error(config.endpoint)
        report.add(_describe_proxy(config.endpoint, proxy))
    except ConfigError as error:
        failures.append(Finding("fail", "proxy", str(error)))
    overheard = Overheard("trust")
    try:
        tls = load_tls(config, overheard)
        report.add(_describe_trust(config, overheard.findings) if tls else ())
    except ConfigError as error:
        failures.append(Finding("fail", "trust", str(error)))
    report.add(failures)
    return None if failures else Route(config, tls, proxy)


def _describe_drain(config: Config) -> Iterator[Finding]:
    yield Finding("ok", "drain", config.endpoint.shown)
    if stream := config.endpoint.aws:
        name = f"{stream.group}/{stream.stream}" if stream.group else stream.stream
        service = "Kinesis" if stream.service.is_kinesis else "CloudWatch Logs"
        yield Finding("ok", "stream", f"{name} of {service} in {stream.service.region}")


def _describe_proxy(endpoint: Endpoint, proxy: httpx.URL | None) -> Iterator[Finding]:
    variable, excluding = name_proxy_variables(endpoint)
    source = f", from {variable}" if variable else ""
    if proxy:
        yield Finding("ok", "proxy", f"{proxy.scheme}://{proxy.netloc.decode('ascii')}{source}")
    elif excluding:
        yield Finding(
            "ok", "proxy", f"none, though {variable or 'the system'} names one: {excluding} excludes the drain"
        )


def _describe_trust(config: Config, warnings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield whose certificates are trusted, and which one is presented; warnings mention them too."""
    trusted = _name_trusted(config)
    if not warnings:
        yield Finding("ok", "trust", trusted)
    for warning in warnings:
        more = "" if config.skip_verify else f"; trusted: {trusted}"
        yield warning._replace(text=warning.text + more)
    if config.client_cert:
        yield Finding("ok", "trust", f"presented to the drain: the certificate in {hide_url(str(config.client_cert))}")


def _name_trusted(config: Config) -> str:
    if config.ca_file:
        return f"the certificates in {hide_url(str(config.ca_file))}"
    if not has_authorities():
        return "Mozilla's authorities, because the system has none"
    found = list(list_authorities())
    if not any(each.variable for each in found) and found:
        return "the system's authorities"
    named = [f"the certificates in {hide_url(path)}, from {variable}" for path, variable in found if variable]
    own = [f"the system's authorities in {path}" for path, variable in found if not variable]
    return ", and ".join(named + own) or "nobody"


async def reach(config: Config, route: Route) -> AsyncIterator[Finding]:
    """Yield findings about the route, and about the answer to one line."""
    with contextlib.closing(route):
        steps = route.list_steps()
        if stream := config.endpoint.aws:
            find = functools.partial(_find_credentials, stream, config.endpoint.url)
            steps.append(Step("credentials", find, config.timeout + _MARGIN, ""))
        steps.append(Step("request", functools.partial(send_line, config), config.timeout + _MARGIN))
        async for finding in take(steps):
            yield finding


async def _find_credentials(stream: Destination, url: httpx.URL) -> Found:
    from shuttle.drain.aws.signer import CredentialsError, Signer  # noqa: PLC0415  # with botocore, which is an extra

    signer = Signer(stream)
    try:
        await signer.sign(url, {}, b"")
    except CredentialsError as error:
        return Found("fail", str(error))
    return Found("ok", f"from {signer.origin}")
