"""One frozen Config: every setting, its default with its reason, checked once when it is made."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from shuttle.core.endpoint import Endpoint, parse_endpoint
from shuttle.core.frame import Framing, InputFormat
from shuttle.errors import ConfigError, quote

KIB = 1024
MIB = 1024 * KIB

# Go's log-shuttle, so that a drop-in behaves alike.
BATCH_SIZE = 500  # lines
WAIT = 0.25  # seconds
NUM_OUTLETS = 4
TIMEOUT = 5.0  # seconds
MAX_LINE_LENGTH = 10_000  # bytes; logplex took 10,000 a line when Go's default was set
# Not in Go.
BATCH_BYTES = MIB  # drains seen in the wild limit bodies to 1-5 MB
BACK_BYTES = 64 * MIB  # 27 s of 10,000 lines/s of 178 bytes, in the smallest dyno's 512 MB
PATIENCE = 0.1  # seconds; a person does not see it, and a healthy drain takes many batches in it
PARTIAL_TIMEOUT = 5.0  # seconds; whoever writes a line in parts has written the rest by then
MAX_AGE = 300.0  # seconds; older log lines than this no longer help whoever watches them, unless they were kept for it
SPOOL_BYTES = 1024 * MIB  # an hour and a half of 1,000 lines/s of 178 bytes, in a dyno's disk
LAND_TIMEOUT = 25.0  # seconds; a dyno is killed 30 s after its SIGTERM

MIN_BATCH_BYTES = 16 * KIB  # room for one frame of 10,240 bytes and two reports
MIN_BACK_BYTES = 64 * KIB
MIN_SPOOL_BYTES = MIB

Start = Literal["", "beginning", "end"]
StatsFormat = Literal["go", "l2met"]
STATS_FORMATS: tuple[StatsFormat, ...] = ("go", "l2met")
INPUT_FORMATS: tuple[InputFormat, ...] = ("raw", "rfc5424", "lprfc5424")

_SD_NAME = r"[!#-<>-\\^-~]{1,32}"  # PRINTUSASCII without = ] and "
_SD_PARAM = rf'{_SD_NAME}="(?:[ !#-\[^-~]|\\[ -~])*"'
_SD_ELEMENT = rf"\[{_SD_NAME}(?: {_SD_PARAM})*\]"
LONGEST_MSGID = 4096  # bytes, structured data included: room for a line is left in every frame
_MSGID = re.compile(rf"[!-~]{{1,32}}(?: (?:-|(?:{_SD_ELEMENT})+))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Every setting of a shuttle. Times are in seconds, sizes in bytes.

    Raises:
        ConfigError: A setting is out of its range; the text names the flag, the value and what is accepted.
    """

    logs_url: str = field(repr=False)
    input_format: InputFormat = "raw"

    file: tuple[str, ...] = ()
    """Paths, or patterns of them, of files to follow in place of stdin."""
    follow: bool = True
    from_: Start = ""
    state_dir: Path | None = None
    partial_timeout: float = PARTIAL_TIMEOUT

    batch_size: int = BATCH_SIZE
    batch_bytes: int = BATCH_BYTES
    wait: float = WAIT

    back_bytes: int = BACK_BYTES
    back_buff: int | None = None
    drop: bool = True
    patience: float = PATIENCE
    spool: Path | None = None
    spool_bytes: int = SPOOL_BYTES

    num_outlets: int = NUM_OUTLETS
    timeout: float = TIMEOUT
    max_attempts: int | None = None
    max_age: float | None = None
    """None: MAX_AGE for what only memory holds; as long as it takes for files and with a spool."""
    land_timeout: float = LAND_TIMEOUT

    max_line_length: int = MAX_LINE_LENGTH
    prival: str = "190"  # local7.info
    syslog_version: str = "1"
    hostname: str = "shuttle"
    appname: str = "token"
    procid: str = "shuttle"
    msgid: str = "- -"  # a nil MSGID and a nil STRUCTURED-DATA

    bearer_token: str = field(default="", repr=False)
    drain_token: str = field(default="", repr=False)
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    skip_verify: bool = False
    gzip: bool = False
    aws_endpoint: str = field(default="", repr=False)
    aws_create: bool = False
    kinesis_shards: int = 1

    verbose: bool = False
    log_to_syslog: bool = False
    stats_interval: float = 0.0
    stats_source: str = ""
    stats_format: StatsFormat = "go"

    endpoint: Endpoint = field(init=False)

    def __post_init__(self) -> None:
        for name, accepts, test in _RULES:
            value = getattr(self, name)
            if not test(value):
                secret = any(entry.name == name and not entry.repr for entry in fields(self))
                shown = "(not shown)" if secret else quote(str(value)) if isinstance(value, str | Path) else repr(value)
                raise ConfigError(f"{flag(name)} {shown}: {accepts}")
        if self.client_key and not self.client_cert:
            raise ConfigError(f"-client-key {quote(str(self.client_key))}: needs -client-cert with its certificate")
        if self.file and self.input_format == "lprfc5424":
            raise ConfigError("-input-format lprfc5424: must be raw or rfc5424 for files")
        if self.file and self.spool:
            raise ConfigError(
                f"-spool {quote(str(self.spool))}: must not be given with -file; files hold their lines themselves, "
                "and -state-dir keeps how far they were delivered"
            )
        if "" in self.file:
            raise ConfigError("-file '': must be a path or a pattern of paths")
        endpoint = parse_endpoint(
            self.logs_url, bearer_token=self.bearer_token, appname=self.appname, aws_endpoint=self.aws_endpoint
        )
        if endpoint.aws and self.gzip:
            raise ConfigError("-gzip True: must not be given with a stream of AWS, which takes no compressed requests")
        object.__setattr__(self, "endpoint", endpoint)

    @property
    def framing(self) -> Framing:
        """What the frames are made by."""
        return Framing(**{entry.name: getattr(self, entry.name) for entry in fields(Framing)})

    @property
    def age_limit(self) -> float:
        """Seconds after which a batch that was tried is given up."""
        if self.max_age is not None:
            return self.max_age
        return math.inf if self.file or self.spool else MAX_AGE


def flag(name: str) -> str:
    """Return the flag that sets the field `name`: `batch_size` is set by `-batch-size`."""
    return "-" + name.rstrip("_").replace("_", "-")


def _at_least(lowest: int) -> Callable[[Any], bool]:
    return lambda value: value >= lowest


def _printable(longest: int) -> Callable[[Any], bool]:
    """Test for RFC 5424's PRINTUSASCII: 1 to `longest` characters from ! to ~ (section 6)."""
    return re.compile(rf"[!-~]{{1,{longest}}}").fullmatch  # type: ignore[return-value]


def _header_value(value: str) -> bool:
    return value == "" or (value.isascii() and value.isprintable() and value == value.strip())


_AT_LEAST_ONE = "must be 1 or more"
_NOT_NEGATIVE = "must be 0 or more"

_RULES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("input_format", "must be one of raw, rfc5424, lprfc5424", INPUT_FORMATS.__contains__),
    ("from_", "must be beginning or end", ("", "beginning", "end").__contains__),
    ("partial_timeout", _NOT_NEGATIVE, _at_least(0)),
    ("batch_size", _AT_LEAST_ONE, _at_least(1)),
    ("batch_bytes", f"must be {MIN_BATCH_BYTES} or more", _at_least(MIN_BATCH_BYTES)),
    ("wait", _NOT_NEGATIVE, _at_least(0)),
    ("back_bytes", f"must be {MIN_BACK_BYTES} or more", _at_least(MIN_BACK_BYTES)),
    ("back_buff", _AT_LEAST_ONE, lambda value: value is None or value >= 1),
    ("patience", _NOT_NEGATIVE, _at_least(0)),
    ("spool_bytes", f"must be {MIN_SPOOL_BYTES} or more", _at_least(MIN_SPOOL_BYTES)),
    ("num_outlets", _AT_LEAST_ONE, _at_least(1)),
    ("timeout", "must be 0 (no limit) or more", _at_least(0)),
    ("max_attempts", _AT_LEAST_ONE, lambda value: value is None or value >= 1),
    ("max_age", _NOT_NEGATIVE, lambda value: value is None or value >= 0),
    ("land_timeout", _NOT_NEGATIVE, _at_least(0)),
    ("max_line_length", _AT_LEAST_ONE, _at_least(1)),
    (
        "prival",
        "must be a number from 0 to 191 (RFC 5424, 6.2.1)",
        re.compile(r"0|[1-9]\d?|1[0-8]\d|19[01]", re.ASCII).fullmatch,
    ),
    ("syslog_version", "must be a number from 1 to 999 (RFC 5424, 6.2.2)", re.compile(r"[1-9][0-9]{0,2}").fullmatch),
    ("hostname", "must be 1 to 255 printable ASCII characters without spaces (RFC 5424, 6.2.4)", _printable(255)),
    ("appname", "must be 1 to 48 printable ASCII characters without spaces (RFC 5424, 6.2.5)", _printable(48)),
    ("procid", "must be 1 to 128 printable ASCII characters without spaces (RFC 5424, 6.2.6)", _printable(128)),
    (
        "msgid",
        f"must be 1 to 32 printable ASCII characters, then ' -' or structured data, if any: {LONGEST_MSGID} in all",
        lambda value: len(value) <= LONGEST_MSGID and _MSGID.fullmatch(value),
    ),
    ("bearer_token", "must be printable ASCII", _header_value),
    ("drain_token", "must be printable ASCII", _header_value),
    ("kinesis_shards", _AT_LEAST_ONE, _at_least(1)),
    ("stats_format", "must be go or l2met", STATS_FORMATS.__contains__),
    ("stats_interval", _NOT_NEGATIVE, _at_least(0)),
)
