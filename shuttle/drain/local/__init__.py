"""The command `log-shuttle-drain`, and the drain in it as a class: a local peer to see log-shuttle work."""

from shuttle.drain.local.command import main
from shuttle.drain.local.options import Options
from shuttle.drain.local.receiver import Exchange, LocalDrain

__all__ = ["Exchange", "LocalDrain", "Options", "main"]
