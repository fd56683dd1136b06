"""log-shuttle: forwards log lines to an HTTP drain and accounts for every one of them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shuttle.config import Config
    from shuttle.errors import ConfigError
    from shuttle.shuttle import Shuttle

__version__ = "0.2.0"
__all__ = ["Config", "ConfigError", "Shuttle"]

_HOMES = {"Config": "shuttle.config", "ConfigError": "shuttle.errors", "Shuttle": "shuttle.shuttle"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: `log-shuttle -h` need not wait for an HTTP client."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
