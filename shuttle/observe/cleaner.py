"""Cleans text of strangers before somebody sees it: without credentials, and safe to show on one line."""

from functools import lru_cache

from shuttle.core.escape import escape
from shuttle.core.mask import Mask

_KEPT = 256  # texts: the names of files and the reasons of an outage are shown again and again


class Cleaner:
    """Masks what `mask` knows and escapes the rest. It remembers what it has cleaned: masking a path takes 0.2 ms."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._clean = lru_cache(_KEPT)(self._clean_anew)

    def __call__(self, text: str) -> str:
        """Return `text` as it may be shown."""
        return self._clean(text, self._mask.size)

    def _clean_anew(self, text: str, _size: int) -> str:
        return escape(self._mask(text))
