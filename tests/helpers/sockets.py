"""A server whose every byte a test scripts: plain or TLS sockets, a thread for each connection."""

import contextlib
import functools
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread
import httpx

GUARD = 20.0  # seconds; a test that would hang ends with them
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What the server read."""

    connection: int
    """Counts from 0."""
    line: str
    headers: httpx.Headers
    body: bytes = b""


class Peer:
    """One connection, as the script sees it. Whatever it does when the client has gone ends the script."""

    def __init__(self, server: "Server", connection: socket.socket, number: int) -> None:
        self.connection = connection
        self.number = number
        self._server = server
        self._unread = b""

    def read_head(self) -> Request:
        """Read a request but for its body."""
        while b"\r\n\r\n" not in self._unread:
            self._receive()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        line, *headers = head.decode("ascii").split("\r\n")
        return Request(self.number, line, httpx.Headers(dict(header.split(": ", 1) for header in headers)))

    def read(self) -> Request:
        """Read a request."""
        head = self.read_head()
        length = int(head.headers.get("Content-Length", 0))
        while len(self._unread) < length:
            self._receive()
        body, self._unread = self._unread[:length], self._unread[length:]
        request = Request(head.connection, head.line, head.headers, body)
        self._server.note(self._server.requests, request)
        return request

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.sendall(piece)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on as a server in TLS."""
        assert not self._unread
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self._server.keep(self.connection)

    def reset(self) -> None:
        """Close with a RST in place of a FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def wait_gone(self) -> None:
        """Read on until the client has closed the connection; this ends the script."""
        while True:
            self._receive()

    def _receive(self) -> None:
        data = self.connection.recv(_CHUNK)
        if not data:
            raise ConnectionAbortedError
        self._unread += data


Script = Callable[[Peer], None]


def always(answer: bytes) -> Script:
    """Answer every request alike."""

    def run(peer: Peer) -> None:
        while True:
            peer.read()
            peer.send(answer)

    return run


def in_turn(*answers: bytes) -> Script:
    """Give one answer after the other, then close the connection."""

    def run(peer: Peer) -> None:
        for answer in answers:
            peer.read()
            peer.send(answer)

    return run


def close_at_once(_peer: Peer) -> None:
    """Close without a word."""


def close_unanswered(peer: Peer) -> None:
    """Read a request and close."""
    peer.read()


def hang(peer: Peer) -> None:
    """Read a request and say nothing, until the client goes."""
    peer.read()
    peer.wait_gone()


def tunnel(context: ssl.SSLContext, script: Script, answer: bytes = ESTABLISHED) -> Script:
    """Be a proxy that answers CONNECT, and the drain at the other end of its tunnel, which serves `script`."""

    def run(peer: Peer) -> None:
        peer.read()
        peer.send(answer)
        peer.start_tls(context)
        script(peer)

    return run


class Server:
    """Gives each connection the next of its scripts; the last one serves all that follow."""

    def __init__(
        self,
        *scripts: Script,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        receive_buffer: int | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.accepted: list[int] = []
        """The connections, by number; those whose TLS handshake failed too."""
        self.gone: list[int] = []
        """The connections that the client has closed."""
        self.refused: list[str] = []
        """Why TLS handshakes failed, as the server saw it."""
        self._scripts = scripts
        self._tls = tls
        self._changed = threading.Condition()
        self._failures: list[BaseException] = []
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=100
        )
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.port: int = self._listener.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{name}:{self.port}/logs"
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _end(self._listener)
        self._threads[0].join()
        with self._changed:
            for connection in self._open:
                _end(connection)
        for thread in self._threads[1:]:
            thread.join()
        if self._failures and error is None:
            raise self._failures[0]

    def note(self, events: list[Request] | list[int] | list[str], event: Request | int | str) -> None:
        with self._changed:
            events.append(event)  # type: ignore[arg-type]
            self._changed.notify_all()

    def keep(self, connection: socket.socket) -> None:
        """Close `connection` at the end, which wakes whoever reads from it."""
        with self._changed:
            self._open.append(connection)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` of this server is true."""
        await anyio.to_thread.run_sync(functools.partial(self._wait, condition))

    async def until_all_gone(self) -> None:
        """Wait until the client has closed every connection. Only what a script reads shows that it has."""
        await self.until(lambda: len(self.gone) == len(self.accepted) > 0)

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, GUARD), (self.accepted, self.gone, self.requests)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            number = len(self.accepted)
            self.note(self.accepted, number)
            thread = threading.Thread(target=self._serve, args=(connection, number))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.settimeout(GUARD)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                connection.do_handshake()
        except OSError as error:
            self.note(self.refused, str(error))
            _linger(connection)
            return
        self.keep(connection)
        peer = Peer(self, connection, number)
        try:
            self._scripts[min(number, len(self._scripts) - 1)](peer)
        except OSError as error:
            if isinstance(error, TimeoutError):
                self._failures.append(error)
            self.note(self.gone, number)
        except BaseException as error:  # noqa: BLE001  # the test's own thread raises it
            self._failures.append(error)
        finally:
            peer.connection.close()


def _linger(connection: socket.socket) -> None:
    """Close as servers do: what is unread when a socket closes sends a reset, which overtakes the TLS alert."""
    with socket.socket(fileno=connection.detach()) as bare, contextlib.suppress(OSError):
        bare.settimeout(GUARD)
        bare.shutdown(socket.SHUT_WR)
        while bare.recv(_CHUNK):
            pass


def _end(connection: socket.socket) -> None:
    """Wake the thread that waits for it; closing alone does not."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@functools.cache
def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
