"""Answers that are read without compiled code, one after another."""

import pytest

from shuttle.drain.http.plain_parser import PlainParser, RefusedError


class Ears:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_message_begin(self) -> None:
        self.heard.append("begin")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.heard.append(f"{name.decode()}={value.decode()}")

    def on_headers_complete(self) -> None:
        self.heard.append("head")

    def on_body(self, content: bytes) -> None:
        self.heard.append(content.decode())

    def on_message_complete(self) -> None:
        self.heard.append("end")


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_it_tells_what_it_finds(size: int) -> None:
    ears = Ears()
    parser = PlainParser(ears)
    for answer in (b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!\r\n", b"HTTP/1.1 204 No\r\nA: b\r\n\r\n"):
        for start in range(0, len(answer), size):
            parser.feed_data(answer[start : start + size])
    first = ["begin", "Content-Length=1", "head", "!", "end"]
    assert ears.heard == [*first, "begin", "A=b", "head", "end"]
    assert parser.get_status_code() == 204
    assert parser.should_keep_alive()


def test_of_a_flood_of_answers_the_first_is_read() -> None:
    """That a second one begins is told: it closes the connection."""
    ears = Ears()
    PlainParser(ears).feed_data(b"HTTP/1.1 204 No\r\n\r\n" * 5000)
    assert ears.heard == ["begin", "head", "end", "begin"]


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", True),
        (b"HTTP/1.1 200 OK\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: Close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_a_connection_is_kept_if_both_know_where_the_answer_ends(head: bytes, kept: bool) -> None:
    parser = PlainParser(Ears())
    parser.feed_data(head + b"\r\n")
    assert parser.should_keep_alive() is kept


@pytest.mark.parametrize("data", [b"S", b"HTTP/2", b"HTTP/1.1 2xx", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
def test_what_is_no_answer_is_refused_at_once(data: bytes) -> None:
    parser = PlainParser(Ears())
    with pytest.raises(RefusedError):
        parser.feed_data(data)
