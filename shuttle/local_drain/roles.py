"""What the server of a local drain needs of others: who receives the deliveries, and who has pages to show."""

import threading
from collections.abc import Generator, Mapping, Sequence
from email.message import Message
from typing import Protocol

from shuttle.local_drain.behaviour import Behaviour


class Pages(Protocol):
    """What is answered to GET. Its methods are called in the threads of the connections."""

    def take(self, frames: Sequence[bytes], counts: Mapping[str, int]) -> None:
        """Take in the accepted frames of a request, if any, and what has been counted up to it."""

    def answer(
        self, target: str, headers: Message, *, behaviour: Behaviour, stopping: threading.Event
    ) -> Generator[bytes, None, None]:
        """Yield the answer, piece by piece, and end soon when `stopping` is set."""


class Receiver(Protocol):
    """What becomes of the requests. Its methods are called in the threads of the connections."""

    behaviour: Behaviour
    stopping: threading.Event
    pages: Pages | None

    def begin(self) -> Behaviour:
        """Count a request and return how to behave in it."""

    def accept(self, headers: Message, frames: list[bytes], *, status: int, reason: str) -> int:
        """Take the frames of a request and return the status to answer."""

    def refuse(self, headers: Message, *, status: int, reason: str) -> None:
        """Count and show a request that is not accepted."""

    def note(self, reason: str) -> None:
        """Show what became of a connection outside of a request."""
