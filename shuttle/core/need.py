"""Needs: the conditions for a setting to have an effect, and the warnings if they are not met.

Each need is a question to the whole Config, its endpoint included.
"""

import re
from typing import Any

from shuttle.core.frame import PLACEHOLDER
from shuttle.core.setting import Need


def _is_raw(config: Any) -> bool:
    return bool(config.input_format == "raw")


def _is_kinesis(config: Any) -> bool:
    return bool(config.endpoint.aws and config.endpoint.aws.service.is_kinesis)


def _is_cloudwatch(config: Any) -> bool:
    return bool(config.endpoint.aws and config.endpoint.aws.service.is_cloudwatch)


FILE = Need("has no effect without -file", lambda config: config.file)
SPOOL = Need("has no effect without -spool", lambda config: config.spool)
INTERVAL = Need("has no effect without -stats-interval", lambda config: config.stats_interval)
PIPED = Need("has no effect with -file: the lines are in the files", lambda config: not config.file)
SPLIT_STDERR = Need("has no effect without -split-stderr", lambda config: config.split_stderr)

TIME_OR_DISK = Need(
    "leaves no time to deliver: lines held at the end are lost unless you use -spool, or -file with -state-dir",
    lambda config: config.land_timeout or config.spool or (config.file and config.state_dir),
)

PIPE = Need("has no effect with -file: nothing is dropped from files", lambda config: not config.file)
PIPE_TO_DROP_FROM = Need(PIPE.text, lambda config: not config.file or not config.drop)
"""For `-drop` itself: `-drop=false` with `-file` asks for what happens anyway."""
DROP = Need("has no effect with -drop=false", lambda config: config.drop)

HTTPS = Need("has no effect over http", lambda config: config.endpoint.url.scheme == "https")
VERIFICATION = Need("has no effect with -skip-verify", lambda config: not config.skip_verify)

AWS = Need("has no effect without an AWS stream", lambda config: config.endpoint.aws)
NO_AWS = Need("has no effect with an AWS stream", lambda config: not config.endpoint.aws)
KINESIS_STREAM = Need("has no effect without a Kinesis stream", _is_kinesis)
LOG_STREAM = Need("has no effect without a CloudWatch Logs stream", _is_cloudwatch)

RAW_LINES = Need("has no effect on lines that are already framed", _is_raw)
HEADERS = Need(
    "has no effect in CloudWatch Logs: an event is the line alone",
    lambda config: not (_is_raw(config) and _is_cloudwatch(config)),
)
HOST = Need(RAW_LINES.text, lambda config: _is_raw(config) or _is_kinesis(config))
"""For the host name, which is in the partition keys of Kinesis too."""


def filled_in(name: str) -> Need:
    """Return the need of the field `name`, which may hold placeholders."""
    return Need(
        "contains {path}, {name} or {stem}, which only -file fills in",
        lambda config: config.file or not re.search(PLACEHOLDER, getattr(config, name)),
    )
