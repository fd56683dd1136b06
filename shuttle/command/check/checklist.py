"""The checks, in the order of a start, and the exit code: 0 if everything works."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import anyio

from shuttle.command import signals
from shuttle.command.check import destination
from shuttle.command.check.finding import Finding, Report
from shuttle.command.check.places import check_places
from shuttle.command.check.provenance import list_settings
from shuttle.command.flags import OFFLINE, CommandLine
from shuttle.command.launch import choose_loop
from shuttle.command.settings import find_given, find_ineffective, find_warnings, make_config, name_giver
from shuttle.command.wrapper import refuse_files
from shuttle.config import Config
from shuttle.core.mask import Mask
from shuttle.errors import ConfigError
from shuttle.observe.credentials import find_credentials

WORKS, FAILED = 0, 1  # exit codes


def run_checks(
    line: CommandLine, environ: Mapping[str, str], extent: str, *, mask: Mask, write: Callable[[str], None]
) -> int:
    """Check what `line` and `environ` configure, as far as `extent` says, and return the exit code."""
    signals.restore()
    report = Report(mask, write)
    config = _check_settings(line, environ, report)
    if config is None:
        report.add([Finding("skip", "others", "need a usable configuration")])
        return FAILED
    report.add(check_places(config, line.command))
    config = destination.limit(config)
    route = destination.prepare(config, report)
    if extent == OFFLINE:
        report.add([Finding("skip", "network", "-check=offline stops before it")])
    elif route is None:
        report.add([Finding("skip", "network", "needs what failed above")])
    else:
        anyio.run(report.follow, destination.reach(config, route), backend_options=choose_loop())
    return FAILED if report.failed else WORKS


def _check_settings(line: CommandLine, environ: Mapping[str, str], report: Report) -> Config | None:
    """Report the settings and where they come from, and return the configuration if it can be used."""
    report.add(_warn(find_warnings(line.flags, environ)))
    try:
        given = find_given(line.flags, environ)
    except ConfigError as error:
        report.add([Finding("fail", "setting", str(error))])
        return None
    reason, config = "", None
    try:
        config = make_config(given)
        _mask_credentials(config, environ, report)
        if line.command:
            refuse_files(config)
    except ConfigError as error:
        reason = name_giver(str(error), given)
    report.add(list_settings(given))
    if reason or config is None:
        report.add([Finding("fail", "setting", reason)])
        return None
    report.add(_warn(find_ineffective(given, config, wraps=bool(line.command))))
    return config


def _mask_credentials(config: Config, environ: Mapping[str, str], report: Report) -> None:
    """Also mask secrets that are in files."""
    known = find_credentials(config, environ)
    if config.endpoint.aws:
        report.mask = Mask(known)  # as the log has it: the path of the URL is a stream, and no secret
    else:
        report.mask.learn(known)


def _warn(texts: Iterable[str]) -> Iterator[Finding]:
    return (Finding("warn", "setting", text) for text in texts)
