"""Clients of a local drain's pages: one that reads an answer, and one that reads events or leaves them."""

import http.client
import socket
from collections.abc import Mapping

from shuttle.local_drain import LocalDrain


def connect(drain: LocalDrain) -> socket.socket:
    host, port = drain.url.split("/")[2].split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def get(
    drain: LocalDrain, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection(drain.url.split("/")[2])
    connection.request(method, path, headers=dict(headers or {}))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def open_feed(drain: LocalDrain, last: str = "") -> socket.socket:
    client = connect(drain)
    client.sendall(f"GET /events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: {last}\r\n\r\n".encode())
    return client


def read_until(client: socket.socket, wanted: bytes) -> bytes:
    read = bytearray()
    while read.find(wanted, max(0, len(read) - 70_000)) < 0:
        piece = client.recv(65536)
        assert piece, read[-1000:]
        read += piece
    return bytes(read)
