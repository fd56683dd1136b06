"""The forgiving reader of heads."""

import pytest

from shuttle.drain.http.head import Head, read_head
from tests.drain.http.test_connection import CONTINUE, HINTS


def test_each_interim_head_is_read_once() -> None:
    """However many there are, and however they are cut: 64 KiB of them, byte by byte, took half a minute."""
    data = bytearray(b"\r\n" + CONTINUE + b"\n" + HINTS.replace(b"\r", b"") + b"HTTP/1.1 102 Processing\n")
    assert read_head(data, over=False) is None
    assert data == b"HTTP/1.1 102 Processing\n"


@pytest.mark.parametrize("over", [False, True])
def test_a_head_has_its_reason_and_what_came_behind_it(over: bool) -> None:
    data = bytearray(CONTINUE + b"HTTP/1.1 403  Not for you \r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
    expected = Head(403, b"Not for you", [(b"A", b"b")], b"HTTP/1.1 200 OK\r\n\r\n")
    assert read_head(data, over=over) == expected
