"""A log without credentials: masks events before they reach the command's log or a library user's."""

from collections.abc import Iterable
from pathlib import PurePath

from shuttle.core.mask import Mask
from shuttle.observe.log import Logger

READ_LIMIT = 4096  # characters of a value that are looked through for credentials, and logged


class MaskedLog:
    """Passes events on to `log`, with every credential in their data masked."""

    def __init__(self, log: Logger, mask: Mask) -> None:
        self._log = log
        self._mask = mask

    def learn(self, secrets: Iterable[str]) -> None:
        """Also mask these credentials from now on."""
        self._mask.learn(secrets)

    def debug(self, event: str, /, **data: object) -> None:
        """Log what helps to find a fault, such as each attempt."""
        self._log.debug(event, **self._mask_each(data))

    def info(self, event: str, /, **data: object) -> None:
        """Log what an operator wants to know."""
        self._log.info(event, **self._mask_each(data))

    def warning(self, event: str, /, **data: object) -> None:
        """Log what may cost lines, or already did."""
        self._log.warning(event, **self._mask_each(data))

    def error(self, event: str, /, **data: object) -> None:
        """Log what only an operator can put right."""
        self._log.error(event, **self._mask_each(data))

    def _mask_each(self, data: dict[str, object]) -> dict[str, object]:
        return {key: self._mask_one(value) for key, value in data.items()}

    def _mask_one(self, value: object) -> object:
        """Return `value` if it holds no text or is a path without credentials; else its masked text."""
        if value is None or isinstance(value, bool | int | float):
            return value
        text = str(value)
        if isinstance(value, BaseException) and not text:  # httpx's time-outs say nothing but their name
            text = type(value).__name__
        shown = self._mask(text[:READ_LIMIT])  # masked before it is shortened further: a half is hard to find
        if len(text) > READ_LIMIT:
            return f"{shown}..."
        return value if shown == text and isinstance(value, PurePath) else shown
