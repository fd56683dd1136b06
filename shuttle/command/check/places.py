"""Checks that files and directories can be read or written. It creates and changes none."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from shuttle.command.check.finding import Finding, Overheard, State
from shuttle.command.check.provenance import hide_url
from shuttle.command.options import format_value
from shuttle.config import Config
from shuttle.core.setting import name_flag
from shuttle.core.stats_address import StatsAddress, parse_stats_address
from shuttle.errors import ConfigError, quote
from shuttle.input.files.discovery import Discovery
from shuttle.input.files.matching import find_closed
from shuttle.input.files.trust import Trust
from shuttle.input.interpreter import find_missing_interpreter
from shuttle.observe.web.web_server import listen
from shuttle.store import backlog, checkpoint_table
from shuttle.store.batch_table import read_all
from shuttle.store.inspection import Reader, find_damage, find_foreign, inspect_store
from shuttle.store.schema import Schema

_NAMED = 5  # paths that a finding names


def check_places(config: Config, command: Sequence[str]) -> Iterator[Finding]:
    """Yield findings about secret files, the input and the stores."""
    for name in ("logs_url_file", "bearer_token_file"):
        if path := getattr(config, name):  # it was read: there would be no configuration without it
            yield Finding("ok", "secret", f"{name_flag(name)} {hide_url(str(path))}: can be read")
    if command:
        yield _find_program(command[0])
    elif config.file:
        yield from _check_followed(config)
    else:
        yield Finding("ok", "input", "stdin; a check reads nothing from it")
    if config.spool:
        yield from _check_store("spool", config.spool, backlog.SCHEMA, read_all)
        with contextlib.suppress(OSError):  # where nobody may look, there is a failure already
            yield from _check_room(config.spool, config.spool_bytes)
    if config.state_dir and config.file:
        yield from _check_store("state", config.state_dir, checkpoint_table.SCHEMA, lambda _: ())
    if address := parse_stats_address(config.stats_addr):
        yield _check_address(address, config.stats_addr)


def _check_address(address: StatsAddress, given: str) -> Finding:
    try:
        listeners = listen(address, given)
    except ConfigError as error:
        return Finding("fail", "stats", str(error))
    for listener in listeners:
        listener.close()
    return Finding("ok", "stats", f"{given}: can be listened on")


def _find_program(name: str) -> Finding:
    if found := shutil.which(name):
        if missing := find_missing_interpreter(found):
            return Finding("fail", "program", f"{found}: its interpreter {quote(missing)} is missing, or not a program")
        return Finding("ok", "program", f"{found} can be started")
    where = "" if "/" in name else " in PATH"
    return Finding("fail", "program", f"{hide_url(name)}: not found{where}, or not a program")


def _check_store(topic: str, directory: Path, schema: Schema, read: Reader) -> Iterator[Finding]:
    try:
        said = inspect_store(directory, schema)
    except ConfigError as error:
        yield Finding("fail", topic, str(error))
        return
    shown = hide_url(str(directory))
    yield Finding("ok", topic, f"{shown}: {said}")
    if reason := find_foreign(directory, schema):
        yield Finding("warn", topic, f"{shown}: {reason}, and is set aside at the start")
    elif damage := find_damage(directory, schema, read):
        yield Finding("warn", topic, f"{shown}: {damage}; the start continues with what can be read of it")


def _check_room(directory: Path, most: int) -> Iterator[Finding]:
    """Yield a warning if a spool of `most` bytes would not fit the disk."""
    place = next(path for path in (directory, *directory.parents) if path.is_dir())
    used = sum(path.stat().st_size for path in directory.glob("spool.*")) if place == directory else 0
    free = shutil.disk_usage(place).free + used
    if free < most:
        room = f"{free // 2**20} MiB"
        yield Finding(
            "warn", "spool", f"the disk has room for {room}, less than -spool-bytes {format_value('size', most)}"
        )


def _check_followed(config: Config) -> Iterator[Finding]:
    """Yield which files are followed, and which of them cannot be.

    What may still come is a warning where files are followed, and a failure of a replay, which would exit with 1.
    """
    pending: State = "warn" if config.follow else "fail"
    overheard = Overheard("file")
    discovery = Discovery(config.file, Trust(config.file, follow_links=config.follow_links), overheard)
    readable: list[Path] = []
    others: list[Finding] = []
    for path in sorted(discovery.find(())):
        finding = _look_at(path, pending, named=discovery.is_named(path))
        readable += [] if finding else [path]
        others += [finding] if finding else []
    if readable:
        yield Finding("ok", "file", f"{len(readable)} can be read: {_list(readable)}")
    yield from _shorten(finding._replace(state=pending) for finding in overheard.findings)
    yield from _shorten(others)
    yield from _explain_unmatched(discovery, pending)


def _explain_unmatched(discovery: Discovery, pending: State) -> Iterator[Finding]:
    """Yield which directories are closed, and which patterns match nothing; it is a failure if that is why."""
    unmatched = {pattern: dict(find_closed(pattern)) for pattern in discovery.list_unmatched()}
    at_fault = {directory for closed in unmatched.values() for directory in closed}
    closed = [
        Finding("fail" if directory in at_fault else pending, "file", _refuse(directory, error))
        for directory, error in dict(discovery.list_closed()).items()
    ]
    yield from _shorten(closed)
    for pattern, directories in unmatched.items():
        if not directories:
            yield Finding(pending, "file", f"{hide_url(pattern)}: nothing matches")


def _look_at(path: Path, pending: State, *, named: bool) -> Finding | None:
    """Return why a path cannot be read; None if it can. What may still come is `pending`."""
    shown = hide_url(str(path))
    try:
        _open(path)
    except FileNotFoundError:
        return Finding(pending, "file", f"{shown}: does not exist")
    except IsADirectoryError:
        return Finding("fail" if named else pending, "file", f"{shown}: is a directory, which is not read")
    except OSError as error:
        return Finding("fail", "file", _refuse(path, error))
    return None


def _refuse(path: Path, error: OSError) -> str:
    return f"{hide_url(str(path))}: cannot be read: {error.strerror or error}"


def _open(path: Path) -> None:
    """Check that a path can be read. Only a file is opened: the writer of a FIFO would notice.

    Raises:
        OSError: It cannot.
    """
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise IsADirectoryError
    if stat.S_ISREG(kind):
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    elif not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _list(paths: Sequence[Path]) -> str:
    """Return the first of `paths`, and how many more there are."""
    more = len(paths) - _NAMED
    return ", ".join(hide_url(str(path)) for path in paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _shorten(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the first of `findings`, those that failed before the others, and how many more there are."""
    ordered = sorted(findings, key=lambda finding: finding.state != "fail")
    yield from ordered[:_NAMED]
    if more := len(ordered[_NAMED:]):
        yield Finding("warn", "file", f"and {more} more that cannot be read")
