"""The launch: an agent gets its log, what else shows what it does, and an event loop, and runs to its end."""

import gc
import importlib.util
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import anyio

from shuttle.config import Config
from shuttle.core.mask import Mask
from shuttle.core.stats_address import parse_stats_address
from shuttle.observe.capture import capture
from shuttle.observe.cleaner import Cleaner
from shuttle.observe.colours import wants_colours
from shuttle.observe.credentials import find_credentials
from shuttle.observe.line_writer import LineWriter
from shuttle.observe.log import APP, Logger, Writer, make_logger
from shuttle.observe.masked_log import MaskedLog
from shuttle.observe.recent_lines import RecentLines
from shuttle.observe.system_log import SystemLog

if TYPE_CHECKING:
    from shuttle.observe.live_line import LiveLine
    from shuttle.observe.progress_bar import ProgressBar
    from shuttle.observe.web.site import Site

STDOUT, STDERR = 1, 2
SKIPPED = {
    "logfmt": f"app={APP} level=warning at=log.skipped lines={{}}",
    "json": f'{{"app":"{APP}","level":"warning","at":"log.skipped","lines":{{}}}}',
}
"""What tells of lines of the log that stderr did not take."""


class Views(NamedTuple):
    """What shows an operator what an agent does."""

    log: Logger
    bar: "ProgressBar | None" = None
    """Of a replay that somebody watches on a terminal."""
    line: "LiveLine | None" = None
    """Of all else that somebody watches there."""
    site: "Site | None" = None
    """At `-stats-addr`."""


class Runner(Protocol):
    """An agent."""

    async def run(self) -> int:
        """Run to the end, and return the exit code."""


def launch(config: Config, make_agent: Callable[[Config, Views], Runner]) -> int:
    """Run the agent that `make_agent` returns, with its views and an event loop, and return the exit code.

    Raises:
        ConfigError: `-stats-addr` cannot be listened on, or something else that the configuration names cannot be used.
    """
    mask = Mask(find_credentials(config, os.environ))
    bar, line = _make_last_line(config, mask)
    writer: Writer = bar or line or LineWriter(STDERR, told=SKIPPED[config.log_format])
    recent = RecentLines() if config.stats_addr else None
    log = MaskedLog(_make_log(config, writer, recent), mask)
    capture(log, mask=mask, writer=writer if config.log_format == "logfmt" else _Tracebacks(log))
    site = _open_site(config, log, mask, recent) if recent is not None else None
    if config.stats_source:
        config = replace(config, stats_source=mask(config.stats_source))
    gc.freeze()  # what the start has made stays: no collection need look at it
    gc.enable()  # the command has it disabled

    async def run_agent() -> int:
        return await make_agent(config, Views(log, bar, line, site)).run()

    try:
        return anyio.run(run_agent, backend_options=choose_loop())
    finally:
        if site:
            site.close()


def choose_loop() -> dict[str, Any]:
    """Return anyio's options for the event loop of the command: uvloop's where there is one."""
    return {"use_uvloop": importlib.util.find_spec("uvloop") is not None}


def _make_log(config: Config, writer: Writer, recent: RecentLines | None) -> Logger:
    return make_logger(
        verbose=config.verbose,
        writer=writer,
        system_log=SystemLog(APP) if config.log_to_syslog else None,
        form=config.log_format,
        colours=config.log_format == "logfmt" and wants_colours(STDERR, os.environ),
        recent=recent,
    )


def _make_last_line(config: Config, mask: Mask) -> "tuple[ProgressBar | None, LiveLine | None]":
    """Return a bar for a replay that somebody watches on a terminal, or a line for what else keeps them waiting.

    There is no such line where something else is written to the terminal: the copy of -tee, or statistics.
    """
    if not os.isatty(STDERR):
        return None, None
    told = SKIPPED[config.log_format]
    if config.file and not config.follow:
        from shuttle.observe.progress_bar import ProgressBar  # noqa: PLC0415  # only a terminal pays for it

        return ProgressBar(STDERR, told), None
    if config.tee or (config.stats_interval and os.isatty(STDOUT)):
        return None, None
    from shuttle.observe.live_line import LiveLine  # noqa: PLC0415  # as above

    return None, LiveLine(STDERR, told, Cleaner(mask))


def _open_site(config: Config, log: Logger, mask: Mask, recent: RecentLines) -> "Site":
    from shuttle.observe.web.site import Site  # noqa: PLC0415  # half the time of a start, and few want it

    address = parse_stats_address(config.stats_addr)
    assert address, "the configuration was checked"
    return Site(address, config.stats_addr, log=log, clean=Cleaner(mask), recent=recent)


class _Tracebacks:
    """Makes an event of each line of a traceback, so that every line of the log has one form."""

    def __init__(self, log: Logger) -> None:
        self._log = log

    def write(self, text: str) -> None:
        """Log `text`."""
        self._log.error("traceback", line=text)
