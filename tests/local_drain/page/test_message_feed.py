"""A feed gives each message once, goes on where the browser was, and says what is missing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shuttle.local_drain.page import message_feed
from shuttle.local_drain.page.message_feed import MessageFeed, describe, format_event
from shuttle.local_drain.page.message_ring import MessageRing

HEAD = b"<190>1 2024-01-02T03:04:05.123456+00:00 host shop web.1 - - "


def fill(ring: MessageRing, first: int, count: int) -> None:
    ring.extend([HEAD + b"%d\n" % number for number in range(first, first + count)])


def read(event: bytes) -> tuple[str, dict[str, Any]]:
    """Return the id and the data of an event."""
    fields = dict(line.split(": ", 1) for line in event.decode("ascii").strip().split("\n"))
    return fields.get("id", ""), json.loads(fields["data"])


def follow(feed: MessageFeed, ring: MessageRing) -> tuple[str, int, list[int]]:
    id_, data = read(feed.send(feed.choose(ring)))
    return id_, data["skipped"], [int(message[7]) for message in data["messages"]]


def test_an_event_has_the_fields_of_its_messages() -> None:
    assert describe(HEAD + b"a <b> \x1b\xff\n") == [
        *(190, 1, "2024-01-02T03:04:05.123456+00:00", "host", "shop", "web.1", "-", r"a <b> \x1b\xff", len(HEAD) + 9)
    ]


@pytest.mark.parametrize("frame", [b"<0>1 - - - - -", b"<0>1 - - - - - ", b"<0>1 - - - - - -\n", b"<0>1 - - - - -\n"])
def test_a_message_may_be_empty(frame: bytes) -> None:
    assert describe(frame)[:7] == [0, 1, "-", "-", "-", "-", "-"]


def test_a_new_browser_gets_what_there_is() -> None:
    ring = MessageRing(most=5)
    fill(ring, 1, 8)
    assert follow(MessageFeed("ab", ""), ring) == ("ab-8", 0, [4, 5, 6, 7, 8])


def test_a_browser_goes_on_after_the_last_one_it_has() -> None:
    ring = MessageRing()
    fill(ring, 1, 8)
    feed = MessageFeed("ab", "ab-5")
    assert read(feed.greet().partition(b"\n")[2]) == ("", {"epoch": "ab", "resumed": True})
    assert follow(feed, ring) == ("ab-8", 0, [6, 7, 8])
    assert feed.send(feed.choose(ring)) == b""


@pytest.mark.parametrize(
    "last", ["cd-5", "ab", "5", "ab-", "ab-x", "-5", "ab-5-6", "ab-99999999999999999999", "ab-999"]
)
def test_an_id_of_another_run_or_of_none_means_all(last: str) -> None:
    ring = MessageRing()
    fill(ring, 1, 8)
    assert follow(MessageFeed("ab", last), ring) == ("ab-8", 0, [1, 2, 3, 4, 5, 6, 7, 8])


def test_who_was_overtaken_is_told() -> None:
    ring = MessageRing(most=5)
    feed = MessageFeed("ab", "ab-2")
    fill(ring, 1, 20)
    assert follow(feed, ring) == ("ab-20", 13, [16, 17, 18, 19, 20])


def test_an_event_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_feed, "MOST", 3)
    ring = MessageRing()
    fill(ring, 1, 7)
    feed = MessageFeed("ab", "")
    assert [follow(feed, ring)[2] for _ in range(3)] == [[1, 2, 3], [4, 5, 6], [7]]


@given(st.recursive(st.text() | st.integers(), st.lists), st.text(alphabet="ab-1"))
def test_data_cannot_end_an_event(data: object, id_: str) -> None:
    event = format_event("x", data, id=id_)
    assert event.endswith(b"\n\n")
    assert event.count(b"\n") == 3 + bool(id_)
    assert b"\r" not in event


@given(st.lists(st.one_of(st.integers(1, 6), st.none()), max_size=30))
def test_each_message_is_given_once_or_counted(steps: list[int | None]) -> None:
    """A number is so many new messages, None a look; the browser loses its connection before each look."""
    ring = MessageRing(most=4)
    last, given_, written, skipped_all = "ab-0", [], 0, 0
    for step in [*steps, None]:
        if step is None:
            feed = MessageFeed("ab", last)
            if event := feed.send(feed.choose(ring)):
                last, data = read(event)
                skipped_all += data["skipped"]
                given_ += [int(message[7]) for message in data["messages"]]
        else:
            fill(ring, written + 1, step)
            written += step
    assert given_ == sorted(set(given_))
    assert len(given_) + skipped_all == written
