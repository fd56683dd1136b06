"""Which drain a configuration names, and what carries requests to it."""

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx

from shuttle.config import Config
from shuttle.core.aws_stream import KINESIS
from shuttle.core.frame import Framer
from shuttle.drain.http.transport import make_transport
from shuttle.drain.logplex import Logplex
from shuttle.errors import ConfigError

if TYPE_CHECKING:
    from shuttle.delivery.shipment import Drain


def make_drain(config: Config, framer: Framer, wall: Callable[[], float]) -> "Drain":
    """Return the drain of `config`.

    Raises:
        ConfigError: The package is missing that signs requests to Amazon's services.
    """
    destination = config.endpoint.aws
    if destination is None:
        return Logplex(config, framer)
    if importlib.util.find_spec("botocore") is None:
        host = httpx.URL(config.logs_url).host
        raise ConfigError(f"-logs-url: {host} needs the extra [aws]: pip install 'log-shuttle[aws]'")
    if destination.service.name == KINESIS:
        from shuttle.drain.aws.kinesis import Kinesis  # noqa: PLC0415  # with botocore, which is an extra

        return Kinesis(config, framer, destination)
    from shuttle.drain.aws.cloudwatch import CloudWatch  # noqa: PLC0415

    return CloudWatch(config, framer, destination, wall)


def open_transport(config: Config) -> httpx.AsyncBaseTransport:
    """Return what carries requests to the drain of `config`.

    Raises:
        ConfigError: A certificate, or a proxy that the environment names, cannot be used.
    """
    tls = None
    if config.endpoint.url.scheme == "https":
        from shuttle.drain.http.tls import load_tls  # noqa: PLC0415  # start-up over http need not load authorities

        tls = load_tls(config)
    return make_transport(config.endpoint, tls)
