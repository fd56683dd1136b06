"""The command `log-shuttle-drain`, and the drain in it as a class: a local peer to see log-shuttle work."""

from shuttle.local_drain.behaviour import Behaviour
from shuttle.local_drain.program import main
from shuttle.local_drain.receiver import Exchange, LocalDrain

__all__ = ["Behaviour", "Exchange", "LocalDrain", "main"]
