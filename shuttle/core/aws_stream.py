"""Reads an AWS stream from the drain's URL: the service, the region, the stream and the credentials."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

import httpx

from shuttle.errors import ConfigError

KINESIS = "kinesis"
LOGS = "logs"
ENDPOINT_VARIABLES = {  # as AWS's own tools read them (docs.aws.amazon.com/sdkref, service-specific endpoints)
    KINESIS: ("AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL"),
    LOGS: ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "AWS_ENDPOINT_URL"),
}
# Public, FIPS, dual-stack and VPC endpoints (docs.aws.amazon.com/general/latest/gr: kinesis, logs; PrivateLink).
_HOST = re.compile(
    r"(?:vpce-[a-z0-9-]+\.)?(kinesis|logs)(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)"
)
_AMAZON = re.compile(r"(?:.*\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)")
# Hosts of Amazon's that run programs of its customers: load balancers, machines, gateways and services of others.
_CUSTOMERS = re.compile(r".*\.(?:elb|compute|compute-1|execute-api|vpce-svc-[a-z0-9]+)\..*|vpce-svc-.*|ec2-.*")
_KINESIS_STREAM = re.compile(r"[a-zA-Z0-9_.-]{1,128}")  # Kinesis' and CloudWatch Logs' API references
_GROUP = re.compile(r"[a-zA-Z0-9_./#-]{1,512}")
_LOG_STREAM = re.compile(r"[^:*]{1,512}")
_FORMS = {
    KINESIS: "https://[KEY:SECRET@]kinesis.<region>.amazonaws.com/<stream>",
    LOGS: "https://[KEY:SECRET@]logs.<region>.amazonaws.com/<group>/<stream>",
}


class AwsService(NamedTuple):
    """An AWS service in its region."""

    name: str
    region: str

    @property
    def is_kinesis(self) -> bool:
        """Whether it is Kinesis."""
        return self.name == KINESIS

    @property
    def is_cloudwatch(self) -> bool:
        """Whether it is CloudWatch Logs."""
        return self.name == LOGS


@dataclass(frozen=True)
class Destination:
    """A stream and the credentials that write to it."""

    service: AwsService
    stream: str
    group: str = ""
    """Of a stream of CloudWatch Logs."""
    key: str = field(default="", repr=False)
    """The access key's id; empty: the credentials are found by AWS's usual chain."""
    secret: str = field(default="", repr=False)


def read_host(host: str) -> AwsService | None:
    """Return the service and region that `host` names; None if it is no host of AWS, or runs a customer's program.

    Raises:
        ConfigError: It is another service of AWS, which is no drain.
    """
    host = host.lower().removesuffix(".")
    if match := _HOST.fullmatch(host):
        return AwsService(*match.groups())
    if _AMAZON.fullmatch(host) and not _CUSTOMERS.fullmatch(host):
        accepted = " or ".join(_FORMS.values())
        raise ConfigError(f"-logs-url: {host} is not an AWS service that log-shuttle knows; it must be {accepted}")
    return None


def read_destination(url: httpx.URL, service: AwsService) -> Destination:
    """Return the stream and the credentials that `url` names. Its host belongs to `service`.

    Raises:
        ConfigError: The stream is not valid, or the credentials are incomplete. The text shows no credentials.
    """
    path = url.raw_path.partition(b"?")[0].decode("ascii").removeprefix("/")
    group, _, stream = path.rpartition("/")
    group, stream = unquote(group), unquote(stream)
    if service.is_kinesis:
        named = not group and bool(_KINESIS_STREAM.fullmatch(stream))
    else:
        named = bool(_GROUP.fullmatch(group) and _LOG_STREAM.fullmatch(stream))
    if not named:
        raise ConfigError(f"-logs-url names no stream of {url.host}; it must be {_FORMS[service.name]}")
    key, _, secret = url.userinfo.decode("ascii").partition(":")
    if bool(key) is not bool(secret):
        raise ConfigError(
            f"-logs-url has only half of the credentials for {url.host}; it must be {_FORMS[service.name]}"
        )
    return Destination(service, stream, group, unquote(key), unquote(secret))
