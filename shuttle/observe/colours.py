"""Colours of the log's levels, on a terminal and nowhere else."""

import os
from collections.abc import Mapping

_CODES = {"debug": 2, "info": 32, "warning": 33, "error": 31}  # dim, green, yellow, red (ECMA-48, SGR)


def wants_colours(fd: int, environ: Mapping[str, str]) -> bool:
    """Return whether `fd` is a terminal that shows colours, and the user wants them (https://no-color.org)."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb" and os.isatty(fd)


def paint(level: str, line: str) -> str:
    """Return a line of logfmt with its level in colour."""
    return line.replace(f" level={level} ", f" level=\x1b[{_CODES[level]}m{level}\x1b[0m ", 1)
