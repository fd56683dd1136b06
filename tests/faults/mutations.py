"""Answers of drains, and what changes them."""

import random

GOOD = [
    b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Oh\r\nLink: </a>\r\n\r\nHTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n",
]
FAILING = [
    b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 3\r\n\r\nno!",
    b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 429 Slow down\r\nRetry-After: 0\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n.\r\n0\r\n\r\n",
]
WORDS = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b":",
    b" ",
    b"\t",
    b"\0",
    b"\xff",
    b"0",
    b"-1",
    b"9" * 30,
    b"chunked",
    b";",
]
WORDS += [
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"HTTP/1.1 ",
    b"\r\n folded",
]


def mutate(chance: random.Random, data: bytes) -> bytes:
    """Return `data` with one change."""
    place = chance.randrange(len(data) + 1)
    end = min(len(data), place + chance.choice((0, 1, 1, 2, 8, 30)))
    match chance.randrange(5):
        case 0:
            return data[:place] + data[end:]
        case 1:
            return data[:place] + chance.choice(WORDS) + data[end:]
        case 2:
            return data[:end] + data[place:]  # twice
        case 3:
            return data[:place]
        case _:
            return data[:place] + chance.randbytes(end - place) + data[end:]
