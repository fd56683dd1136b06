"""Readers of the page who are slow, many or gone: deliveries go on, and the end does not wait."""

import math
import re
import socket
import threading
from contextlib import ExitStack

import pytest

from shuttle.local_drain import Behaviour, Exchange, LocalDrain
from shuttle.local_drain.page.drain_site import MOST_FEEDS, DrainSite
from tests.helpers.deliveries import post
from tests.helpers.drain_clients import get, open_feed, read_until
from tests.helpers.sockets import GUARD


def test_a_page_more_than_allowed_is_refused_and_one_that_goes_makes_room(drain: LocalDrain) -> None:
    with ExitStack() as stack:
        feeds = [stack.enter_context(open_feed(drain)) for _ in range(MOST_FEEDS)]
        for client in feeds:
            read_until(client, b"event: hello")
        with open_feed(drain) as client:
            assert client.recv(100).startswith(b"HTTP/1.1 503 Service Unavailable")
        assert get(drain, "/")[0].status == 200  # files are another matter
        feeds[0].close()
        post(drain, ["a"])
        for _ in range(10_000):  # the drain sees it when it writes
            with open_feed(drain) as client:
                if client.recv(100).startswith(b"HTTP/1.1 200 OK"):
                    break
        else:
            pytest.fail("there is no room")


def test_readers_that_take_nothing_cost_no_delivery_and_little_memory(drain: LocalDrain) -> None:
    """What is read of a feed that stood still is the newest, and says what is missing."""
    with ExitStack() as stack:
        feeds = [stack.enter_context(open_feed(drain)) for _ in range(MOST_FEEDS)]
        for client in feeds:
            read_until(client, b"event: numbers")
        text = "x" * 5000
        post(drain, [f"{number} {text}" for number in range(5000)])  # 25 MB, and the ring has 16
        assert drain.counts.messages == 5000
        read = read_until(feeds[0], b'"4999 x')
        assert re.search(rb'"skipped":[1-9]', read)


def test_the_end_waits_for_no_reader() -> None:
    drain = LocalDrain(pages=DrainSite())
    with ExitStack() as stack:
        with drain:
            client = stack.enter_context(open_feed(drain))  # it outlives the drain
            read_until(client, b"event: hello")
            [reader] = drain._server.readers
            post(drain, ["x" * 9000] * 2000)
            looks, before = 0, math.inf
            while looks < 100:  # by then it waits for the reader to take a piece, which has until then
                get(drain, "/favicon.ico")
                deadline = drain._server.connections[reader]
                looks = looks + 1 if deadline == before < math.inf else 0
                before = deadline
            guard = threading.Timer(GUARD, client.shutdown, [socket.SHUT_RDWR])  # or a fault would make it hang
            guard.start()
        assert not guard.finished.is_set()
        guard.cancel()


def test_a_reader_that_takes_nothing_is_dropped() -> None:
    ended = threading.Event()

    def watch(exchange: Exchange) -> None:
        if exchange.reason.startswith("connection ended"):
            ended.set()

    with LocalDrain(Behaviour(patience=0.5), watch, DrainSite()) as drain, open_feed(drain) as client:
        read_until(client, b"event: hello")
        post(drain, ["x" * 9000] * 1500)  # more than the kernel keeps
        assert ended.wait(30)


def test_a_reader_is_kept_however_long_no_message_comes() -> None:
    with LocalDrain(Behaviour(patience=0.3), pages=DrainSite()) as drain, open_feed(drain) as client:
        for _ in range(3):  # a second from one to the next
            read_until(client, b"event: numbers")
