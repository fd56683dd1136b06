"""The drain's weather: it fails at random, in every way that it can."""

import threading
from collections.abc import Collection
from email.message import Message
from http import HTTPStatus
from random import Random
from typing import Protocol

from shuttle.local_drain import Behaviour, LocalDrain
from tests.helpers.process import find_closed_port

TIMEOUT = 0.5  # seconds that the agent waits for an answer
FAULTS = {
    "503": Behaviour(status=503),
    "500": Behaviour(status=500),
    "429": Behaviour(status=429, retry_after=1),
    "close": Behaviour(close=True),
    "reset": Behaviour(reset=True),
    "slow": Behaviour(delay=TIMEOUT / 5),
    "late": Behaviour(delay=TIMEOUT * 1.5),  # what is taken is not answered in time
    "mute": Behaviour(),  # what is taken is not answered at all
    "taken": Behaviour(),  # what is taken is answered with 500
    "down": Behaviour(),
}


class Books(Protocol):
    """What the drain has taken, and what happened."""

    def take(self, frame_id: str, frames: list[bytes], *, answered: bool) -> None:
        """Enter a request that the drain has taken, and whether it says so in time."""

    def note(self, event: str, kind: str = "") -> None:
        """Enter what happened, and count it by its kind."""


class FaultyDrain(LocalDrain):
    """Enters what it takes in the books; hangs up in place of an answer if it is `mute`, or says that it has failed."""

    def __init__(self, behaviour: Behaviour, books: Books) -> None:
        super().__init__(behaviour, watch=lambda _: None)
        self.mute = self.denies = False
        self._books = books

    def accept(self, headers: Message, frames: list[bytes], *, status: int, reason: str) -> int:
        answered = not self.mute and not self.denies and self.behaviour.delay < TIMEOUT
        self._books.take(headers["Logplex-Frame-Id"], frames, answered=answered)
        answer = super().accept(headers, frames, status=status, reason=reason)
        if self.mute:
            raise ConnectionAbortedError
        return HTTPStatus.INTERNAL_SERVER_ERROR if self.denies else answer


class Weather(threading.Thread):
    """Has a drain at `url`, which fails now and then until `stop` is set; it listens from `open` to `close`."""

    def __init__(self, books: Books, random: Random, stop: threading.Event, without: Collection[str] = ()) -> None:
        super().__init__(name="weather")
        self._faults = [name for name in FAULTS if name not in without]
        self._books = books
        self._random = random
        self._end = stop
        self._port = find_closed_port()
        self.url = f"http://127.0.0.1:{self._port}/"
        self._drain: FaultyDrain

    def run(self) -> None:
        while self._faults and not self._end.wait(self._random.uniform(0.1, 1.5)):
            name = self._random.choice(self._faults)
            self._books.note(f"drain: {name}", "faults")
            if name == "down":
                self.close()
            self._drain.mute = name == "mute"
            self._drain.denies = name == "taken"
            self._drain.behaviour = FAULTS[name]
            self._end.wait(self._random.uniform(0.1, 1.5))
            if name == "down":
                self.open()
            self._drain.mute = self._drain.denies = False
            self._drain.behaviour = Behaviour()
            self._books.note("drain: fair")

    def open(self) -> None:
        """Begin to listen."""
        self._drain = FaultyDrain(Behaviour(port=self._port), self._books).__enter__()

    def close(self) -> None:
        self._drain.__exit__(None, None, None)
