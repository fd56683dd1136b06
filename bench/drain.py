"""The drain: a process that reads every body to its end and counts its lines at little cost.

Strategy: a thread a connection that blocks in C code, for reading, TLS and gzip alike. Nothing is answered before the
body has ended. Whoever starts it reads the port from its stdout, and writes a number to its stdin: the counts come as
soon as so many lines have arrived.
"""

import argparse
import contextlib
import json
import socket
import ssl
import sys
import threading
import time
from dataclasses import asdict
from io import BufferedReader
from pathlib import Path
from typing import cast

from bench.tally import MismatchError, Tally, count_lines

try:
    from isal.isal_zlib import decompress  # so that the drain is not what -gzip waits for
except ImportError:
    from zlib import decompress


GZIP_WBITS = 31  # zlib: 15 bits of window, and 16 for a gzip header
BUFFER = 256 * 1024  # bytes; a request of 500 lines comes in one or two reads
_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Server:
    """Counts what comes on all connections; `keep` is a file that every body is appended to."""

    def __init__(self, *, line_bytes: int, keep: Path | None = None, hang: bool = False) -> None:
        self.tally = Tally()
        self._line_bytes = line_bytes
        self._kept = keep.open("ab") if keep else None
        self._hang = hang
        self._counted = threading.Condition()

    def listen(self, context: ssl.SSLContext | None) -> int:
        """Accept connections from now on, in threads, and return the port."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._accept, args=(listener, context), daemon=True).start()
        return int(listener.getsockname()[1])

    def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection, context), daemon=True).start()

    def _serve(self, connection: socket.socket, context: ssl.SSLContext | None) -> None:
        with contextlib.suppress(OSError, EOFError):  # the client went away
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            with connection, cast("BufferedReader", connection.makefile("rb", BUFFER)) as stream:
                while headers := read_head(stream):
                    if headers.get(b"expect"):
                        connection.sendall(_CONTINUE)
                    body = read_body(stream, headers)
                    if self._hang:
                        threading.Event().wait()
                    self._count(headers, body, time.monotonic_ns())
                    connection.sendall(_ANSWER)

    def _count(self, headers: dict[bytes, bytes], body: bytes, now: int) -> None:
        plain = decompress(body, GZIP_WBITS) if headers.get(b"content-encoding") == b"gzip" else body
        reports = (b"logplex-drop-count" in headers) + (b"logplex-lost-count" in headers)
        announced = int(headers.get(b"logplex-msg-count", reports)) - reports
        odd = lines = numbers = 0
        try:
            lines, numbers = count_lines(plain, reports=reports, line_bytes=self._line_bytes)
        except MismatchError:
            odd = 1
        tally = self.tally
        with self._counted:
            tally.requests += 1
            tally.odd += odd
            tally.lines += lines
            tally.announced += announced
            tally.number_sum += numbers
            tally.plain_bytes += len(plain)
            tally.wire_bytes += len(body)
            tally.last_ns = max(tally.last_ns, now)
            if self._kept:
                self._kept.write(b"%d %d\n" % (now, len(plain)))
                self._kept.write(plain)
            self._counted.notify()

    def wait(self, lines: int) -> Tally:
        """Return the counts as soon as `lines` lines have arrived, everything kept on disk."""
        with self._counted:
            self._counted.wait_for(lambda: self.tally.lines >= lines)
            if self._kept:
                self._kept.flush()
            self.tally.cpu = time.process_time()
            return self.tally


def read_head(stream: BufferedReader) -> dict[bytes, bytes]:
    """Return the headers of the next request, names in lower case; None if the connection ended."""
    stream.readline()
    headers = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    return headers


def read_body(stream: BufferedReader, headers: dict[bytes, bytes]) -> bytes:
    """Read a body to its end.

    Raises:
        EOFError: The connection ended before.
    """
    if headers.get(b"transfer-encoding") != b"chunked":
        return _read(stream, int(headers.get(b"content-length", 0)))
    pieces = []
    while size := int(stream.readline() or b"0", 16):
        pieces.append(_read(stream, size))
        stream.readline()
    if not stream.readline():
        raise EOFError
    return b"".join(pieces)


def _read(stream: BufferedReader, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.drain", description=__doc__)
    parser.add_argument("--line-bytes", type=int, required=True)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--cert", type=Path, help="PEM file of a certificate and its key: listen for TLS")
    parser.add_argument("--hang", action="store_true", help="read requests and never answer")
    options = parser.parse_args()
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert)
    server = Server(line_bytes=options.line_bytes, keep=options.keep, hang=options.hang)
    print(server.listen(context), flush=True)
    for request in sys.stdin:
        print(json.dumps(asdict(server.wait(int(request)))), flush=True)


if __name__ == "__main__":
    main()
