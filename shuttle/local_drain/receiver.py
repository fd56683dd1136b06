"""LocalDrain: a server that takes what log-shuttle sends, as logplex does, and misbehaves when it is told to."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from email.message import Message
from types import TracebackType
from typing import Self

from shuttle.errors import ConfigError
from shuttle.local_drain.behaviour import Behaviour
from shuttle.local_drain.request import NO_ANSWER, read_count
from shuttle.local_drain.roles import Pages
from shuttle.local_drain.server import HOST, Server
from shuttle.local_drain.syslog import read_message

_IDS_REMEMBERED = 100_000  # some 15 MB; at 500 lines a request, 80 minutes of 10,000 lines/s
_POLL_INTERVAL = 0.05  # seconds; how soon the accepting thread sees that it is to end


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """What became of a request, or without headers of a connection that no request came from."""

    headers: Message = field(default_factory=Message, repr=False)
    status: int = NO_ANSWER
    frames: list[bytes] = field(default_factory=list, repr=False)
    """What was taken: nothing, if the drain had it before."""
    reason: str = ""
    """Why it was refused or kept waiting."""


@dataclass(kw_only=True, slots=True)
class Counts:
    """What a drain has seen since it listens. Reports of loss count as messages, as in Logplex-Msg-Count."""

    requests: int = 0
    refused: int = 0
    messages: int = 0
    duplicates: int = 0
    """Messages in requests whose Logplex-Frame-Id was accepted before."""
    dropped: int = 0
    lost: int = 0

    def __str__(self) -> str:
        return " ".join(f"{name}={count}" for name, count in asdict(self).items())


class LocalDrain:
    """A drain on 127.0.0.1 that listens while its context is entered.

    `behaviour` may be replaced meanwhile, so that a drain goes down or comes back. Everything is called and counted
    before the answer leaves, so whoever has the answer sees it here.

    Args:
        behaviour: How it listens and behaves.
        watch: Called with each exchange, one at a time; by default they are kept in `exchanges`.
        pages: What it answers to GET; by default, that this is no POST.

    Raises:
        ConfigError: On entering: the port cannot be bound, or the certificate cannot be used.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        watch: Callable[[Exchange], None] | None = None,
        pages: Pages | None = None,
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.exchanges: list[Exchange] = []
        self.pages = pages
        self.counts = Counts()
        self.stopping = threading.Event()
        self._watch = watch or self.exchanges.append
        self._changed = threading.Condition()
        self._accepted_ids: dict[str, None] = {}

    def __enter__(self) -> Self:
        context = _make_context(self.behaviour)
        try:
            self._server = Server(self, context)
        except OSError as error:
            raise ConfigError(
                f"-port {self.behaviour.port}: cannot listen on {HOST} ({error.strerror}); "
                "must be a free port, or 0 for any"
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_INTERVAL,))
        self._thread.start()
        scheme = "https" if context else "http"
        self.url = f"{scheme}://{HOST}:{self._server.server_address[1]}/"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        for connection in list(self._server.connections):
            with contextlib.suppress(OSError):  # it has ended by itself
                # Reading ends, and the answer that is under way still leaves. SSLSocket's own shutdown() forgets the
                # keys under the thread that answers.
                reader = connection in self._server.readers  # which may not take what is left of a page
                socket.socket.shutdown(connection, socket.SHUT_RDWR if reader else socket.SHUT_RD)
        self._server.server_close()
        self._thread.join()

    @property
    def requests(self) -> list[Message]:
        """The headers of each request, whatever the answer."""
        return [exchange.headers for exchange in self.exchanges if exchange.headers]

    @property
    def frames(self) -> list[bytes]:
        """The accepted frames, without their lengths and without duplicates."""
        return [frame for exchange in self.exchanges for frame in exchange.frames]

    @property
    def messages(self) -> list[bytes]:
        """The accepted messages: the frames without their headers, newlines included."""
        return [read_message(frame) for frame in self.frames]

    def wait_for(self, *, requests: int = 0, messages: int = 0, timeout: float = 30.0) -> bool:
        """Wait until so many requests have begun and messages were accepted; return False if `timeout` comes first."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self.counts.requests >= requests and self.counts.messages >= messages, timeout
            )

    def begin(self) -> Behaviour:
        """Count a request and return how to behave in it."""
        with self._changed:
            self.counts.requests += 1
            self._changed.notify_all()
            due = not self.behaviour.times or self.counts.requests <= self.behaviour.times
            return self.behaviour if due else self.behaviour.behaved()

    def accept(self, headers: Message, frames: list[bytes], *, status: int, reason: str) -> int:
        """Count and show `frames`, but only as duplicates if their Logplex-Frame-Id was accepted before.

        Returns:
            The status to answer.
        """
        frame_id = headers.get("Logplex-Frame-Id")
        with self._changed:
            if frame_id in self._accepted_ids:
                self.counts.duplicates += len(frames)
                frames = []
            else:
                self.counts.messages += len(frames)
                self.counts.dropped += read_count(headers, "Logplex-Drop-Count")
                self.counts.lost += read_count(headers, "Logplex-Lost-Count")
                self._remember(frame_id)
            self._settle(Exchange(headers=headers, status=status, frames=frames, reason=reason))
            self._changed.notify_all()
        return status

    def refuse(self, headers: Message, *, status: int, reason: str) -> None:
        """Count and show a request that is not accepted."""
        with self._changed:
            self.counts.refused += 1
            self._settle(Exchange(headers=headers, status=status, reason=reason))

    def note(self, reason: str) -> None:
        """Show what became of a connection outside of a request."""
        with self._changed:
            self._watch(Exchange(reason=reason))

    def _settle(self, exchange: Exchange) -> None:
        self._watch(exchange)
        if self.pages:
            self.pages.take(exchange.frames, asdict(self.counts))

    def _remember(self, frame_id: str | None) -> None:
        if frame_id is None:
            return
        if len(self._accepted_ids) == _IDS_REMEMBERED:
            del self._accepted_ids[next(iter(self._accepted_ids))]  # the oldest
        self._accepted_ids[frame_id] = None


def _make_context(behaviour: Behaviour) -> ssl.SSLContext | None:
    if behaviour.cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(behaviour.cert, behaviour.key)
    except OSError as error:
        files = f"-cert {str(behaviour.cert)!r}" + (f" with -key {str(behaviour.key)!r}" if behaviour.key else "")
        raise ConfigError(
            f"{files}: {error.strerror or error}; must be PEM files of a certificate and its key"
        ) from None
    return context
