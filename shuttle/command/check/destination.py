"""The drain: what is known of it without the network, and whether a line reaches it."""

import contextlib
import functools
import importlib.util
from collections.abc import AsyncIterator, Iterator

import httpx

from shuttle.assembly import check_packages
from shuttle.command.check.finding import Finding, Overheard, Report
from shuttle.command.check.provenance import hide_url
from shuttle.command.check.route import Found, Route, Step, take
from shuttle.command.check.trial import send_line
from shuttle.config import Config
from shuttle.core.aws_stream import Destination
from shuttle.drain.http.authorities import has_authorities
from shuttle.drain.http.proxy import find_proxy, make_proxy_error
from shuttle.drain.http.tls import load_tls
from shuttle.errors import ConfigError


def prepare(config: Config, report: Report) -> Route | None:
    """Report what is known of the drain, and return the route to it; None if there cannot be one."""
    report.add(_describe_drain(config))
    failures: list[Finding] = []
    proxy = tls = None
    try:
        check_packages(config)
    except ConfigError as error:
        failures.append(Finding("fail", "packages", str(error)))
    try:
        if proxy := find_proxy(config.endpoint):
            if proxy.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
                raise make_proxy_error(config.endpoint)
            report.add([Finding("ok", "proxy", f"{proxy.scheme}://{proxy.netloc.decode('ascii')}")])
    except ConfigError as error:
        failures.append(Finding("fail", "proxy", str(error)))
    overheard = Overheard("trust")
    try:
        tls = load_tls(config, overheard)
        report.add(_describe_trust(config) if tls else ())
    except ConfigError as error:
        failures.append(Finding("fail", "trust", str(error)))
    report.add([*overheard.findings, *failures])
    return None if failures else Route(config, tls, proxy)


def _describe_drain(config: Config) -> Iterator[Finding]:
    yield Finding("ok", "drain", config.endpoint.shown)
    if stream := config.endpoint.aws:
        name = f"{stream.group}/{stream.stream}" if stream.group else stream.stream
        service = "Kinesis" if stream.service.is_kinesis else "CloudWatch Logs"
        yield Finding("ok", "stream", f"{name} of {service} in {stream.service.region}")


def _describe_trust(config: Config) -> Iterator[Finding]:
    if not config.skip_verify:  # of which there is a warning
        system = "the system's authorities" if has_authorities() else "Mozilla's authorities, as the system has none"
        yield Finding(
            "ok", "trust", f"the certificates in {hide_url(str(config.ca_file))}" if config.ca_file else system
        )
    if config.client_cert:
        yield Finding("ok", "trust", f"the drain is shown the certificate in {hide_url(str(config.client_cert))}")


async def reach(config: Config, route: Route) -> AsyncIterator[Finding]:
    """Yield how far the route leads, and what the drain answers to one line."""
    with contextlib.closing(route):
        steps = route.list_steps()
        if stream := config.endpoint.aws:
            steps.append(Step("credentials", functools.partial(_find_credentials, stream, config.endpoint.url)))
        steps.append(Step("request", functools.partial(send_line, config)))
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
