"""One frozen Config: every setting, declared once, with the reason of its default, and checked when it is made."""

import math
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Literal, get_args

from shuttle.core import need
from shuttle.core.endpoint import Endpoint, parse_endpoint
from shuttle.core.frame import Framing, InputFormat
from shuttle.core.rule import MSGID, PRIVAL, SYSLOG_VERSION, TOKEN, Rule, at_least, between, one_of, printable
from shuttle.core.setting import Setting, check_setting, find_settings, name_flag
from shuttle.core.stats_address import parse_stats_address
from shuttle.errors import ConfigError, quote
from shuttle.secret_file import read_secret

KIB = 1024
MIB = 1024 * KIB

# Go's log-shuttle, so that a drop-in behaves alike.
BATCH_SIZE = 500  # lines
WAIT = 0.25  # seconds
NUM_OUTLETS = 4
MOST_OUTLETS = 1000  # each has a connection and a batch; more are a mistake, and would take all memory
TIMEOUT = 5.0  # seconds
APPNAME = "token"
MAX_LINE_LENGTH = 10_000  # bytes; logplex took 10,000 a line when Go's default was set
# Not in Go.
BATCH_BYTES = MIB  # drains seen in the wild limit bodies to 1-5 MB
BACK_BYTES = 64 * MIB  # 27 s of 10,000 lines/s of 178 bytes, in the smallest dyno's 512 MB
PATIENCE = 0.1  # seconds; a person does not see it, and a healthy drain takes many batches in it
PARTIAL_TIMEOUT = 5.0  # seconds; a program that writes a line in parts has written the rest by then
MAX_AGE = 300.0  # seconds; older lines no longer help somebody who watches, unless they were kept on purpose
SPOOL_BYTES = 1024 * MIB  # an hour and a half of 1,000 lines/s of 178 bytes, in a dyno's disk
LAND_TIMEOUT = 25.0  # seconds; a dyno is killed 30 s after its SIGTERM

MIN_BATCH_BYTES = 16 * KIB  # room for one frame of 10,240 bytes and two reports
MIN_BACK_BYTES = 64 * KIB
MIN_SPOOL_BYTES = MIB

STATS_ADDRESS = Rule(
    "must be HOST:PORT or PORT, such as 127.0.0.1:9100", lambda text: not text or parse_stats_address(text)
)

Start = Literal["", "beginning", "end"]
StatsFormat = Literal["go", "l2met"]
LogFormat = Literal["logfmt", "json"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Every setting of a shuttle. Times are in seconds, sizes in bytes.

    Raises:
        ConfigError: A setting is of another type or out of its range; the text names the flag, the value and what is
            accepted.
    """

    logs_url: Annotated[
        str,
        Setting(
            "string",
            "drain to post to; default $LOGS_URL, then $LOGPLEX_URL (deprecated)",
            "URL",
            secret=True,
            heading="Drain",
        ),
    ] = ""
    logs_url_file: Annotated[
        Path | None,
        Setting("path", "read the URL from this file; read it again after a 401 if it has changed"),
    ] = None
    bearer_token: Annotated[
        str,
        Setting(
            "string",
            "send this bearer token instead of the URL's user:password",
            "TOKEN",
            rule=TOKEN,
            secret=True,
            needs=(need.NO_AWS,),
        ),
    ] = ""
    bearer_token_file: Annotated[
        Path | None,
        Setting(
            "path",
            "read the bearer token from this file; read it again after a 401 if it has changed",
            needs=(need.NO_AWS,),
        ),
    ] = None
    drain_token: Annotated[
        str,
        Setting(
            "string",
            "value of the header Logplex-Drain-Token; default the appname",
            "TOKEN",
            rule=TOKEN,
            secret=True,
            needs=(need.NO_AWS,),
        ),
    ] = ""
    ca_file: Annotated[
        Path | None,
        Setting("path", "PEM certificates to trust instead of the system's", needs=(need.HTTPS, need.VERIFICATION)),
    ] = None
    client_cert: Annotated[
        Path | None, Setting("path", "PEM certificate to present to the drain", needs=(need.HTTPS,))
    ] = None
    client_key: Annotated[
        Path | None, Setting("path", "private key of the certificate, if in a file of its own", needs=(need.HTTPS,))
    ] = None
    skip_verify: Annotated[bool, Setting("bool", "trust any certificate", needs=(need.HTTPS,))] = False
    gzip: Annotated[bool, Setting("bool", "compress requests")] = False
    kinesis_shards: Annotated[
        int,
        Setting(
            "int",
            "number of partition keys to spread Kinesis records over",
            rule=at_least(1),
            needs=(need.KINESIS_STREAM,),
        ),
    ] = 1
    aws_create: Annotated[
        bool,
        Setting("bool", "create the CloudWatch Logs group and stream if they are missing", needs=(need.LOG_STREAM,)),
    ] = False
    aws_endpoint: Annotated[
        str,
        Setting(
            "string",
            "URL of the AWS service; default $AWS_ENDPOINT_URL_KINESIS, _CLOUDWATCH_LOGS or $AWS_ENDPOINT_URL",
            "URL",
            secret=True,
            needs=(need.AWS,),
        ),
    ] = ""

    input_format: Annotated[
        InputFormat,
        Setting(
            "string",
            "raw (log-shuttle frames each line), rfc5424 (lines are frames) or lprfc5424 (frames after their length)",
            "FORMAT",
            rule=one_of(*get_args(InputFormat)),
            heading="Input",
        ),
    ] = "raw"
    max_line_length: Annotated[
        int, Setting("size", "split raw lines longer than this", rule=at_least(1), needs=(need.RAW_LINES,))
    ] = MAX_LINE_LENGTH
    file: Annotated[
        tuple[str, ...],
        Setting(
            "string",
            "follow this file, or a pattern such as '/var/log/*.log', instead of stdin; repeatable",
            "PATH",
            rule=Rule("must be a path or a pattern of paths", bool),
            repeatable=True,
        ),
    ] = ()
    follow_links: Annotated[
        bool,
        Setting(
            "bool",
            "follow symbolic links that are found in directories, whoever owns them",
            needs=(need.FILE,),
        ),
    ] = False
    follow: Annotated[
        bool,
        Setting("bool", "wait for more at the end of files; -follow=false delivers them and exits", needs=(need.FILE,)),
    ] = True
    from_: Annotated[
        Start,
        Setting(
            "string",
            "where to begin in existing files without a checkpoint: beginning or end "
            "(default end, with -follow=false the beginning)",
            "PLACE",
            rule=one_of(*get_args(Start)),
            needs=(need.FILE,),
        ),
    ] = ""
    state_dir: Annotated[
        Path | None,
        Setting(
            "path", "keep checkpoints in this directory: how far each file was delivered", "DIR", needs=(need.FILE,)
        ),
    ] = None
    partial_timeout: Annotated[
        float,
        Setting("duration", "send a last line without a newline after this long", rule=at_least(0), needs=(need.FILE,)),
    ] = PARTIAL_TIMEOUT

    tee: Annotated[
        bool,
        Setting(
            "bool",
            "also copy the input to stdout, unchanged; with -split-stderr, stderr to stderr",
            needs=(need.PIPED,),
        ),
    ] = False
    split_stderr: Annotated[
        bool,
        Setting(
            "bool",
            "read the application's stderr separately, for -stderr-prival; the order of the two is lost",
        ),
    ] = False
    stderr_prival: Annotated[
        str,
        Setting(
            "string",
            "priority of lines from stderr",
            "0..191",
            rule=PRIVAL,
            needs=(need.SPLIT_STDERR, need.RAW_LINES, need.HEADERS),
        ),
    ] = "187"  # local7.err

    batch_size: Annotated[
        int, Setting("int", "maximum lines in a batch", rule=at_least(1), heading="Batches (a request each)")
    ] = BATCH_SIZE
    batch_bytes: Annotated[int, Setting("size", "maximum bytes in a batch", rule=at_least(MIN_BATCH_BYTES))] = (
        BATCH_BYTES
    )
    wait: Annotated[
        float, Setting("duration", "send a batch this long after its first line, full or not", rule=at_least(0))
    ] = WAIT

    back_bytes: Annotated[
        int,
        Setting(
            "size", "maximum bytes held; lines beyond that are dropped", rule=at_least(MIN_BACK_BYTES), heading="Buffer"
        ),
    ] = BACK_BYTES
    back_buff: Annotated[
        int | None,
        Setting("int", "maximum batches held (Go: 50; here only -back-bytes unless given)", rule=at_least(1)),
    ] = None
    drop: Annotated[
        bool,
        Setting(
            "bool",
            "drop lines when the queue is full; -drop=false blocks the application instead",
            needs=(need.PIPE_TO_DROP_FROM,),
        ),
    ] = True
    patience: Annotated[
        float,
        Setting(
            "duration",
            "before dropping, stop reading for up to this long",
            rule=at_least(0),
            needs=(need.PIPE, need.DROP),
        ),
    ] = PATIENCE
    spool: Annotated[
        Path | None,
        Setting("path", "keep batches in this directory, so that a crash or a dead drain loses none of them", "DIR"),
    ] = None
    spool_bytes: Annotated[
        int,
        Setting(
            "size",
            "maximum size of the spool; lines beyond that are dropped, or wait with -drop=false",
            rule=at_least(MIN_SPOOL_BYTES),
            needs=(need.SPOOL,),
        ),
    ] = SPOOL_BYTES

    num_outlets: Annotated[
        int, Setting("int", "maximum requests at a time", rule=between(1, MOST_OUTLETS), heading="Delivery")
    ] = NUM_OUTLETS
    timeout: Annotated[
        float, Setting("duration", "time limit of a request; 0: none", rule=at_least(0, " (no limit)"))
    ] = TIMEOUT
    max_attempts: Annotated[
        int | None,
        Setting(
            "int",
            "maximum attempts of a batch (Go: 3; here only -max-age unless given)",
            rule=at_least(1),
        ),
    ] = None
    max_age: Annotated[
        float | None,
        Setting(
            "duration",
            "retry a batch until it is this old (default 5m; no limit with -file or -spool)",
            rule=at_least(0),
        ),
    ] = None
    """None: MAX_AGE for what only memory holds; as long as it takes for files and with a spool."""
    land_timeout: Annotated[
        float,
        Setting(
            "duration",
            "at the end of input, give up after this long without progress; after a signal, after this long",
            rule=at_least(0),
            needs=(need.TIME_OR_DISK,),
        ),
    ] = LAND_TIMEOUT

    prival: Annotated[
        str,
        Setting(
            "string",
            "priority, 8 * facility + severity",
            "0..191",
            rule=PRIVAL,
            heading="Header fields (of raw lines)",
            needs=(need.RAW_LINES, need.HEADERS),
        ),
    ] = "190"  # local7.info
    syslog_version: Annotated[
        str, Setting("string", "syslog version", "N", rule=SYSLOG_VERSION, needs=(need.HEADERS,))
    ] = "1"
    hostname: Annotated[
        str, Setting("string", "host name", rule=printable(255, "6.2.4"), needs=(need.HOST, need.HEADERS))
    ] = "shuttle"
    appname: Annotated[
        str,
        Setting(
            "string", "application name", rule=printable(48, "6.2.5"), needs=(need.HEADERS, need.filled_in("appname"))
        ),
    ] = APPNAME
    procid: Annotated[
        str,
        Setting(
            "string",
            "process name or id",
            rule=printable(128, "6.2.6"),
            needs=(need.RAW_LINES, need.HEADERS, need.filled_in("procid")),
        ),
    ] = "shuttle"
    msgid: Annotated[
        str, Setting("string", "message id, optionally a space and structured data", rule=MSGID, needs=(need.HEADERS,))
    ] = "- -"  # a nil MSGID and a nil STRUCTURED-DATA

    stats_interval: Annotated[
        float,
        Setting(
            "duration",
            "print statistics on stdout at this interval; 0: never",
            rule=at_least(0),
            heading="Statistics and logs",
        ),
    ] = 0.0
    stats_source: Annotated[str, Setting("string", "source name in the statistics", "NAME", needs=(need.INTERVAL,))] = (
        ""
    )
    stats_format: Annotated[
        StatsFormat,
        Setting(
            "string",
            "format of the statistics: go or l2met",
            "FORMAT",
            rule=one_of(*get_args(StatsFormat)),
            needs=(need.INTERVAL,),
        ),
    ] = "go"
    stats_addr: Annotated[
        str,
        Setting(
            "string",
            "serve metrics, health and a page there, over HTTP; 9100 and :9100 are 127.0.0.1:9100",
            "HOST:PORT",
            rule=STATS_ADDRESS,
        ),
    ] = ""
    log_format: Annotated[
        LogFormat,
        Setting("string", "logfmt or json, for log-shuttle's own log", "FORMAT", rule=one_of(*get_args(LogFormat))),
    ] = "logfmt"
    verbose: Annotated[bool, Setting("bool", "log each attempt, and the ledger at exit")] = False
    log_to_syslog: Annotated[bool, Setting("bool", "log to syslog instead of stderr")] = False

    endpoint: Endpoint = field(init=False)

    def __post_init__(self) -> None:
        defaults = {entry.name: entry.default for entry in fields(self)}
        for name, setting in SETTINGS.items():
            value = getattr(self, name)
            if value is not defaults[name]:  # the defaults are right: a test says so
                check_setting(name, setting, value)
        self._check_combinations()
        self._read_secret("logs_url", self.logs_url_file)
        self._read_secret("bearer_token", self.bearer_token_file)
        endpoint = parse_endpoint(
            self.logs_url, bearer_token=self.bearer_token, appname=self.appname, aws_endpoint=self.aws_endpoint
        )
        if endpoint.aws and self.gzip:
            raise ConfigError("-gzip True: cannot be combined with an AWS stream, which accepts no compressed requests")
        object.__setattr__(self, "endpoint", endpoint)

    def _read_secret(self, name: str, path: Path | None) -> None:
        if path is None:
            return
        flag = name_flag(f"{name}_file")
        if getattr(self, name):
            raise ConfigError(f"{flag} {quote(str(path))}: cannot be combined with {name_flag(name)}")
        object.__setattr__(self, name, read_secret(path, flag))

    def renew(self) -> "Config":
        """Return the configuration with the secrets that are in its files now.

        Raises:
            ConfigError: A file, or what is in it, cannot be used.
        """
        return replace(
            self,
            logs_url="" if self.logs_url_file else self.logs_url,
            bearer_token="" if self.bearer_token_file else self.bearer_token,
        )

    def _check_combinations(self) -> None:
        if self.client_key and not self.client_cert:
            raise ConfigError(f"-client-key {quote(str(self.client_key))}: needs -client-cert with its certificate")
        if self.file and self.input_format == "lprfc5424":
            raise ConfigError("-input-format lprfc5424: must be raw or rfc5424 for files")
        if self.file and self.spool:
            raise ConfigError(
                f"-spool {quote(str(self.spool))}: cannot be combined with -file: files hold their lines themselves; "
                "-state-dir keeps how far they were delivered"
            )

    def __repr__(self) -> str:
        secrets = {name for name, setting in SETTINGS.items() if setting.secret}
        shown = [entry.name for entry in fields(self) if entry.name not in secrets]
        return f"Config({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    @property
    def framing(self) -> Framing:
        """What the frames are made by."""
        return Framing(**{name: getattr(self, name) for name in Framing._fields})

    @property
    def age_limit(self) -> float:
        """Seconds after which a batch that was tried is given up."""
        if self.max_age is not None:
            return self.max_age
        return math.inf if self.file or self.spool else MAX_AGE


SETTINGS = find_settings(Config)
"""What is declared of each setting, by its field's name, in the order of the usage."""
