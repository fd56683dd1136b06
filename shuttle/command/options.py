"""The flags of log-shuttle, made from the settings of Config, and its usage text."""

from collections.abc import Iterator
from dataclasses import MISSING, fields

from shuttle.command.flags import Flag, format_help
from shuttle.config import SETTINGS, Config
from shuttle.core.setting import Kind, Setting, name_flag

DEFAULTS = {entry.name: entry.default for entry in fields(Config) if entry.default is not MISSING}
_DURATIONS = (("h", 3600), ("m", 60), ("s", 1), ("ms", 0.001))
_SIZES = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("", 1))
_NO_EFFECT = (
    "accepted, but without effect",
    "has no effect: remove it",
)  # flags that Go's log-shuttle has, and this one need not

# Flags that set no field of their own. The usage has these two behind the settings that are named.
_BEHIND = {
    "partial_timeout": Flag(
        name="skip-headers",
        kind="bool",
        help="deprecated: use -input-format rfc5424",
        deprecated="is deprecated: use -input-format rfc5424",
    ),
    "appname": Flag(name="logplex-token", kind="string", help="the same as -appname", field="appname"),
}
_OTHERS = (
    Flag(
        name="check",
        kind="check",
        help="check the configuration line by line, and exit; -check=offline stops before the network",
    ),
    Flag(name="h", kind="bool", help="print this and exit", aliases=("help",), final=True),
    Flag(name="version", kind="bool", help="print the version and exit", aliases=("V",), final=True),
    Flag(name="front-buff", kind="int", help=_NO_EFFECT[0], deprecated=_NO_EFFECT[1]),
    Flag(name="num-batchers", kind="int", help=_NO_EFFECT[0], deprecated=_NO_EFFECT[1]),
)


def _format_default(kind: Kind, value: object) -> str:
    """Return the default as a user would write it; an empty text if it is off, empty or None."""
    if kind == "bool":
        return "true" if value else ""
    return format_value(kind, value) if value else ""


def format_value(kind: Kind, value: object) -> str:
    """Return a value as a user would write it. A boolean's is written behind its flag."""
    if kind == "duration" and isinstance(value, float) and value > 0:
        return next((f"{value / length:g}{unit}" for unit, length in _DURATIONS if value >= length), f"{value:g}s")
    if kind == "size" and isinstance(value, int) and value:
        return next(f"{value // length}{unit}" for unit, length in _SIZES if value % length == 0)
    if kind == "duration" and isinstance(value, float):
        return f"{value:g}s" if value else "0"
    return f'"{value}"' if " " in str(value) or not str(value) else str(value)


def _make_flag(name: str, setting: Setting) -> Flag:
    return Flag(
        name=name_flag(name).removeprefix("-"),
        kind=setting.kind,
        metavar=setting.metavar,
        help=setting.help,
        default=_format_default(setting.kind, DEFAULTS.get(name)),
        field=name,
        secret=setting.secret,
        repeatable=setting.repeatable,
        choices=setting.rule.choices if setting.rule else (),
    )


def _group_flags() -> Iterator[tuple[str, list[Flag]]]:
    """Yield each heading of the usage with its flags."""
    group: list[Flag] = []
    for name, setting in SETTINGS.items():
        if setting.heading:
            group = []
            yield setting.heading, group
        group.append(_make_flag(name, setting))
        if name in _BEHIND:
            group.append(_BEHIND[name])
    yield "Others", list(_OTHERS)


GROUPS = dict(_group_flags())
"""The flags by their heading in the usage."""

FLAGS = tuple(flag for flags in GROUPS.values() for flag in flags)

INTRODUCTION = """\
log-shuttle reads log lines from stdin, files or an application, posts them to an HTTP drain in batches,
and accounts for every line.

  app | log-shuttle -logs-url URL [flags]
  log-shuttle -logs-url URL [flags] -- app args
  log-shuttle -check -logs-url URL [flags] [-- app args]

Examples:
  export LOGS_URL=https://token:password@drain.example/logs
  app 2>&1 | log-shuttle
  app | log-shuttle -logs-url https://drain.example/logs -bearer-token-file token -gzip -drop=false
  app | log-shuttle -spool /var/spool/log-shuttle -logs-url URL
  log-shuttle -file '/var/log/app/*.log' -state-dir /var/lib/log-shuttle -logs-url URL
  log-shuttle -logs-url URL -tee -- python -m app

-x v, -x=v and --x v mean the same. A boolean flag, and -check, takes a value only with =: -drop=false.
If you give a flag twice, the last one wins. A duration has a unit: 250ms, 1m30s. A size is a number of
bytes or has a binary suffix: 64KiB, 64KB and 64K are all 65536; M and G work the same way.
"""
"""The usage in front of the flags: what the command does, how it is called, examples, and the grammar."""

EXPLANATIONS = """\
Environment:
  Every flag except -h and -version is also a variable: LOG_SHUTTLE_BATCH_SIZE sets -batch-size. A flag
  wins over its variable, an empty variable counts as unset, and LOG_SHUTTLE_LOGS_URL wins over LOGS_URL.

Exit codes:
  0  every line was delivered
  1  the configuration cannot be used, or stdin or a replayed file could not be read to its end
  2  the command line cannot be read
  3  lines were dropped (the queue was full) or lost (given up, or refused by the drain)
  4  nothing was dropped or lost, but lines are still in the spool, or in replayed files: the next start
     delivers them
  128 + n  with -follow=false: signal n came before everything was delivered
  With -check: 0 if everything works, 1 if something does not.
  With an application: its own exit code; 128 + n if signal n ended it, 127 if it was not found, 126 if it
  could not be started. stderr says what was dropped or lost.

Signals:
  SIGTERM, SIGINT, SIGHUP, SIGQUIT
                   land: read on until stdin ends (files are not read further), deliver, and exit within
                   -land-timeout
  a second one     end at once
  SIGUSR1          print the counts so far and the state of the drain
  An application gets all of these, and SIGUSR2, SIGWINCH and SIGCONT, and decides what to do.
  log-shuttle lands when it has ended.
"""
"""The usage behind the flags, each paragraph under a heading of its own."""


def format_usage() -> str:
    """Return what `-h` prints."""
    return f"{INTRODUCTION}\n{format_help(GROUPS)}\n\n{EXPLANATIONS}"
