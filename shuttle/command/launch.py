"""The launch: gives an agent its log and an event loop, and runs it."""

import gc
import importlib.util
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from shuttle.config import Config
from shuttle.core.mask import Mask
from shuttle.observe.capture import capture
from shuttle.observe.credentials import find_credentials
from shuttle.observe.line_writer import LineWriter
from shuttle.observe.log import APP, Logger, Writer, make_logger
from shuttle.observe.masked_log import MaskedLog
from shuttle.observe.system_log import SystemLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from shuttle.observe.progress_bar import ProgressBar

STDERR = 2
SKIPPED = f"app={APP} level=warning at=log.skipped lines={{}}"
"""What tells of lines of the log that stderr did not take."""


class Runner(Protocol):
    """An agent."""

    async def run(self) -> int:
        """Run to the end, and return the exit code."""


def launch(config: Config, make_agent: "Callable[[Config, Logger, ProgressBar | None], Runner]") -> int:
    """Run the agent that `make_agent` returns, with its log and an event loop, and return the exit code."""
    bar = _make_bar(config)
    writer: Writer = bar or LineWriter(STDERR, told=SKIPPED)
    mask = Mask(find_credentials(config, os.environ))
    system_log = SystemLog(APP) if config.log_to_syslog else None
    log = MaskedLog(make_logger(verbose=config.verbose, writer=writer, system_log=system_log), mask)
    capture(log, mask=mask, writer=writer)
    if config.stats_source:
        config = replace(config, stats_source=mask(config.stats_source))
    gc.freeze()  # what the start has made stays: no collection need look at it
    gc.enable()  # the command has it disabled

    async def run_agent() -> int:
        return await make_agent(config, log, bar).run()

    return anyio.run(run_agent, backend_options=choose_loop())


def choose_loop() -> dict[str, Any]:
    """Return anyio's options for the event loop of the command: uvloop's where there is one."""
    return {"use_uvloop": importlib.util.find_spec("uvloop") is not None}


def _make_bar(config: Config) -> "ProgressBar | None":
    """Return a bar for a replay that somebody watches on a terminal."""
    if not config.file or config.follow or not os.isatty(STDERR):
        return None
    from shuttle.observe.progress_bar import ProgressBar  # noqa: PLC0415  # only a terminal pays for it

    return ProgressBar(STDERR)
