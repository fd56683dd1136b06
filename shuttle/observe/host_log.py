"""The log of a library: the logger `log_shuttle` of Python's logging, which the program around it may configure."""

import logging

from shuttle.observe.log import render_data

NAME = "log_shuttle"


class HostLog:
    """Passes events on to the logger. Without any configuration Python shows warnings and errors on stderr."""

    def __init__(self) -> None:
        self._logger = logging.getLogger(NAME)

    def debug(self, event: str, /, **data: object) -> None:
        """Log what helps to find a fault, such as each attempt."""
        self._log(logging.DEBUG, event, data)

    def info(self, event: str, /, **data: object) -> None:
        """Log what an operator wants to know."""
        self._log(logging.INFO, event, data)

    def warning(self, event: str, /, **data: object) -> None:
        """Log what may cost lines, or already did."""
        self._log(logging.WARNING, event, data)

    def error(self, event: str, /, **data: object) -> None:
        """Log what only an operator can put right."""
        self._log(logging.ERROR, event, data)

    def _log(self, level: int, event: str, data: dict[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", f"{event} {render_data(data)}".rstrip())
