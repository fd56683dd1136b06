"""The flags of log-shuttle and its usage text; the defaults it shows are the Config's own."""

from dataclasses import MISSING, fields

from shuttle.command.flags import Flag, Kind, format_help
from shuttle.config import Config

_DEFAULTS = {entry.name: entry.default for entry in fields(Config) if entry.default is not MISSING}
_FIELDS = {entry.name for entry in fields(Config)}
_DURATIONS = (("h", 3600), ("m", 60), ("s", 1), ("ms", 0.001))
_SIZES = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("", 1))


def _format_default(kind: Kind, value: object) -> str:
    """Return the default as a user would write it; nothing for what is off, empty or None."""
    if kind == "bool":
        return "true" if value else ""
    if not value:
        return ""
    if kind == "duration" and isinstance(value, float):
        return next(f"{value / length:g}{unit}" for unit, length in _DURATIONS if value >= length)
    if kind == "size" and isinstance(value, int):
        return next(f"{value // length}{unit}" for unit, length in _SIZES if value % length == 0)
    return f'"{value}"' if " " in str(value) else str(value)


def _setting(name: str, kind: Kind, explanation: str, metavar: str = "", *, secret: bool = False) -> Flag:
    """Return the flag of a field of the Config, its default taken from there."""
    field = next(field for field in (name.replace("-", "_"), f"{name}_") if field in _FIELDS)  # from_: a keyword
    default = _format_default(kind, _DEFAULTS.get(field))
    return Flag(name=name, kind=kind, help=explanation, metavar=metavar, default=default, field=field, secret=secret)


def _unused(name: str, kind: Kind) -> Flag:
    """Return a flag of Go's log-shuttle that has nothing to set here."""
    return Flag(name=name, kind=kind, help="accepted, without effect", deprecated="has no effect: leave it out")


GROUPS: dict[str, tuple[Flag, ...]] = {
    "Drain": (
        _setting(
            "logs-url", "string", "where to post; else $LOGS_URL, else $LOGPLEX_URL (deprecated)", "URL", secret=True
        ),
        _setting(
            "bearer-token", "string", "authorize as Bearer; wins over the URL's user:password", "TOKEN", secret=True
        ),
        _setting("drain-token", "string", "send it as Logplex-Drain-Token", "TOKEN", secret=True),
        _setting("ca-file", "path", "PEM certificates to trust instead of the system's"),
        _setting("client-cert", "path", "PEM certificate to show the drain"),
        _setting("client-key", "path", "its private key, if it stands in a file of its own"),
        _setting("skip-verify", "bool", "trust any certificate"),
        _setting("gzip", "bool", "compress the requests"),
        _setting("kinesis-shards", "int", "spread the records of a Kinesis stream over so many partition keys"),
        _setting("aws-create", "bool", "create a group and stream of CloudWatch Logs that are missing"),
        _setting(
            "aws-endpoint",
            "string",
            "where AWS's services are reached; else $AWS_ENDPOINT_URL_KINESIS, _CLOUDWATCH_LOGS or $AWS_ENDPOINT_URL",
            "URL",
            secret=True,
        ),
    ),
    "Input": (
        _setting(
            "input-format",
            "string",
            "raw (lines, framed here), rfc5424 (framed lines) or lprfc5424 (each frame behind its length)",
            "FORMAT",
        ),
        _setting("max-line-length", "size", "raw lines longer than this are split"),
        Flag(
            name="file",
            kind="string",
            metavar="PATH",
            repeatable=True,
            help="follow this file, or all that match, as '/var/log/*.log'; repeatable; stdin is not read then",
        ),
        _setting("follow", "bool", "go on at the end of the files; -follow=false delivers them and exits"),
        _setting(
            "from",
            "string",
            "where to begin in files that are there at the start and have no checkpoint: beginning or end "
            "(end, or with -follow=false the beginning)",
            "PLACE",
        ),
        _setting("state-dir", "path", "keep checkpoints there: how far each file has been delivered", "DIR"),
        _setting("partial-timeout", "duration", "send a last line without its newline after this long"),
        Flag(
            name="skip-headers",
            kind="bool",
            help="deprecated: -input-format rfc5424",
            deprecated="is deprecated: use -input-format rfc5424",
        ),
    ),
    "Batches (a request each)": (
        _setting("batch-size", "int", "most lines in a batch"),
        _setting("batch-bytes", "size", "most bytes in a batch"),
        _setting("wait", "duration", "longest time from a batch's first line to its flush"),
    ),
    "Buffer": (
        _setting("back-bytes", "size", "most bytes held; beyond them lines are dropped"),
        _setting("back-buff", "int", "most batches held (Go: 50; here only -back-bytes unless given)"),
        _setting("drop", "bool", "drop when the buffer is full; -drop=false blocks the application instead"),
        _setting("patience", "duration", "hold the input this long, once a stall, before dropping"),
        _setting(
            "spool", "path", "keep what is held on the disk, there: a crash or a dead drain costs none of it", "DIR"
        ),
        _setting("spool-bytes", "size", "most bytes of it; beyond them lines are dropped, or wait with -drop=false"),
    ),
    "Delivery": (
        _setting("num-outlets", "int", "most requests at a time"),
        _setting("timeout", "duration", "for a whole request; 0: none"),
        _setting("max-attempts", "int", "attempts of a batch (Go: 3; here only -max-age unless given)"),
        _setting("max-age", "duration", "try a batch until it is this old (5m; no limit for files and with -spool)"),
        _setting(
            "land-timeout",
            "duration",
            "give up landing: at the end of input after this long without progress, at a signal after this long",
        ),
    ),
    "Header fields (of raw lines)": (
        _setting("prival", "string", "priority, 8 * facility + severity", "0..191"),
        _setting("syslog-version", "string", "version", "N"),
        _setting("hostname", "string", "host name"),
        _setting("appname", "string", "application"),
        Flag(name="logplex-token", kind="string", help="the same as -appname", field="appname"),
        _setting("procid", "string", "process"),
        _setting("msgid", "string", "message id, and structured data behind a space"),
    ),
    "Statistics and logs": (
        _setting("stats-interval", "duration", "print statistics on stdout this often; 0: never"),
        _setting("stats-source", "string", "name of the source in the statistics", "NAME"),
        _setting("stats-format", "string", "go or l2met", "FORMAT"),
        _setting("verbose", "bool", "log each attempt, and the ledger at exit"),
        _setting("log-to-syslog", "bool", "log to syslog, not to stderr"),
    ),
    "Others": (
        Flag(name="h", kind="bool", help="print this and exit", final=True),
        Flag(name="version", kind="bool", help="print the version and exit", final=True),
        _unused("front-buff", "int"),
        _unused("num-batchers", "int"),
        _unused("stats-addr", "string"),
    ),
}

FLAGS = (*(flag for flags in GROUPS.values() for flag in flags), Flag(name="help", kind="bool", final=True))

_USAGE = """\
log-shuttle reads log lines on stdin or from files, posts them to an HTTP drain in batches, and accounts for
every line.

  app | log-shuttle -logs-url URL [flags]

  app 2>&1 | log-shuttle -logs-url https://token:password@drain.example/logs
  app | LOGS_URL=https://drain.example/logs log-shuttle -bearer-token "$TOKEN" -gzip -drop=false
  app | log-shuttle -spool /var/spool/log-shuttle -logs-url URL
  log-shuttle -file '/var/log/app/*.log' -state-dir /var/lib/log-shuttle -logs-url URL

-x v, -x=v and --x v are alike; a boolean takes its value by = alone (-drop=false); the last of several
wins. A size is a number of bytes or has a suffix (512KiB, 64MiB), a duration has its unit (250ms, 1m30s).

{flags}

Environment:
  Every flag but -h and -version is a variable too: LOG_SHUTTLE_BATCH_SIZE is -batch-size. A flag wins
  over its variable, and an empty variable counts as unset. LOGS_URL comes after LOG_SHUTTLE_LOGS_URL.

Exit codes:
  0  every line was delivered
  1  the configuration cannot be used
  2  the command line cannot be read
  3  lines were dropped (the buffer was full) or lost (given up, or refused by the drain)
  4  none was, but some are in the spool still: the next start delivers them

Signals:
  SIGTERM, SIGINT  land: read on until stdin ends (of files nothing more), deliver, exit after -land-timeout
                   at the latest
  a second one     end at once
"""


def format_usage() -> str:
    """Return what `-h` prints."""
    return _USAGE.format(flags=format_help(GROUPS))
