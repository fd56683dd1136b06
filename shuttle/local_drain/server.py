"""The local drain's HTTP: one thread a connection, one answer a request."""

import contextlib
import math
import socket
import socketserver
import ssl
import struct
import sys
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from shuttle.local_drain.behaviour import Behaviour
from shuttle.local_drain.request import BODY_LIMIT, NO_ANSWER, BodyError, RequestError, check_request, read_body
from shuttle.local_drain.roles import Receiver

HOST = "127.0.0.1"
_NO_LINGER = struct.pack("ii", 1, 0)  # on, for 0 seconds: close() then sends a reset


class Server(socketserver.ThreadingTCPServer):
    """The listening socket of `drain` and its connections; it joins their threads when it is closed.

    Raises:
        OSError: The port cannot be bound.
    """

    allow_reuse_address = True
    request_queue_size = 128  # a benchmark's connections at once, and no SYN is dropped

    def __init__(self, drain: Receiver, context: ssl.SSLContext | None) -> None:
        super().__init__((HOST, drain.behaviour.port), Handler)
        self.drain = drain
        self.connections: dict[socket.socket, float] = {}
        self.readers: set[socket.socket] = set()
        """Those of the connections that get a page, and may be slow to take it."""
        if context:  # the handshake waits for the first read, in the connection's own thread
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the connection's thread, unless there are too many."""
        most = self.drain.behaviour.most_connections
        if len(self.connections) >= most:
            self.drain.note(f"connection closed: there are {most} already")
            super().shutdown_request(request)
            return
        self.limit(request)
        super().process_request(request, client_address)

    def limit(self, request: socket.socket) -> None:
        """Give the client of a connection its time, from now on, for what it does next."""
        self.connections[request] = time.monotonic() + self.drain.behaviour.patience

    def lift_limit(self, request: socket.socket) -> None:
        """Give the client of a connection all the time there is: it waits for the drain."""
        self.connections[request] = math.inf

    def service_actions(self) -> None:
        """End the connections of clients whose time is up. It is called at every turn of the accepting thread."""
        now = time.monotonic()
        for request, deadline in list(self.connections.items()):
            if deadline <= now and self.connections.pop(request, 0):  # once, and only if it has not ended meanwhile
                self.drain.note(f"connection ended: nothing complete came in {self.drain.behaviour.patience:g} s")
                with contextlib.suppress(OSError):  # it has ended by itself
                    socket.socket.shutdown(request, socket.SHUT_RDWR)  # its thread sees the end

    def shutdown_request(self, request: Any) -> None:
        """Close the connection at the end of its thread."""
        self.connections.pop(request, None)
        self.readers.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line that a connection was lost; anything else is an error in this program."""
        error = sys.exception()
        if isinstance(error, OSError):
            self.drain.note(f"connection lost: {error}")
        else:
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        """Answer a request, or hang up if its behaviour says so."""
        drain = self.server.drain
        behaviour = drain.begin()
        self.server.limit(self.request)
        try:
            body = read_body(self.rfile, self.headers, behaviour.max_body or BODY_LIMIT)
            self.server.lift_limit(self.request)
            drain.stopping.wait(behaviour.delay)
            frames = self._check(body, behaviour)
        except RequestError as error:
            drain.refuse(self.headers, status=error.status, reason=str(error))
            self.close_connection |= error.status == NO_ANSWER or isinstance(error, BodyError)
            if error.status != NO_ANSWER:
                self._answer(error.status, str(error), retry_after=behaviour.retry_after)
            elif behaviour.reset:
                self._reset()
        except OSError as error:
            drain.refuse(self.headers, status=NO_ANSWER, reason=f"connection lost: {error}")
            self.close_connection = True
        else:
            reason = f"kept waiting {behaviour.delay:g} s, as -delay says" if behaviour.delay else ""
            self._answer(drain.accept(self.headers, frames, status=HTTPStatus.NO_CONTENT, reason=reason))

    do_PUT = do_POST  # noqa: N815 - http.server looks these names up

    def do_GET(self) -> None:
        """Send a page, if there are any. It is no delivery: nothing of it is counted, and no misbehaviour meets it."""
        drain = self.server.drain
        if drain.pages is None:
            self.do_POST()
            return
        self.close_connection = True
        self.server.readers.add(self.request)
        pieces = drain.pages.answer(self.path, self.headers, behaviour=drain.behaviour, stopping=drain.stopping)
        with contextlib.closing(pieces), contextlib.suppress(OSError):  # a reader may go at any time
            for piece in pieces:
                self.server.limit(self.request)
                self.wfile.write(piece)
                self.server.lift_limit(self.request)

    def _check(self, body: bytes, behaviour: Behaviour) -> list[bytes]:
        if behaviour.reset:
            raise RequestError(NO_ANSWER, "connection reset, as -reset says")
        if behaviour.close:
            raise RequestError(NO_ANSWER, "connection closed, as -close says")
        if behaviour.status:
            raise RequestError(behaviour.status, "as -status says")
        if self.command != "POST":
            raise RequestError(HTTPStatus.METHOD_NOT_ALLOWED, f"log-shuttle sends POST and not {self.command}")
        return check_request(self.headers, body, authorizations=behaviour.authorizations, max_body=behaviour.max_body)

    def _answer(self, status: int, text: str = "", *, retry_after: int | None = None) -> None:
        self.server.limit(self.request)  # for the answer, and for the next request
        body = f"{text}\n".encode() if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED) else b""
        self.send_response(status)
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="log-shuttle-drain"')
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, POST" if self.server.drain.pages else "POST")
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        if self.close_connection or self.server.drain.stopping.is_set():
            self.send_header("Connection", "close")  # which also ends the loop over the requests
        if body:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body:
            self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.rfile.close()  # or the socket would stay open for its file, and the server end it in order
        self.connection.close()

    def send_error(self, code: int, *_: Any, **__: Any) -> None:
        """Answer what is not HTTP in one line; http.server's own quotes the path, which may hold a token."""
        self.close_connection = True
        phrase = HTTPStatus(code).phrase
        self.server.drain.note(f"answered {code}: {phrase}")
        self._answer(code, phrase)

    def version_string(self) -> str:
        """Return what the Server header says."""
        return "log-shuttle-drain"

    def log_message(self, *_: Any) -> None:
        """Say nothing: the drain shows its exchanges."""
