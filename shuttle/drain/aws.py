"""Amazon's services, told by the host of the drain's URL."""

import re
from typing import NamedTuple

_HOST = re.compile(r"(kinesis|logs)\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")


class Service(NamedTuple):
    """An AWS service in its region."""

    name: str
    region: str


def read_host(host: str) -> Service | None:
    """Return the service and region that `host` names, the China hosts included; None for any other host."""
    match = _HOST.fullmatch(host.lower())
    return Service(*match.groups()) if match else None
