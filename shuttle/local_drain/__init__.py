"""The command `log-shuttle-drain`, and the drain in it as a class: a local peer to see log-shuttle work."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shuttle.local_drain.behaviour import Behaviour
    from shuttle.local_drain.program import main
    from shuttle.local_drain.receiver import Exchange, LocalDrain

__all__ = ["Behaviour", "Exchange", "LocalDrain", "main"]

_HOMES = {"Behaviour": "behaviour", "Exchange": "receiver", "LocalDrain": "receiver", "main": "program"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: pytest loads the plugin beside it for every test, of whatever."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
